"""The host with real processes."""

import os
import signal
import sys
import time

import pytest

from earwitness_ray import host
from earwitness_ray.host import Output, WorkerHost

PYTHON = sys.executable


def start(code: str, generation: int = 1, worker_host: WorkerHost | None = None) -> tuple[WorkerHost, int]:
    worker_host = worker_host or WorkerHost()
    started = worker_host.start(generation, [PYTHON, "-u", "-c", code], {"EXTRA": "passed"})
    assert started.error is None
    return worker_host, started.pid


def drain(worker_host: WorkerHost, generation: int = 1) -> tuple[list[bytes], str]:
    """All output, and how the worker ended."""
    lines: list[bytes] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        output = worker_host.read(generation, 1.0)
        lines += output.lines
        if output.end is not None:
            return lines, output.end
    raise AssertionError("the worker did not end")


ECHO = "import sys\nfor line in sys.stdin: print(line, end='')"


def test_input_arrives_in_order_of_its_numbers() -> None:
    worker_host, _ = start(ECHO)
    worker_host.write(1, 2, None)
    worker_host.write(1, 1, [b"third"])
    worker_host.write(1, 0, [b"first", b"second"])
    assert drain(worker_host) == ([b"first", b"second", b"third"], "exited with code 0")


def test_end_comes_after_the_last_line_and_states_code_or_signal() -> None:
    worker_host, _ = start("print('last'); raise SystemExit(3)")
    assert drain(worker_host) == ([b"last"], "exited with code 3")
    worker_host, pid = start("input()")
    os.kill(pid, signal.SIGTERM)
    assert drain(worker_host) == ([], "killed by signal 15")


def test_end_of_a_killed_worker_comes_late_because_an_actor_that_ends_kills_its_worker_first() -> None:
    worker_host, pid = start("print('last'); input()")
    assert worker_host.read(1, 30.0).lines == [b"last"]
    killed_at = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    assert worker_host.read(1, host.KILLED_DELAY_S / 2) == Output(memory=None)
    assert drain(worker_host) == ([], "killed by signal 9")
    assert time.monotonic() - killed_at >= host.KILLED_DELAY_S


def test_read_of_a_silent_worker_returns_and_states_its_memory() -> None:
    worker_host, _ = start("input()")
    output = worker_host.read(1, 0.01)
    assert (output.lines, output.end) == ([], None)
    deadline = time.monotonic() + 10
    while not worker_host.read(1, 0.05).memory:
        assert time.monotonic() < deadline
    worker_host.kill(1)


def test_large_output_comes_in_bounded_replies_and_a_worker_that_is_not_read_blocks() -> None:
    size = 200_000
    worker_host, _ = start(f"import sys\nfor n in range(60): sys.stdout.write(str(n % 10) * {size} + chr(10))")
    time.sleep(0.5)
    process = worker_host._process
    assert process is not None
    assert process._waiting_bytes <= host.BUFFER_BYTES + size + 1
    lines: list[bytes] = []
    while True:
        output = worker_host.read(1, 5.0)
        assert sum(map(len, output.lines)) <= host.OUTPUT_BYTES
        lines += output.lines
        if output.end is not None:
            break
    assert [line[:1] for line in lines] == [b"%d" % (n % 10) for n in range(60)]
    assert {len(line) for line in lines} == {size}


def test_line_that_is_too_long_is_passed_on_cut_and_ends_the_worker() -> None:
    worker_host, _ = start(f"print('x' * {2 * host.LINE_BYTES}, flush=True); input()")
    lines, end = drain(worker_host)
    assert [len(line) for line in lines] == [host.LINE_BYTES + 1]
    assert end == "closed its stdout and did not exit"


def test_start_ends_the_worker_before_and_its_generation_gets_nothing() -> None:
    worker_host, first = start(ECHO)
    _, second = start(ECHO, 2, worker_host)
    worker_host.write(1, 0, [b"for the first"])
    worker_host.write(2, 0, [b"for the second"])
    worker_host.write(2, 1, None)
    assert worker_host.read(1, 5.0) == Output(end="was replaced")
    assert drain(worker_host, 2) == ([b"for the second"], "exited with code 0")
    assert first != second
    worker_host.kill(1)


def test_variables_are_added_to_the_environment_of_the_node() -> None:
    worker_host, _ = start("import os; print(os.environ['EXTRA'], os.environ['PATH'])")
    assert drain(worker_host)[0] == [f"passed {os.environ['PATH']}".encode()]


def test_program_that_does_not_exist_is_an_error_with_its_path() -> None:
    started = WorkerHost().start(1, ["/nowhere/earwitness", "worker"], {})
    assert started.error == "/nowhere/earwitness cannot be started: No such file or directory"
    assert started.pid == 0


def test_gpus_are_those_of_the_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-1a")
    assert WorkerHost().gpus() == ["2", "GPU-1a"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert WorkerHost().gpus() == []
