"""The loop over all slots: takes what the coordinator asks for, and passes on what the actors answer.

One thread reads the coordinator's lines and submits calls at once. The loop waits for their results with `ray.wait`.
Both hold one lock, never while they wait or write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from earwitness_ray.cluster import Cluster, LostError
from earwitness_ray.slot import Call, Launch, Slot
from earwitness_ray.wire import Envelope, WireError, event

TICK_S = 0.05
"""How long the loop waits for results, so that calls submitted meanwhile are waited for soon."""
BEAT_S = 1.0
"""Interval between two signs of life for the coordinator."""


class Driver:
    """All slots of a run."""

    def __init__(
        self,
        cluster: Cluster,
        launch: Launch,
        write: Callable[[bytes], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._launch = launch
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: dict[int, Slot] = {}
        self._calls: dict[Any, Call] = {}
        self._outgoing: list[Envelope] = []
        self._beat_at = 0.0
        self._capacity: int | None = None
        self._stopping = threading.Event()

    def handle(self, envelope: Envelope) -> None:
        """Handles a line of the coordinator."""
        address = envelope.address
        if address is None:
            raise WireError(f"`{envelope.verb}` is not for the driver")
        with self._lock:
            slot = self._slots.get(address.slot)
            if slot is None:
                slot = Slot(address.slot, self._cluster, self._launch, self._calls.__setitem__, self._outgoing.append)
                self._slots[address.slot] = slot
            match envelope.verb:
                case "line":
                    slot.write(address.generation, envelope.payload)
                case "start":
                    slot.start(address.generation, self._clock())
                case "close":
                    slot.close(address.generation)
                case "kill":
                    slot.kill(address.generation)
                case "release":
                    slot.release()
                case verb:
                    raise WireError(f"unknown verb `{verb}`")

    def stop(self) -> None:
        """Makes `run` return."""
        self._stopping.set()

    def run(self) -> None:
        """Runs until `stop`, then ends all workers."""
        while not self._stopping.is_set():
            self.step()
        with self._lock:
            for slot in self._slots.values():
                slot.release()

    def step(self) -> None:
        """Waits for results once, and handles what has arrived."""
        with self._lock:
            refs = list(self._calls)
        if refs:
            ready = self._cluster.wait(refs, TICK_S)
        else:
            self._stopping.wait(TICK_S)
            ready = []
        with self._lock:
            for ref in ready:
                self._finish(ref)
            now = self._clock()
            for slot in self._slots.values():
                slot.check(now)
            self._report(now)
            outgoing = b"".join(envelope.encode() for envelope in self._outgoing)
            self._outgoing.clear()
        if outgoing:
            self._write(outgoing)

    def _finish(self, ref: Any) -> None:
        call = self._calls.pop(ref)
        try:
            value = self._cluster.result(ref)
        except LostError as error:
            call.slot.failed(call, error, self._clock())
        else:
            call.slot.finished(call, value, self._clock())

    def _report(self, now: float) -> None:
        capacity = self._cluster.capacity()
        if capacity != self._capacity:
            self._capacity = capacity
            self._outgoing.append(event(None, "capacity", capacity))
        if now - self._beat_at >= BEAT_S:
            self._beat_at = now
            self._outgoing.append(event(None, "beat", {}))
