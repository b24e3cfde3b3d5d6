"""A Ray cluster of emulated nodes on this machine. Run it inside a network namespace of its own.

    python nodes.py NODES SLOTS

Each node has room for this number of workers.

Prints one JSON line when the cluster is up: its address. Then takes commands on stdin, one per line, and prints a JSON
line for each: `kill ID` ends the node whose id begins so, as a power failure would; `add` adds one. Ends when its stdin
is closed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from ray.cluster_utils import Cluster

STARTS = 3
"""Attempts to start the head."""


def add(cluster: Cluster, slots: int) -> Any:
    return cluster.add_node(num_cpus=1, resources={"slot": slots}, object_store_memory=80 << 20)


def start() -> Cluster:
    """A cluster with a head that has no room for workers. Ray gives up after 30 s, which a busy machine may need."""
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80 << 20}
    for left in reversed(range(STARTS)):
        try:
            return Cluster(initialize_head=True, head_node_args=head)
        except Exception:
            if not left:
                raise
    raise AssertionError


def end_processes(node: Any) -> None:
    """Kills every process of a node."""
    for processes in node.all_processes.values():
        for process in processes:
            os.kill(process.process.pid, signal.SIGKILL)


def say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def main() -> None:
    cluster = start()
    count, slots = map(int, sys.argv[1:])
    nodes = [add(cluster, slots) for _ in range(count)]
    say({"address": cluster.address})
    for line in sys.stdin:
        match line.split():
            case ["kill", node_id]:
                [node] = [node for node in nodes if node._node_id.startswith(node_id)]
                end_processes(node)
                nodes.remove(node)
            case ["add"]:
                nodes.append(add(cluster, slots))
            case other:
                raise SystemExit(f"unknown command {other}")
        say({"nodes": len(nodes)})


if __name__ == "__main__":
    main()
