"""A real out-of-memory error: another process uses most of the GPU's memory, and batches grow until allocation fails."""

import sys

import gpu
import programs
import speech
from programs import Failed
from setup import HERE

# Free memory besides the weights, in MiB.
LEFT_MIB = 3000
CALL_SIZES = [64, 128]
FAULT = "[[fault]]\nat = ['transcribe', 'infer']\nkind = { memory-for = 1 }\n"


def run(setup, part, deadline) -> None:
    calls = setup.scratch / "memory-calls"
    if setup.is_cpu:
        part.fact("fault", "injected, because the check does not fill a CPU's memory")
        fault = setup.scratch / "memory.toml"
        fault.write_text(FAULT)
        speech.write_calls(setup.speech, calls, 8, 2, 3)
        part.check("the fault occurs", attempt(setup, part, deadline, calls, 8, ["--faults", fault]))
        return
    # A worker gets at most a quarter of the queued recordings.
    speech.write_calls(setup.speech, calls, 4 * CALL_SIZES[1], 2, 3)
    weights_mib = (setup.model(setup.fast_size) / "model.safetensors").stat().st_size >> 20
    ballast_mib = gpu.memory_mib("free") - weights_mib - LEFT_MIB
    ballast = programs.start([sys.executable, HERE / "ballast.py", ballast_mib])
    try:
        if ballast.stdout.readline().strip() != "ready":
            raise Failed("the device's memory could not be filled")
        part.fact("memory left beside the weights (MiB)", gpu.memory_mib("free") - weights_mib)
        for size in CALL_SIZES:
            if attempt(setup, part, deadline, calls, size, ["--precision", "bf16"]):
                return
    finally:
        programs.stop(ballast)
        ballast.communicate()
    part.check("out-of-memory error on the device", False, f"{CALL_SIZES[-1]} windows at once fit")


def attempt(setup, part, deadline, calls, size, words) -> bool:
    """Runs the program with device calls of `size` windows, and returns whether they were halved."""
    out = setup.scratch / f"memory-{size}"
    common = ["--model", setup.model(setup.fast_size), "--devices", setup.devices, "--aligner", "attention"]
    batch = ["-b", size, "--device-batch-size", size, "--language", "en", "--vad", "off"]
    ended = setup.run(calls, out, *common, *batch, *words, limit_s=deadline.left())
    halved = [line.strip() for line in setup.status(out).splitlines() if "batch shrunk" in line]
    done, files = ended["files_done"], ended["files"]
    part.row("Runs", windows_in_a_call=size, recordings=files, complete=done, halved="; ".join(halved) or None)
    part.check(f"calls of {size}: every recording completes", done == files, f"{done} of {files}")
    if halved:
        part.check("calls are halved", True, halved[-1][:200])
    return bool(halved)
