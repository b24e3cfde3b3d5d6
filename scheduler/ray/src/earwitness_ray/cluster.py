"""The cluster as the driver sees it, and its implementation with Ray. No other module imports `ray`."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import earwitness_ray
from earwitness_ray.host import WorkerHost

NODES_INTERVAL_S = 1.0
"""Interval between two readings of the list of nodes."""
CALLS_AT_ONCE = 8
"""Threads of an actor: a read that waits, and short calls."""
OLDEST, NEWEST = (2, 50), (3, 0)
"""The versions of Ray: from the first, below the second. As in pyproject.toml."""


class FatalError(Exception):
    """The driver cannot work. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class LostError(Exception):
    """A call failed because its actor or node is gone, or because of an exception in the actor."""


@dataclass(frozen=True)
class Demand:
    """What each slot reserves: GPUs or a part of one, CPUs, and custom resources."""

    gpus: float = 0.0
    cpus: float = 0.0
    custom: dict[str, float] = field(default_factory=dict)

    def fits(self, resources: dict[str, float]) -> int:
        """How many slots these resources have room for."""
        wanted = {"GPU": self.gpus, "CPU": self.cpus, **self.custom}
        parts = [int(resources.get(name, 0.0) / amount + 1e-9) for name, amount in wanted.items() if amount > 0]
        return min(parts, default=0)


class Cluster(Protocol):
    """What the driver needs of a cluster. No method blocks, except `wait`."""

    def create(self) -> Any:
        """Requests an actor, a `WorkerHost`. It is placed when there is room for it."""

    def call(self, actor: Any, method: str, *args: Any) -> Any:
        """Calls a method of an actor. Returns a reference to its result."""

    def wait(self, refs: list[Any], timeout_s: float) -> list[Any]:
        """Waits for the first results. Returns all references whose result, or error, has arrived."""

    def result(self, ref: Any) -> Any:
        """The result of a call that has ended. Raises `LostError`."""

    def discard(self, actor: Any) -> None:
        """Ends an actor and its worker, and gives its resources back."""

    def capacity(self) -> int:
        """How many slots the nodes have room for in total."""

    def is_alive(self, node: str) -> bool:
        """Whether a node is known to be part of the cluster."""

    def describe(self) -> dict[str, Any]:
        """What the coordinator learns about the cluster when the driver is ready."""

    def shut_down(self) -> None:
        """Leaves the cluster. May block."""


class RayCluster:
    """A Ray cluster. A job of its own, so that its actors end with the driver, however it ends."""

    def __init__(self, address: str, demand: Demand) -> None:
        self._ray = _import_ray()
        self._demand = demand
        self._nodes: dict[str, dict[str, float]] = {}
        self._connect(address)
        self._actor = self._actor_class()
        self._read_nodes()
        threading.Thread(target=self._watch_nodes, name="nodes", daemon=True).start()

    def _connect(self, address: str) -> None:
        try:
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=True,
                namespace="earwitness",
            )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise FatalError(
                f"the Ray cluster at `{address}` cannot be joined: {error}",
                "start it (`ray start --head`), run this on one of its nodes, and use the same versions of Python and "
                "Ray on all of them",
            ) from error

    def _actor_class(self) -> Any:
        ray = self._ray

        class Host(WorkerHost):
            def node(self) -> str:
                return str(ray.get_runtime_context().get_node_id())

        # Nodes need Ray, but not this package: its code travels with the actors.
        ray.cloudpickle.register_pickle_by_value(earwitness_ray)
        demand = self._demand
        return ray.remote(
            num_gpus=demand.gpus,
            num_cpus=demand.cpus,
            resources=demand.custom or None,
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=CALLS_AT_ONCE,
        )(Host)

    def create(self) -> Any:
        return self._actor.remote()

    def call(self, actor: Any, method: str, *args: Any) -> Any:
        return getattr(actor, method).remote(*args)

    def wait(self, refs: list[Any], timeout_s: float) -> list[Any]:
        ready, _ = self._ray.wait(refs, num_returns=1, timeout=timeout_s)
        if ready:
            # The first one says only that there are some. One call for all that arrived keeps the cost per result low.
            ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        return list(ready)

    def result(self, ref: Any) -> Any:
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            first_line = str(error).strip().splitlines()[0] if str(error).strip() else ""
            raise LostError(f"{type(error).__name__}: {first_line}") from error

    def discard(self, actor: Any) -> None:
        self._ray.kill(actor, no_restart=True)

    def capacity(self) -> int:
        return sum(self._demand.fits(resources) for resources in self._nodes.values())

    def is_alive(self, node: str) -> bool:
        return node in self._nodes

    def describe(self) -> dict[str, Any]:
        return {"engine": f"Ray {self._ray.__version__}", "nodes": len(self._nodes), "capacity": self.capacity()}

    def shut_down(self) -> None:
        self._ray.shutdown()

    def _read_nodes(self) -> None:
        nodes = self._ray.nodes()
        self._nodes = {node["NodeID"]: node["Resources"] for node in nodes if node["Alive"]}

    def _watch_nodes(self) -> None:
        # In a thread of its own, since the head may take long to answer, or be gone.
        while True:
            time.sleep(NODES_INTERVAL_S)
            try:
                self._read_nodes()
            except Exception:  # the nodes that are known stay known
                continue


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    try:
        import ray  # here, because the error of a missing Ray is ours
    except ImportError as error:
        raise FatalError(f"Python has no package `ray`: {error}", "install it: python3 -m pip install ray") from error
    version = tuple(int(part) for part in ray.__version__.split(".")[:2])
    if not OLDEST <= version < NEWEST:
        oldest, newest = (".".join(map(str, limit)) for limit in (OLDEST, NEWEST))
        raise FatalError(f"Ray {ray.__version__} is not supported", f"install a version from {oldest}, below {newest}")
    return ray
