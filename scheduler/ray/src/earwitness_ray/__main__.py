"""The driver process: connects to the cluster as the coordinator's first line says, and runs until its stdin closes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from earwitness_ray import PROTOCOL
from earwitness_ray.cluster import Cluster, Demand, FatalError, RayCluster
from earwitness_ray.driver import Driver
from earwitness_ray.slot import Launch
from earwitness_ray.wire import Envelope, WireError, event, parse

STOP_PATIENCE_S = 5.0
"""How long the driver may take to end its actors. They end with its job in any case."""


Write = Callable[[bytes], None]


def main(
    connect: Callable[[str, Demand], Cluster] = RayCluster, wrap: Callable[[Write], Write] = lambda write: write
) -> int:
    """Runs the driver. Tests replace the cluster and its output."""
    output = _claim_stdout()

    def write(data: bytes) -> None:
        output.write(data)
        output.flush()

    try:
        _serve(sys.stdin.buffer, wrap(write), connect)
    except FatalError as error:
        write(event(None, "fatal", {"message": str(error), "remedy": error.remedy}).encode())
        return 1
    except WireError as error:
        write(event(None, "fatal", {"message": f"the coordinator sent {error}", "remedy": "report it"}).encode())
        return 1
    except BrokenPipeError:
        return 1  # the coordinator is gone
    return 0


def _serve(stdin: BinaryIO, write: Write, connect: Callable[[str, Demand], Cluster]) -> None:
    first = stdin.readline()
    if not first:
        return
    settings = _settings(parse(first.rstrip(b"\n")))
    demand = Demand(settings["gpus"], settings["cpus"], settings["resources"])
    cluster = connect(settings["address"], demand)
    # Whoever stops a job, a service or a container signals all its processes. The coordinator lets the workers finish
    # what they have begun, and closes stdin when they have. After connecting, because Ray sets handlers of its own.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    launch = Launch(settings["argv"], settings["environment"], settings["silence_ms"] / 1000)
    write(event(None, "ready", {"protocol": PROTOCOL, **cluster.describe()}).encode())
    driver = Driver(cluster, launch, write)
    failure: list[WireError] = []
    threading.Thread(target=_listen, args=(stdin, driver, failure), name="stdin", daemon=True).start()
    driver.run()
    cluster.shut_down()
    if failure:
        raise failure[0]


def _settings(envelope: Envelope) -> Any:
    if envelope.address is not None or envelope.verb != "configure":
        raise WireError(f"`{envelope.verb}` before `configure`")
    settings = envelope.json()
    if settings["protocol"] != PROTOCOL:
        raise FatalError(
            f"the package earwitness-ray speaks version {PROTOCOL} of the driver's protocol, the program version "
            f"{settings['protocol']}",
            "install the package that belongs to the program: python3 -m pip install scheduler/ray",
        )
    return settings


def _listen(stdin: BinaryIO, driver: Driver, failure: list[WireError]) -> None:
    try:
        for line in stdin:
            driver.handle(parse(line.rstrip(b"\n")))
    except WireError as error:
        failure.append(error)
    driver.stop()
    # Ray's calls may block while the head is gone.
    timer = threading.Timer(STOP_PATIENCE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _claim_stdout() -> BinaryIO:
    """Reserves stdout for the coordinator: what a library prints goes to stderr."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "wb")


if __name__ == "__main__":
    sys.exit(main())
