"""Memory of a run: peak resident size of each process, and growth of the worker's with the number of recordings.

    python memory.py --earwitness target/release/earwitness --hours 11        one long recording
    python memory.py --earwitness target/release/earwitness --files 1000      many short ones

The recordings are repeated fixture calls (each short one at a different level, so that no two are equal).
Arguments after `--` go to `earwitness run`. Prints one JSON object: sizes in MiB, `worker_at` by the share of the
recordings that are done (10 %, 20 %, ...), without the first tenth, which allocates models and buffers.
"""

import argparse
import json
import subprocess
import tempfile
import threading
import time
import wave
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CALL = ROOT / "fixtures/calls/reading.wav"


def read_call() -> tuple[array, int]:
    with wave.open(str(CALL)) as call:
        return array("h", call.readframes(call.getnframes())), call.getframerate()


def write(path: Path, rate: int, parts) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for samples in parts:
            out.writeframes(samples.tobytes())


def write_recordings(folder: Path, hours: float, files: int) -> None:
    samples, rate = read_call()
    if files:
        for index in range(files):
            gain = 0.5 + 0.5 * index / files
            write(folder / f"call-{index:05}.wav", rate, [array("h", (int(x * gain) for x in samples))])
    else:
        write(folder / "long.wav", rate, [samples] * int(hours * 3600 * rate / len(samples)))


def sizes_mib(process: Path) -> dict[str, float]:
    """`VmRSS` and `VmHWM` of a process."""
    lines = (line.split() for line in (process / "status").read_text().splitlines())
    return {line[0][:-1]: int(line[1]) / 1024 for line in lines if line[0] in ("VmRSS:", "VmHWM:")}


def watch(root: int, peaks: dict[str, float], sizes: list[tuple[float, float]], stop: threading.Event) -> None:
    """Samples the coordinator and its workers four times a second."""
    start = time.monotonic()
    while not stop.wait(0.25):
        children = Path(f"/proc/{root}/task/{root}/children")
        try:
            named = [("coordinator", root)] + [("worker", int(child)) for child in children.read_text().split()]
            for name, process in named:
                found = sizes_mib(Path(f"/proc/{process}"))
                peaks[name] = max(peaks.get(name, 0), found["VmHWM"])
                if name == "worker":
                    sizes.append((time.monotonic() - start, found["VmRSS"]))
        except (OSError, KeyError):
            continue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earwitness", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=11)
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("more", nargs="*", help="arguments of `earwitness run`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "calls"
        inputs.mkdir()
        write_recordings(inputs, options.hours, options.files)
        command = [options.earwitness, "run", inputs, "--out", Path(folder) / "out", "--progress", "none", *options.more]
        start = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        peaks, sizes, stop = {}, [], threading.Event()
        watcher = threading.Thread(target=watch, args=(process.pid, peaks, sizes, stop))
        watcher.start()
        said = process.communicate()[0]
        stop.set()
        watcher.join()
        seconds = time.monotonic() - start
        if process.returncode != 0:
            raise SystemExit(f"exit code {process.returncode}:\n{said}")
    tenths = [[size for at, size in sizes if tenth <= at / seconds * 10 < tenth + 1] for tenth in range(1, 10)]
    print(json.dumps({
        "recordings": options.files or 1, "hours": None if options.files else options.hours, "seconds": round(seconds),
        "peak_mib": {name: round(size) for name, size in peaks.items()},
        "worker_at": [round(sum(part) / len(part)) for part in tenths if part],
    }))


if __name__ == "__main__":
    main()
