"""Runs a command and measures wall time and the memory of its process tree."""

import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# Seconds between two memory samples.
INTERVAL_S = 0.25


@dataclass
class Run:
    """A finished command."""

    wall_s: float
    cpu_s: float
    # CPU use of other processes, as a share of all cores, 0 to 1; a high share makes a measurement useless.
    others: float
    peak_mib: float
    output: str


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents[int(path.parent.name)] = int(fields[1])
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def resident_mib(root: int) -> float:
    """Proportional resident memory of a process tree: a page that several processes share counts once."""
    kib = 0
    for process in tree(root):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


def busy_s() -> float:
    """CPU time of all processes since the machine's start, in seconds."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _iowait, interrupts, soft_interrupts, *_ = map(int, fields)
    return (user + nice + system + interrupts + soft_interrupts) / os.sysconf("SC_CLK_TCK")


def run(command: list, environment: dict[str, str]) -> Run:
    """Runs a command; exits if it fails."""
    before, busy_before, start = os.times(), busy_s(), time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | environment
        )
        peak, ended = [0.0], threading.Event()
        watcher = threading.Thread(target=watch, args=(process.pid, peak, ended))
        watcher.start()
        output, _ = process.communicate()
        wall_s = time.perf_counter() - start
        ended.set()
        watcher.join()
        after, busy = os.times(), busy_s() - busy_before
        if process.returncode != 0:
            errors.seek(0)
            raise SystemExit(f"{command[0]}: exit code {process.returncode}\n{errors.read()[-2000:]}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    others = max(0.0, busy - cpu_s) / wall_s / (os.cpu_count() or 1)
    return Run(wall_s, cpu_s, others, peak[0], output)


def watch(process: int, peak: list[float], ended: threading.Event) -> None:
    """Records the peak memory."""
    while not ended.wait(INTERVAL_S):
        peak[0] = max(peak[0], resident_mib(process))
