"""Starts programs, each in its own process group and with a time limit."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

# Maximum number of characters of a program's errors in the log.
LOGGED = 4000
# Maximum time for a killed program to end, in seconds.
ENDING_S = 10


class Failed(Exception):
    """The reason why a part, or one of its measurements, has no result."""


@dataclass
class Ended:
    """A program that has ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float


def start(command: list, environment: dict | None = None) -> subprocess.Popen:
    return subprocess.Popen(
        [str(word) for word in command], env=os.environ | (environment or {}), text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )


def stop(process: subprocess.Popen) -> None:
    """Kills the program's process group, and its children, which may be in other groups."""
    started = children(process.pid)
    for kill, target in [(os.killpg, process.pid), *((os.kill, child) for child in started)]:
        try:
            kill(target, signal.SIGKILL)
        except ProcessLookupError:
            pass


def finish(process: subprocess.Popen, limit_s: float, log: Path) -> Ended:
    """Waits for the program to end. After the limit, it is killed and the measurement fails."""
    started = time.monotonic()
    name = " ".join(Path(word).name if os.sep in word else word for word in process.args[:4])
    if limit_s <= 0:
        stop(process)
        process.communicate(timeout=ENDING_S)
        raise Failed(f"no time left for {name}")
    try:
        stdout, stderr = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        stop(process)
        _, stderr = process.communicate(timeout=ENDING_S)
        write_log(log, process.args, "time limit", stderr)
        raise Failed(f"{name} was stopped after {limit_s:.0f} s") from None
    write_log(log, process.args, f"exit code {process.returncode}", stderr)
    return Ended(process.returncode, stdout, stderr, time.monotonic() - started)


def run(command: list, limit_s: float, log: Path, environment: dict | None = None) -> Ended:
    return finish(start(command, environment), limit_s, log)


def report_of(
    command: list, limit_s: float, log: Path, environment: dict | None = None, codes: tuple = (0,)
) -> dict:
    """The JSON object that a program prints. Fails with the program's last error on other exit codes or missing
    output."""
    ended = run(command, limit_s, log, environment)
    lines = ended.stdout.strip().splitlines()
    if ended.code not in codes or not lines or not lines[-1].startswith("{"):
        errors = ended.stderr.strip().splitlines() or ["nothing on stderr"]
        raise Failed(f"exit code {ended.code}: {errors[-1][:300]}")
    return json.loads(lines[-1])


def write_log(log: Path, command: list, end: str, stderr: str) -> None:
    with log.open("a") as out:
        out.write(f"$ {' '.join(command)}\n{stderr[-LOGGED:]}[{end}]\n\n")


def children(parent: int) -> list[int]:
    """Process ids of the direct children of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found
