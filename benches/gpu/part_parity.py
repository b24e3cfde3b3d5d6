"""Ours beside transformers on the same device and weights: logits, best tokens, divergence, greedy text."""

import numpy as np
from safetensors.numpy import load_file

from models import END

WINDOWS, TOKENS = 4, 64
# Largest difference of logits (standard deviation 4) in f32 that sums in another order may explain.
LOGIT_LIMIT = 0.05
# Below this margin between the best two logits, another choice is rounding; so it is below twice the difference.
NEAR_TIE = 2e-3
# Smallest share of equal best tokens, beside what transformers itself reaches in the same type.
AGREEMENT_SLACK = 0.05


def run(setup, part, deadline) -> None:
    for size in reversed(setup.sizes):
        compare(setup, part, deadline, size)


def compare(setup, part, deadline, size) -> None:
    teacher, truth = (setup.scratch / f"{name}-{size}.safetensors" for name in ("teacher", "truth"))
    count, tokens = (2, 16) if setup.is_cpu else (WINDOWS, TOKENS)
    shared = ["--windows", setup.windows, "--count", count, "--tokens", tokens]
    setup.python("peer.py", "truth", setup.model(size), *shared, "--to", teacher, "--logits", truth,
                 limit_s=deadline.left())
    expected = numbered(load_file(truth), "logits")
    words = ["--precision", "f32", *shared, "--batch", count, "--repeats", 1]
    greedy = setup.ours("throughput", setup.model(size), *words, limit_s=deadline.left())["tokens"]
    worst = taught(setup, part, deadline, size, "ours", "f32", teacher, expected)["max_abs"]
    part.check(f"{size}: logits in f32 within {LOGIT_LIMIT}", worst <= LOGIT_LIMIT, f"{worst:.2e}")
    texts = [window[:, :END].argmax(axis=1).tolist() for window in expected]
    check_greedy(part, size, greedy, texts, expected, max(NEAR_TIE, 2 * worst))
    for precision in ["bf16"] if setup.is_cpu else ["f16", "bf16"]:
        ours, theirs = (
            taught(setup, part, deadline, size, engine, precision, teacher, expected)
            for engine in ("ours", "transformers")
        )
        lowest = theirs["same_best"] - AGREEMENT_SLACK
        part.check(f"{size}: best tokens in {precision} as often as transformers' own", ours["same_best"] >= lowest,
                   f"{ours['same_best']:.3f} beside {theirs['same_best']:.3f}")


def numbered(tensors: dict, kind: str) -> list:
    return [tensors[f"{kind}.{index}"] for index in range(len(tensors))]


def taught(setup, part, deadline, size, engine, precision, teacher, expected) -> dict:
    """Teacher-forced logits of an engine beside transformers' in f32."""
    out = setup.scratch / "taught.safetensors"
    words = ["teach", setup.model(size), "--precision", precision, "--from", teacher, "--to", out]
    if engine == "ours":
        setup.ours(*words, limit_s=deadline.left())
    else:
        setup.python("peer.py", *words, limit_s=deadline.left())
    found = numbered(load_file(out), "logits")
    measured = {
        "max_abs": float(max(np.abs(a - b).max() for a, b in zip(found, expected))),
        "same_best": float(np.mean([best(a) == best(b) for a, b in zip(found, expected)])),
        "kl_nats": float(np.mean([divergence(b, a) for a, b in zip(found, expected)])),
    }
    part.row("Teacher-forced, beside transformers in f32", model=size, engine=engine, precision=precision, **measured)
    return measured


def best(logits):
    return logits[:, :END].argmax(axis=1)


def divergence(expected, found):
    """KL(expected || found) of the next token at each position, in nats."""
    p, q = log_probabilities(expected), log_probabilities(found)
    return (np.exp(p) * (p - q)).sum(axis=1)


def log_probabilities(logits):
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def check_greedy(part, size, greedy, texts, expected, near_tie) -> None:
    """Equal texts, or texts that part where the best two logits are nearly equal."""
    equal = 0
    for window, (ours, theirs, logits) in enumerate(zip(greedy, texts, expected)):
        parted = next((index for index, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), None)
        if parted is None:
            equal += 1
            continue
        second, first = np.sort(logits[parted, :END])[-2:]
        part.row("Greedy text that parts from transformers'", model=size, window=window, after=parted,
                 margin=float(first - second), near_tie=bool(first - second < near_tie))
    parted = part.data["tables"].get("Greedy text that parts from transformers'", [])
    rounding = all(row["near_tie"] for row in parted if row["model"] == size)
    part.check(f"{size}: greedy tokens in f32, near-ties aside", rounding, f"{equal} of {len(texts)} texts are equal")
