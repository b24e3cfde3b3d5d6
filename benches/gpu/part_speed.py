"""Throughput of ours and of transformers: windows of 30 s, exactly 64 text tokens each, random weights."""

import gpu
from programs import Failed
from setup import KERNELS_OFF

TOKENS = 64
MEASUREMENT_LIMIT_S = 60
# Time limit of the timed passes, in seconds; no pass starts after it.
PASSES_S = 6
REPEATS = 5


def plan(setup) -> list[tuple]:
    """(model, precision, batch, engine, flags), the most informative first."""
    if setup.is_cpu:
        tiny = [("tiny", "f32", 2, "ours"), ("tiny", "f32", 2, "transformers"), ("tiny", "bf16", 4, "ours")]
        return [(*row, []) for row in tiny] + [("tiny", "f32", 2, "ours", ["--token-times"])]
    both = ["ours", "transformers"]
    rows = [(size, "bf16", 32, engine, []) for size in setup.sizes for engine in both]
    rows += [(size, "f16", 32, engine, []) for size in setup.sizes for engine in both]
    rows += [(size, "bf16", 32, "ours", ["--token-times"]) for size in setup.sizes]
    rows += [(size, "bf16", 32, "candle's operations", []) for size in setup.sizes]
    batches = [(batch, size) for batch in (64, 8, 16) for size in setup.sizes]
    return rows + [(size, "bf16", batch, engine, []) for batch, size in batches for engine in both]


def run(setup, part, deadline) -> None:
    # Our texts in the first batch size; other batch sizes must give the same texts.
    first = {}
    for size, precision, batch, engine, flags in plan(setup):
        row = dict(model=size, precision=precision, batch=batch, engine=" ".join([engine, *flags]))
        try:
            measured, texts = measure(setup, deadline, size, precision, batch, engine, flags)
        except Failed as reason:
            part.row("Throughput", **row, note=str(reason))
            if deadline.left() <= 0:
                return
        else:
            expected = first.setdefault((size, precision), texts) if engine == "ours" else []
            same = f"{sum(map(list.__eq__, texts, expected))} of {len(texts)}" if engine == "ours" else None
            part.row("Throughput", **row, **measured, texts_as_in_the_first_row=same)
    ours = [row for row in part.data["tables"]["Throughput"] if row["engine"] == "ours"]
    part.check("ours was measured", any("times_real_time" in row for row in ours))


def measure(setup, deadline, size, precision, batch, engine, flags) -> tuple[dict, list]:
    limit_s = min(deadline.left(), MEASUREMENT_LIMIT_S)
    count, tokens, repeats = (4, 16, 1) if setup.is_cpu else (64, TOKENS, REPEATS)
    words = [
        "throughput", setup.model(size), "--precision", precision, "--batch", batch, "--windows", setup.windows,
        "--count", count, "--tokens", tokens, "--repeats", repeats, "--limit-s", PASSES_S, *flags,
    ]
    with gpu.PeakMemory(setup.device) as peak:
        if engine == "transformers":
            answer = setup.peer(*words, limit_s=limit_s)
        else:
            answer = setup.ours(*words, limit_s=limit_s, environment=None if engine == "ours" else KERNELS_OFF)
    seconds = answer["seconds"]
    return {
        "times_real_time": answer["times_real_time"], "best_s": min(seconds), "passes": len(seconds),
        "load_s": answer["load_s"], "peak_mib": peak.mib,
        "distinct_tokens": len({token for text in answer["tokens"] for token in text}),
    }, answer["tokens"]
