"""The state of one slot: its actor, the worker that runs in it, and the calls in flight.

At most one read waits in an actor, and input is numbered, so the order of lines does not depend on Ray. Every call that
fails ends the worker of its generation; the coordinator decides what happens with its recordings.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from earwitness_ray.cluster import Cluster, LostError
from earwitness_ray.host import Output, Started
from earwitness_ray.wire import Address, Envelope, event

POLL_S = 1.0
"""How long a read waits in an actor for output, so that an idle actor answers this often."""
WRITES_IN_FLIGHT = 4
"""Most calls with input. What comes meanwhile goes with the next one."""
ALIVE_S = 0.9
"""Interval between two signs of life of an actor. The coordinator calls a worker silent only while its actor is not."""
RETRY_S = 0.25
"""Delay until a start is tried again in an actor that Ray restarts."""
TRIES_PER_ACTOR = 20
"""Then the actor is replaced."""
TRIES = 60
"""Then the start has failed."""
PENDING_S = 30.0
"""A slot that waits longer for room in the cluster is reported."""


class Cause(enum.Enum):
    """Why a worker is gone."""

    EXIT = "exit"
    """The process ended. Its actor remains."""
    ACTOR = "actor"
    """The actor died, whose death the worker does not survive."""
    NODE = "node"
    """The node died or does not answer."""
    PROGRAM = "program"
    """The program could not be started."""


class Phase(enum.Enum):
    DOWN = enum.auto()
    STARTING = enum.auto()
    UP = enum.auto()


@dataclass(frozen=True)
class Launch:
    """How workers are started."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    silence_s: float = 9.0
    """An actor that does not answer for this time, beyond its poll, is unreachable."""


@dataclass(frozen=True)
class Call:
    """A call in flight."""

    slot: Slot
    generation: int
    method: str


class Slot:
    """One slot. The caller holds the driver's lock."""

    def __init__(
        self,
        number: int,
        cluster: Cluster,
        launch: Launch,
        track: Callable[[Any, Call], None],
        send: Callable[[Envelope], None],
    ) -> None:
        self._number = number
        self._cluster = cluster
        self._launch = launch
        self._track = track
        self._send = send
        self._actor: Any = None
        self._phase = Phase.DOWN
        self._generation = -1
        self._node = ""
        self._host = ""
        self._input: list[bytes] = []
        self._closing = False
        self._next_input = 0
        self._writes = 0
        self._since = 0.0
        self._tries = 0
        self._retry_at: float | None = None
        self._reported_pending = False
        self._alive_at = 0.0

    # What the coordinator asks for.

    def start(self, generation: int, now: float) -> None:
        """Starts a worker, in the slot's actor if it has one."""
        self._end()
        self._generation, self._phase, self._since = generation, Phase.STARTING, now
        self._input, self._closing, self._next_input, self._writes = [], False, 0, 0
        self._tries, self._reported_pending, self._alive_at = 0, False, 0.0
        self._try_start()

    def write(self, generation: int, line: bytes) -> None:
        """Passes a line to the worker."""
        if self._is_up(generation):
            self._input.append(line)
            self._flush()

    def close(self, generation: int) -> None:
        """Closes the worker's stdin after the lines before."""
        if self._is_up(generation):
            self._closing = True
            self._flush()

    def kill(self, generation: int) -> None:
        """Kills the worker. The actor keeps its resources for the next one, or so that no other slot gets them."""
        if generation == self._generation:
            self._end()

    def release(self) -> None:
        """Kills the worker and gives the resources back."""
        self._phase, self._retry_at = Phase.DOWN, None
        self._discard()

    # What happens in the cluster.

    def finished(self, call: Call, value: Any, now: float) -> None:
        """Handles the result of a call."""
        if call.generation != self._generation or self._phase is Phase.DOWN:
            return
        match call.method:
            case "start":
                self._started(value, now)
            case "read":
                self._read(value, now)
            case "write":
                self._writes -= 1
                self._flush()

    def failed(self, call: Call, error: LostError, now: float) -> None:
        """Handles a call that failed."""
        if call.generation != self._generation:
            return
        if self._phase is Phase.UP:
            self._lost(error)
        elif self._phase is Phase.STARTING and call.method == "start":
            self._tries += 1
            if self._tries >= TRIES:
                self._down(Cause.ACTOR, f"its actor cannot be started: {error}")
                self._discard()
                return
            if self._tries % TRIES_PER_ACTOR == 0:
                self._discard()
            self._retry_at = now + RETRY_S

    def check(self, now: float) -> None:
        """Looks at the clock: starts that are tried again, and actors that do not answer."""
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._try_start()
        if self._phase is Phase.UP and now - self._since > POLL_S + self._launch.silence_s:
            self._down(Cause.NODE, f"the node has not answered for {now - self._since - POLL_S:.1f} s")
            self._discard()
        if self._phase is Phase.STARTING and now - self._since > PENDING_S and not self._reported_pending:
            self._reported_pending = True
            self._event("pending", {"seconds": PENDING_S})

    def _is_up(self, generation: int) -> bool:
        return self._phase is Phase.UP and generation == self._generation

    def _try_start(self) -> None:
        if self._actor is None:
            self._actor = self._cluster.create()
        self._call("start", self._launch.argv, self._launch.environment)

    def _started(self, started: Started, now: float) -> None:
        self._node, self._host = started.node, started.host
        if started.error is not None:
            self._down(Cause.PROGRAM, started.error)
            return
        self._phase = Phase.UP
        self._event("up", {"node": started.node, "host": started.host, "gpus": started.gpus, "pid": started.pid})
        self._poll(now)

    def _poll(self, now: float) -> None:
        self._since = now
        self._call("read", POLL_S)

    def _read(self, output: Output, now: float) -> None:
        for line in output.lines:
            self._send(Envelope(Address(self._number, self._generation), "line", line))
        if output.end is not None:
            self._down(Cause.EXIT, output.end)
            return
        if now - self._alive_at >= ALIVE_S:
            self._alive_at = now
            self._event("alive", {"memory": output.memory})
        self._poll(now)

    def _flush(self) -> None:
        if (not self._input and not self._closing) or self._writes >= WRITES_IN_FLIGHT:
            return
        if self._input:
            self._writes += 1
            lines, self._input = self._input, []
            self._call("write", self._next_input, lines)
            self._next_input += 1
        if self._closing:
            self._closing = False
            self._writes += 1
            self._call("write", self._next_input, None)
            self._next_input += 1

    def _lost(self, error: LostError) -> None:
        if self._cluster.is_alive(self._node):
            self._down(Cause.ACTOR, f"its actor died ({error})")
        else:
            self._down(Cause.NODE, f"its node left the cluster ({error})")
            self._discard()

    def _down(self, cause: Cause, reason: str) -> None:
        self._phase = Phase.DOWN
        self._event("down", {"cause": cause.value, "reason": reason, "node": self._node, "host": self._host})

    def _end(self) -> None:
        """Ends the worker, if there is one."""
        if self._phase is not Phase.DOWN and self._actor is not None:
            self._call("kill")
        self._phase, self._retry_at = Phase.DOWN, None

    def _discard(self) -> None:
        if self._actor is not None:
            self._cluster.discard(self._actor)
            self._actor = None

    def _call(self, method: str, *args: Any) -> None:
        ref = self._cluster.call(self._actor, method, self._generation, *args)
        self._track(ref, Call(self, self._generation, method))

    def _event(self, verb: str, payload: Any) -> None:
        self._send(event(Address(self._number, self._generation), verb, payload))
