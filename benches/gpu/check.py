"""The GPU check: runs its parts in order, and writes the report after every result.

    python check.py --device {cuda,cpu} --earwitness FILE --bench FILE --model DIR --calls DIR --out DIR

`.ci/gpu run` starts it. The exit code is 1 unless every part that checks correctness has passed (on the CPU: every
part).
"""

import argparse
import datetime
import shutil
import sys
import tempfile
import time
import traceback
from importlib.metadata import version
from pathlib import Path

import gpu
import part_devices
import part_kernels
import part_load
import part_memory
import part_parity
import part_product
import part_profile
import part_speed
from programs import Failed
from report import Part, Report
from setup import Setup

# Name, title, module, time limit in seconds, in order.
PARTS = [
    ("a", "devices", part_devices, 30),
    ("kernels", "kernels compared with their references", part_kernels, 60),
    ("b", "the product on the device", part_product, 90),
    ("c", "throughput", part_speed, 150),
    ("d", "time by part", part_profile, 120),
    ("e", "parity with transformers", part_parity, 120),
    ("f", "out of memory", part_memory, 60),
    ("g", "whole runs under load", part_load, 120),
]
# Parts whose result decides the exit code. On a GPU, speed is measured but cannot fail; on the CPU, the check itself is
# tested, and all parts count.
JUDGED = {"cuda": {"a", "kernels", "b", "e", "f", "g"}, "cpu": {name for name, *_ in PARTS}}
# Scratch space for two large networks.
SCRATCH_BYTES = 8 << 30


class Deadline:
    """The deadline of a part."""

    def __init__(self, limit_s: float):
        self.at = time.monotonic() + limit_s

    def left(self) -> float:
        return self.at - time.monotonic()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--earwitness", type=Path, required=True, help="the product")
    parser.add_argument("--bench", type=Path, required=True, help="the example gpu_bench")
    parser.add_argument("--model", type=Path, required=True, help="the small speech model")
    parser.add_argument("--calls", type=Path, required=True, help="the fixture calls")
    parser.add_argument("--launches", type=Path, help="the library that counts kernel launches")
    parser.add_argument("--commit", default="unknown", help="commit of the programs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--budget-s", type=float, default=500, help="for all parts together")
    names = [name for name, *_ in PARTS]
    parser.add_argument("--parts", default=",".join(names), help="of " + ",".join(names))
    chosen = parser.parse_args()
    chosen.parts = chosen.parts.split(",")
    if unknown := set(chosen.parts).difference(names):
        parser.error(f"no parts {', '.join(sorted(unknown))}")
    return chosen


def cpu_model() -> str:
    """The host's CPU: its speed decides how fast kernels are launched."""
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return f"{names[0]}, {len(names)} threads" if names else "unknown"


def about(chosen) -> dict:
    facts = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "commit": chosen.commit,
        "cpu": cpu_model(), "torch": version("torch"), "transformers": version("transformers"),
    }
    if chosen.device == "cpu":
        return facts | {"device": "cpu"}
    read = gpu.readings()
    return facts | {"device": read["name"], "driver": read["driver"], "cuda": read["cuda_driver"]}


def scratch_folder() -> Path:
    """The folder for scratch files: in memory if the networks fit there."""
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and shutil.disk_usage(shared).free > SCRATCH_BYTES
    return Path(tempfile.mkdtemp(prefix="gpu-check-", dir=shared if roomy else None))


def run_part(module, setup: Setup, part: Part, limit_s: float) -> None:
    started, failure = time.monotonic(), None
    if limit_s < 5:
        part.end(0, skipped="no time left")
        return
    try:
        module.run(setup, part, Deadline(limit_s))
    except Failed as reason:
        failure = str(reason)
    except Exception as error:  # the other parts still run
        failure = f"{type(error).__name__}: {error}"
        with setup.log.open("a") as log:
            traceback.print_exc(file=log)
    part.end(time.monotonic() - started, failure)


def main() -> int:
    chosen = arguments()
    report, deadline = Report(chosen.out, about(chosen)), Deadline(chosen.budget_s)
    scratch = scratch_folder()
    try:
        setup = Setup(
            chosen.device, chosen.earwitness.resolve(), chosen.bench.resolve(), chosen.model.resolve(),
            chosen.calls.resolve(), chosen.launches, scratch, chosen.out / "log.txt",
        )
        for name, title, module, limit_s in PARTS:
            if name in chosen.parts:
                part = Part(report, name, title)
                run_part(module, setup, part, min(limit_s, deadline.left()))
                reason = part.data["reason"]
                print(f"{name:<8} {part.data['status']:<8} {part.data['seconds']:6.1f} s  {title}"
                      + (f": {reason}" if reason else ""), flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    judged = JUDGED[chosen.device].intersection(chosen.parts)
    return 1 if any(report.parts[name]["status"] != "passed" for name in judged) else 0


if __name__ == "__main__":
    sys.exit(main())
