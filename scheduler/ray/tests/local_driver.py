"""The driver over a cluster that is only threads of this process, for the coordinator's tests. Needs no Ray.

    python3 local_driver.py [--room N] [--log FILE] [--fault KIND --after LINES --once FILE]

`--room`: workers that have room at the same time; more wait. `--log`: a line per actor that is created or discarded.
`--fault`: happens once, after this number of lines of workers: `actor` (an actor dies), `node` (a node leaves),
`garbage` (the driver sends a malformed line), `crash` (the driver exits), `fatal` (it cannot join the cluster), `stall`
(the driver hangs).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from earwitness_ray import __main__ as program
from earwitness_ray import cluster, wire
from earwitness_ray.host import WorkerHost


class Actor(WorkerHost):
    """A host on a node of its own."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def node(self) -> str:
        return f"node{self.number:04}"

    @property
    def generation(self) -> int:
        """That of its last worker."""
        return self._generation


class LocalCluster:
    """A `Cluster` of threads."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._pool = ThreadPoolExecutor(64)
        self._created = 0
        self._placed: list[Actor] = []
        self._waiting: list[tuple[Actor, Future[Any], tuple[Any, ...]]] = []
        self._actors: dict[Future[Any], Actor] = {}
        self._lost: set[Future[Any]] = set()

    def create(self) -> Actor:
        self._created += 1
        self._log("create")
        return Actor(self._created)

    def call(self, actor: Actor, method: str, *args: Any) -> Future[Any]:
        if actor not in self._placed and len(self._placed) >= self._arguments.room:
            future: Future[Any] = Future()
            self._waiting.append((actor, future, args))
        else:
            if actor not in self._placed:
                self._placed.append(actor)
            future = self._pool.submit(getattr(actor, method), *args)
        self._actors[future] = actor
        return future

    def wait(self, refs: list[Future[Any]], timeout_s: float) -> list[Future[Any]]:
        return [ref for ref in refs if ref in self._lost] or list(wait(refs, timeout_s, FIRST_COMPLETED).done)

    def result(self, ref: Future[Any]) -> Any:
        del self._actors[ref]
        if ref in self._lost:
            self._lost.remove(ref)
            raise cluster.LostError("the test ended it")
        return ref.result()

    def discard(self, actor: Actor) -> None:
        self._log("discard")
        self._end(actor)
        self._waiting = [entry for entry in self._waiting if entry[0] is not actor]
        if self._waiting and len(self._placed) < self._arguments.room:
            following, future, args = self._waiting.pop(0)
            self._placed.append(following)
            self._pool.submit(lambda: future.set_result(following.start(*args)))

    def capacity(self) -> int:
        return int(self._arguments.room)

    def is_alive(self, node: str) -> bool:
        return any(actor.node() == node for actor in self._placed)

    def describe(self) -> dict[str, Any]:
        return {"engine": "threads", "nodes": 1, "capacity": self.capacity()}

    def shut_down(self) -> None:
        pass

    def lose(self, *, node: bool) -> None:
        """Ends the worker of an actor and all calls of it; with `node`, the actor too."""
        actor = self._placed[0]
        self._lost.update(ref for ref, owner in self._actors.items() if owner is actor)
        actor.kill(actor.generation)
        if node:
            self._placed.remove(actor)

    def _end(self, actor: Actor) -> None:
        actor.kill(actor.generation)
        if actor in self._placed:
            self._placed.remove(actor)

    def _log(self, what: str) -> None:
        if self._arguments.log:
            with Path(self._arguments.log).open("a") as log:
                log.write(f"{what}\n")


class Faults:
    """The driver's output, with a fault in it."""

    def __init__(self, arguments: argparse.Namespace, local: LocalCluster, write: program.Write) -> None:
        self._arguments = arguments
        self._local = local
        self._write = write
        self._lines = 0

    def write(self, data: bytes) -> None:
        self._write(data)
        self._lines += sum(b" line " in line for line in data.splitlines())
        if self._arguments.fault and self._lines >= self._arguments.after and self._is_first():
            self._happen(self._arguments.fault)

    def _is_first(self) -> bool:
        try:
            os.close(os.open(self._arguments.once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def _happen(self, fault: str) -> None:
        match fault:
            case "actor" | "node":
                self._local.lose(node=fault == "node")
            case "garbage":
                self._write(b"this is not an envelope\n")
            case "crash":
                print("the last words of the driver", file=sys.stderr, flush=True)
                os._exit(9)
            case "stall":
                time.sleep(3600)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--room", type=int, default=64)
    parser.add_argument("--log")
    parser.add_argument("--fault")
    parser.add_argument("--after", type=int, default=1)
    parser.add_argument("--once")
    arguments = parser.parse_args()
    if arguments.fault == "fatal":
        raise SystemExit(fatal())
    local = LocalCluster(arguments)
    return program.main(lambda *_: local, lambda write: Faults(arguments, local, write).write)


def fatal() -> int:
    sys.stdout.buffer.write(wire.event(None, "fatal", {"message": "no cluster", "remedy": "start one"}).encode())
    return 1


if __name__ == "__main__":
    os._exit(main())
