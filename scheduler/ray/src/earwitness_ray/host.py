"""Runs one worker process after another. This is the whole code of an actor, and it needs only the standard library.

Calls of an actor run on several threads and may overtake each other, so input is numbered.
"""

from __future__ import annotations

import collections
import os
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

LINE_BYTES = 256 << 10
"""A worker sends no longer line. More is passed on cut, so that the coordinator rejects it."""
BUFFER_BYTES = 4 << 20
"""A worker whose output is not fetched blocks when this much of it waits."""
OUTPUT_BYTES = 1 << 20
"""Most output in one reply, unless one line is longer."""
EXIT_PATIENCE_S = 2.0
"""How long a worker that has closed its stdout may take to exit."""
KILLED_DELAY_S = 2.0
"""How long the end of a killed worker is withheld. Before an actor ends, Ray kills its processes. Then the cause is the
actor, which does not live long enough to blame the worker."""


@dataclass(frozen=True)
class Started:
    """Where a worker runs. `error` says why it could not be started."""

    node: str
    host: str
    gpus: list[str]
    pid: int
    error: str | None = None


@dataclass(frozen=True)
class Output:
    """Complete lines of a worker, without their ends, and how the worker ended, after its last line."""

    lines: list[bytes] = field(default_factory=list)
    end: str | None = None
    memory: int | None = None


class Process:
    """A worker process.

    The thread that starts it lives as long as the process: a parent-death signal comes when that thread ends.
    """

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self._argv = argv
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None
        self._spawned = threading.Event()
        self._error: str | None = None
        self._changed = threading.Condition()
        self._lines: collections.deque[bytes] = collections.deque()
        self._waiting_bytes = 0
        self._end: str | None = None
        self._input: dict[int, list[bytes] | None] = {}
        self._next_input = 0
        self._abandoned = False
        threading.Thread(target=self._run, name="from-worker", daemon=True).start()
        self._spawned.wait()

    @property
    def error(self) -> str | None:
        """Why the program could not be started."""
        return self._error

    @property
    def pid(self) -> int:
        return 0 if self._child is None else self._child.pid

    def write(self, number: int, lines: list[bytes] | None) -> None:
        """Queues input. Numbers count from 0; `None` closes stdin."""
        with self._changed:
            self._input[number] = lines
            self._changed.notify_all()

    def read(self, wait_s: float) -> Output:
        """Waits for output. Empty if there is none in this time."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._end is not None, wait_s)
            lines: list[bytes] = []
            taken = 0
            while self._lines and (not lines or taken + len(self._lines[0]) <= OUTPUT_BYTES):
                line = self._lines.popleft()
                taken += len(line)
                lines.append(line)
            self._waiting_bytes -= taken
            self._changed.notify_all()
            return Output(lines, None if self._lines else self._end, self._memory())

    def kill(self) -> None:
        """Kills the process and forgets its output."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
        if self._child is not None:
            self._child.kill()

    def _run(self) -> None:
        try:
            self._child = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment, start_new_session=True
            )
        except OSError as error:
            self._error = f"{self._argv[0]} cannot be started: {error.strerror or error}"
            self._end = self._error
            return
        finally:
            self._spawned.set()
        threading.Thread(target=self._write, name="to-worker", daemon=True).start()
        self._read()
        end = self._exit_description()
        with self._changed:
            if self._child.returncode == -signal.SIGKILL:
                self._changed.wait_for(lambda: self._abandoned, KILLED_DELAY_S)
            self._end = end
            self._changed.notify_all()

    def _read(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        while line := self._child.stdout.readline(LINE_BYTES + 1):
            whole = line.endswith(b"\n")
            with self._changed:
                self._changed.wait_for(lambda: self._waiting_bytes < BUFFER_BYTES or self._abandoned)
                if self._abandoned:
                    return
                self._lines.append(line.removesuffix(b"\n"))
                self._waiting_bytes += len(line)
                self._changed.notify_all()
            if not whole:
                return

    def _write(self) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        try:
            with self._child.stdin as stdin:
                while (lines := self._next_lines()) is not None:
                    stdin.writelines(line + b"\n" for line in lines)
                    stdin.flush()
        except OSError:
            pass  # the worker is gone, which its stdout says

    def _next_lines(self) -> list[bytes] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._next_input in self._input or self._end is not None)
            lines = self._input.pop(self._next_input, None)
            self._next_input += 1
            return lines

    def _exit_description(self) -> str:
        assert self._child is not None
        try:
            code = self._child.wait(EXIT_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            return "closed its stdout and did not exit"
        return f"killed by signal {-code}" if code < 0 else f"exited with code {code}"

    def _memory(self) -> int | None:
        """Memory of the process in bytes, without files that are mapped into it."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return None
        sizes = (line.split() for line in status.splitlines() if line.startswith("RssAnon:"))
        return next((int(size[1]) * 1024 for size in sizes), None)


class WorkerHost:
    """An actor: runs the workers of a slot, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._generation = -1

    def node(self) -> str:
        """The id of the node, which is unique in the cluster."""
        return socket.gethostname()

    def gpus(self) -> list[str]:
        """The GPUs of the slot, as its workers see them."""
        return [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]

    def start(self, generation: int, argv: list[str], environment: dict[str, str]) -> Started:
        """Starts a worker with the environment of the node and these variables. Ends the one before."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
            self._process = Process(argv, {**os.environ, **environment})
            self._generation = generation
            return Started(self.node(), socket.gethostname(), self.gpus(), self._process.pid, self._process.error)

    def write(self, generation: int, number: int, lines: list[bytes] | None) -> None:
        """Queues input of the worker of this generation; see `Process.write`."""
        process = self._of(generation)
        if process is not None:
            process.write(number, lines)

    def read(self, generation: int, wait_s: float) -> Output:
        """Output of the worker of this generation; see `Process.read`."""
        process = self._of(generation)
        return Output(end="was replaced") if process is None else process.read(wait_s)

    def kill(self, generation: int) -> None:
        """Kills the worker of this generation."""
        process = self._of(generation)
        if process is not None:
            process.kill()

    def _of(self, generation: int) -> Process | None:
        with self._lock:
            return self._process if self._generation == generation else None
