"""Time by part of an inference, compared with the device's ceilings, and the launches of a decoder step."""

import json

import costs
from part_speed import TOKENS
from programs import Failed


def run(setup, part, deadline) -> None:
    for who, measure in [("candle", setup.ours), ("torch", setup.peer)]:
        measured = measure("ceilings", limit_s=min(40, deadline.left()))
        rates = {f"{one['type']}_tflop_s": one["tflop_s"] for one in measured["products"]}
        part.row("Ceilings", by=who, copy_gb_s=measured["copy_gb_s"], **rates)
    precision, batch, tokens = ("f32", 2, 16) if setup.is_cpu else ("bf16", 32, TOKENS)
    for size in setup.sizes:
        words = [
            setup.model(size), "--precision", precision, "--batch", batch, "--windows", setup.windows, "--count", batch,
        ]
        answer = setup.ours("profile", *words, "--tokens", tokens, limit_s=min(60, deadline.left()))
        show_parts(part, size, precision, batch, tokens, answer)
        names = {one["name"] for one in answer["parts"]}
        # Only the network with our kernels, which is not used on the CPU, has a probe.
        expected = set() if setup.is_cpu else {"encoder.attention", "step.mlp"}
        part.check(f"{size}: a pass and its parts were measured", answer["plain_s"] > 0 and expected <= names)
        if not setup.is_cpu:
            show_launches(setup, part, deadline, size, words)
    if setup.is_cpu:
        part.fact("launches", "not measured on the CPU")


def show_parts(part, size, precision, batch, tokens, answer) -> None:
    """Each part's time, and its rate if its operations or bytes are known."""
    operations = costs.encoder(size, batch)
    steps = costs.step(size, batch, precision, tokens // 2)
    for one in answer["parts"]:
        name, seconds = one["name"], max(one["seconds"], 1e-9)
        row = dict(
            model=size, part=name, seconds=one["seconds"], calls=one["count"], share=one["seconds"] / answer["probed_s"]
        )
        if name in operations:
            row["tflop_s"] = operations[name] / seconds / 1e12
        elif name in steps:
            row["tflop_s"] = steps[name].operations * tokens / seconds / 1e12
            row["gb_s"] = steps[name].bytes * tokens / seconds / 1e9
        part.row("Parts of one pass", **row)
    measured = sum(one["seconds"] for one in answer["parts"])
    part.row("Passes", model=size, plain_s=answer["plain_s"], probed_s=answer["probed_s"], in_parts_s=measured)


def show_launches(setup, part, deadline, size, words) -> None:
    """Measures the kernels for two text lengths, so that the work outside the steps cancels out."""
    try:
        short, long = (traced(setup, deadline, words, tokens) for tokens in (TOKENS // 2, TOKENS))
    except Failed as reason:
        part.row("Launches", model=size, note=f"not measured: {reason}")
        return
    steps = TOKENS // 2
    passes = 1 + len(long["seconds"])
    kernels = {}
    for name, (count, ns) in long["kernels"].items():
        count_before, ns_before = short["kernels"].get(name, [0, 0])
        if count > count_before:
            kernels[name] = (count - count_before, ns - ns_before)
    launches = sum(count for count, _ in kernels.values()) / (steps * passes)
    busy_s = sum(ns for _, ns in kernels.values()) / 1e9 / (steps * passes)
    step_s = (min(long["seconds"]) - min(short["seconds"])) / steps
    # On a busy host, the run with longer texts may be faster.
    measured = {"step_ms": 1000 * step_s, "busy_share": busy_s / step_s} if step_s > busy_s else {}
    part.row("Launches", model=size, per_step=launches, busy_ms=1000 * busy_s, **measured)
    for name, (count, ns) in sorted(kernels.items(), key=lambda item: -item[1][1])[:12]:
        part.row("Kernels of a step", model=size, kernel=name[:90], per_step=count / (steps * passes),
                 us_per_step=ns / 1000 / (steps * passes))


def traced(setup, deadline, words, tokens) -> dict:
    """Runs a pass that counts every kernel: `kernels` maps names to [launches, nanoseconds]."""
    if setup.launches is None:
        raise Failed("the tracing library is missing")
    out = setup.scratch / "launches.json"
    out.unlink(missing_ok=True)
    environment = {"CUDA_INJECTION64_PATH": str(setup.launches), "EARWITNESS_LAUNCHES": str(out)}
    answer = setup.ours("throughput", *words, "--tokens", tokens, "--repeats", 3, limit_s=min(45, deadline.left()),
                        environment=environment)
    if not out.exists():
        raise Failed("the tracing library wrote nothing")
    traced = json.loads(out.read_text())
    if "error" in traced:
        raise Failed(traced["error"])
    return answer | traced
