"""The product on the device: the CPU's tokens, visible devices, two workers on one device, and a killed worker."""

import difflib
import os
import signal
import time
from pathlib import Path

import gpu
import programs
import speech
from programs import Failed
from setup import KERNELS_OFF, summary

# Largest share of tokens that a precision may change.
CHANGED_LIMITS = {"f32": 0.0, "f16": 0.1, "bf16": 0.2}
SEARCHES = {"greedy": [], "beams with timestamps": ["--beam-size", "5", "--timestamps"]}
CALLS = 12
# A pause that is long enough to kill a worker during the run.
SLOW = "[[fault]]\nat = ['transcribe', 'infer']\nkind = { pause-ms = 100 }\n"


def run(setup, part, deadline) -> None:
    compare_with_cpu(setup, part, deadline)
    calls, slow = setup.scratch / "product-calls", setup.scratch / "slow.toml"
    speech.write_calls(setup.speech, calls, CALLS, 3, 10)
    slow.write_text(SLOW)
    common = ["--model", setup.small_model, "--devices", setup.devices, "--faults", slow, "-b", "2"]
    two_workers(setup, part, deadline, calls, common)
    killed_worker(setup, part, deadline, calls, common)


def compare_with_cpu(setup, part, deadline) -> None:
    plan = [("f32", "ours"), ("bf16", "ours")] if setup.is_cpu else [
        ("f32", "ours"), ("f16", "ours"), ("bf16", "ours"), ("f32", "candle's"), ("bf16", "candle's"),
    ]
    for search, flags in SEARCHES.items():
        out = setup.scratch / f"product-cpu-{search}"
        expected = setup.transcripts(out, "--devices", "cpu", *flags, limit_s=deadline.left())
        part.check(f"{search}: the CPU transcribes the fixture calls", any(expected.values()))
        for precision, kernels in plan:
            out = setup.scratch / f"product-{precision}-{kernels}-{search}"
            words = ["--devices", setup.devices, "--precision", precision, "--device-batch-size", "2", *flags]
            environment = None if kernels == "ours" else KERNELS_OFF
            found = setup.transcripts(out, *words, limit_s=deadline.left(), environment=environment)
            compare_tokens(part, search, precision, kernels, expected, found)


def compare_tokens(part, search, precision, kernels, expected, found) -> None:
    total = sum(map(len, expected.values()))
    changed = sum(difference(tokens, found.get(name, [])) for name, tokens in expected.items())
    equal = sum(tokens == found.get(name) for name, tokens in expected.items())
    part.row(
        "Tokens compared with the CPU's f32", search=search, precision=precision, kernels=kernels, calls=len(expected),
        equal_calls=equal, tokens=total, changed=changed,
    )
    limit = CHANGED_LIMITS[precision]
    what = "the CPU's tokens" if limit == 0 else f"at most {limit:.0%} of the tokens changed"
    passed = found.keys() == expected.keys() and changed <= limit * total
    part.check(f"{search}, {precision}, {kernels} kernels: {what}", passed)


def difference(a: list[int], b: list[int]) -> int:
    """Number of tokens of the longer text that do not match in an alignment of both."""
    same = sum(block.size for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks())
    return max(len(a), len(b)) - same


def workers(process) -> dict[int, str]:
    """The run's worker processes, with their `CUDA_VISIBLE_DEVICES`."""
    found = {}
    for child in programs.children(process.pid):
        try:
            if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                variables = Path(f"/proc/{child}/environ").read_bytes().decode(errors="replace").split("\0")
                visible = [text.partition("=")[2] for text in variables if text.startswith("CUDA_VISIBLE_DEVICES=")]
                found[child] = visible[0] if visible else ""
        except OSError:  # it has ended
            pass
    return found


def two_workers(setup, part, deadline, calls, common) -> None:
    out = setup.scratch / "product-two"
    process = programs.start(setup.run_command(calls, out, *common, "--workers-per-device", "2"))
    seen = {}
    while process.poll() is None and len(seen) < 2 and deadline.left() > 0:
        seen = workers(process)
        time.sleep(0.02)
    done = finished(process, deadline, setup)
    part.check("two workers on one device", len(seen) == 2, f"processes {sorted(seen)}")
    part.check("two workers complete all calls", done == CALLS, f"{done} of {CALLS}")
    visible = sorted(set(seen.values()))
    part.fact("CUDA_VISIBLE_DEVICES of the workers", ", ".join(visible) or "none")
    if not setup.is_cpu:
        part.check("a worker sees only its GPU", visible in (["0"], [gpu.readings()["uuid"]]), str(visible))


def killed_worker(setup, part, deadline, calls, common) -> None:
    out = setup.scratch / "product-killed"
    process = programs.start(setup.run_command(calls, out, *common))
    while process.poll() is None and not list(out.glob("call-*.json")) and deadline.left() > 0:
        time.sleep(0.02)
    victims = list(workers(process))
    if process.poll() is not None or not victims:
        programs.stop(process)
        raise Failed("no worker to kill after the first result")
    os.kill(victims[0], signal.SIGKILL)
    done = finished(process, deadline, setup)
    part.check("a run survives its killed worker", done == CALLS, f"{done} of {CALLS}")
    lines = [line.strip() for line in setup.status(out).splitlines() if "worker lost" in line]
    part.check("an incident names the killed worker", any("signal 9" in line for line in lines), "; ".join(lines))


def finished(process, deadline, setup) -> int:
    """Number of calls that a started run has completed."""
    return summary(programs.finish(process, deadline.left(), setup.log))["files_done"]
