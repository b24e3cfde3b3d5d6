"""A cluster without Ray: calls end when the test says so, in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from earwitness_ray.cluster import LostError
from earwitness_ray.driver import Driver
from earwitness_ray.host import Output, Started
from earwitness_ray.slot import Launch
from earwitness_ray.wire import parse


@dataclass(eq=False)
class FakeCall:
    """A reference: a call of an actor, and its result once it has one."""

    actor: int
    method: str
    args: tuple[Any, ...]
    outcome: Callable[[], Any] | None = None


@dataclass
class FakeCluster:
    """Records what it is asked for."""

    calls: list[FakeCall] = field(default_factory=list)
    actors: int = 0
    discarded: list[int] = field(default_factory=list)
    nodes: set[str] = field(default_factory=lambda: {"n0", "n1"})
    room: int = 2

    def create(self) -> int:
        self.actors += 1
        return self.actors - 1

    def call(self, actor: int, method: str, *args: Any) -> FakeCall:
        self.calls.append(FakeCall(actor, method, args))
        return self.calls[-1]

    def wait(self, refs: list[FakeCall], timeout_s: float) -> list[FakeCall]:
        assert timeout_s > 0
        return [ref for ref in refs if ref.outcome is not None]

    def result(self, ref: FakeCall) -> Any:
        assert ref.outcome is not None
        self.calls.remove(ref)
        return ref.outcome()

    def discard(self, actor: int) -> None:
        self.discarded.append(actor)

    def capacity(self) -> int:
        return self.room

    def is_alive(self, node: str) -> bool:
        return node in self.nodes

    def describe(self) -> dict[str, Any]:
        return {"engine": "fake", "nodes": len(self.nodes), "capacity": self.room}

    def shut_down(self) -> None:
        pass


class Rig:
    """A driver over a fake cluster, with a clock that moves only when the test moves it."""

    def __init__(self, silence_s: float = 5.0) -> None:
        self.cluster = FakeCluster()
        self.now = 100.0
        self._lines: list[bytes] = []
        launch = Launch(["earwitness", "worker"], {"A": "b"}, silence_s)
        self.driver = Driver(self.cluster, launch, self._write, lambda: self.now)

    def _write(self, data: bytes) -> None:
        self._lines += data.splitlines()

    def tell(self, line: str) -> None:
        self.driver.handle(parse(line.encode()))

    def step(self) -> list[str]:
        """Lets the driver handle what has arrived. Returns its lines without its own."""
        self.driver.step()
        lines, self._lines = [line.decode() for line in self._lines], []
        return [line for line in lines if not line.startswith(("- beat", "- capacity"))]

    def calls(self, method: str, actor: int | None = None) -> list[FakeCall]:
        """The calls in flight."""
        return [call for call in self.cluster.calls if call.method == method and actor in (None, call.actor)]

    def reply(self, call: FakeCall, value: Any) -> list[str]:
        call.outcome = lambda: value
        return self.step()

    def fail(self, call: FakeCall, reason: str = "ActorDiedError") -> list[str]:
        def lose() -> Any:
            raise LostError(reason)

        call.outcome = lose
        return self.step()

    def up(self, slot: int = 0, generation: int = 1, node: str = "n0") -> list[str]:
        """Starts a worker."""
        self.tell(f"{slot}.{generation} start {{}}")
        return self.reply(self.calls("start")[-1], Started(node, "host", ["0"], 42))

    def output(self, lines: list[bytes], end: str | None = None, actor: int = 0) -> list[str]:
        """Output of a worker, as the reply of the read that waits for it. Returns lines without signs of life."""
        replied = self.reply(self.calls("read", actor)[0], Output(lines, end))
        return [line for line in replied if " alive " not in line]
