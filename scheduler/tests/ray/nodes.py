"""A Ray cluster of emulated nodes on this machine. Run it inside a network namespace of its own.

    python nodes.py NODES SLOTS

Each node has room for this number of workers.

Prints one JSON line when the cluster is up: its address. Then takes commands on stdin, one per line, and prints a JSON
line for each:

    add           adds a node
    kill ID       ends the node whose id begins so, with everything that runs on it
    freeze ID     stops it: it answers nobody and its connections stay open, as after a power failure
    crash ID      ends only its raylet, whose actors then end by themselves

Ends when its stdin is closed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

STARTS = 3
"""Attempts to start a node. Ray gives up after 30 s, which a busy machine may need."""


def started(start: Any) -> Any:
    """The result of `start`, which may fail a few times."""
    for left in reversed(range(STARTS)):
        try:
            return start()
        except Exception:
            if not left:
                raise
    raise AssertionError


def start() -> Cluster:
    """A cluster with a head that has no room for workers."""
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80 << 20}
    return started(lambda: Cluster(initialize_head=True, head_node_args=head))


def add(cluster: Cluster, slots: int) -> Any:
    return started(lambda: cluster.add_node(num_cpus=1, resources={"slot": slots}, object_store_memory=80 << 20))


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, thread.read_text().split())
    return [pid, *(descendant for child in children for descendant in tree(child))]


def freeze(node: Any) -> list[int]:
    """Stops every process of a node, and what they started. Returns their ids."""
    own = [process.process.pid for processes in node.all_processes.values() for process in processes]
    frozen: list[int] = []
    # Again, because a process may start another one until it is stopped.
    while new := [pid for root in own for pid in tree(root) if pid not in frozen]:
        for pid in new:
            os.kill(pid, signal.SIGSTOP)
        frozen += new
    return frozen


def end(node: Any) -> None:
    """Ends every process of a node, and what they started, at the same time."""
    for pid in freeze(node):
        os.kill(pid, signal.SIGKILL)
    for processes in node.all_processes.values():
        for process in processes:
            process.process.wait()


def crash(node: Any) -> None:
    """Ends the raylet of a node."""
    for process in node.all_processes["raylet"]:
        process.process.kill()
        process.process.wait()  # its actors take a zombie for a process that lives


def say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def main() -> None:
    count, slots = map(int, sys.argv[1:])
    cluster = start()
    nodes = [add(cluster, slots) for _ in range(count)]
    frozen = []
    say({"address": cluster.address})
    for line in sys.stdin:
        match line.split():
            case ["kill" | "freeze" | "crash" as verb, node_id]:
                [node] = [node for node in nodes if node._node_id.startswith(node_id)]
                nodes.remove(node)
                {"kill": end, "freeze": freeze, "crash": crash}[verb](node)
                if verb == "freeze":
                    frozen.append(node)
            case ["add"]:
                nodes.append(add(cluster, slots))
            case other:
                raise SystemExit(f"unknown command {other}")
        say({"nodes": len(nodes)})
    for node in [*frozen, *nodes, cluster.head_node]:
        end(node)
    os._exit(0)  # without Ray's own shutdown, which waits for each process


if __name__ == "__main__":
    main()
