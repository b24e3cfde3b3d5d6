"""Compares ours with transformers on the same device and weights: logits, best tokens, divergence, greedy text."""

import numpy as np
from safetensors.numpy import load_file

from models import END

WINDOWS, TOKENS = 4, 64
# Largest difference of f32 logits (standard deviation 4) that a different summation order can cause.
LOGIT_LIMIT = 0.01
# Below this margin between the best two logits, or below twice the difference, another choice counts as a rounding
# error.
NEAR_TIE = 2e-3
# Smallest share of equal best tokens, relative to the share that transformers reaches in the same type.
AGREEMENT_SLACK = 0.05


def run(setup, part, deadline) -> None:
    for size in reversed(setup.sizes):
        compare(setup, part, deadline, size)


def compare(setup, part, deadline, size) -> None:
    folder, others = setup.scratch / f"parity-{size}", ["bf16"] if setup.is_cpu else ["f16", "bf16"]
    folder.mkdir()
    shared = ["--windows", setup.windows, "--count", WINDOWS, "--tokens", TOKENS]
    setup.peer("truth", setup.model(size), *shared, "--to", folder, "--also", *others, limit_s=deadline.left())
    expected = logits(folder / "f32.safetensors")
    worst = measure(part, size, "ours", "f32", taught(setup, deadline, size, "f32", folder), expected)["max_abs"]
    part.check(f"{size}: logits in f32 within {LOGIT_LIMIT}", worst <= LOGIT_LIMIT, f"{worst:.2e}")
    words = ["--precision", "f32", *shared, "--batch", WINDOWS, "--repeats", 1]
    greedy = setup.ours("throughput", setup.model(size), *words, limit_s=deadline.left())["tokens"]
    check_greedy(part, size, greedy, expected, max(NEAR_TIE, 2 * worst))
    for precision in others:
        ours = measure(part, size, "ours", precision, taught(setup, deadline, size, precision, folder), expected)
        theirs = logits(folder / f"{precision}.safetensors")
        theirs = measure(part, size, "transformers", precision, theirs, expected)
        lowest = theirs["same_best"] - AGREEMENT_SLACK
        part.check(f"{size}: best tokens in {precision} as often as transformers' own", ours["same_best"] >= lowest,
                   f"{ours['same_best']:.3f} versus {theirs['same_best']:.3f}")


def logits(path) -> list:
    tensors = load_file(path)
    return [tensors[f"logits.{index}"] for index in range(len(tensors))]


def taught(setup, deadline, size, precision, folder) -> list:
    """Our logits before each token of transformers' text."""
    out = folder / "ours.safetensors"
    words = ["--precision", precision, "--from", folder / "text.safetensors", "--to", out]
    setup.ours("teach", setup.model(size), *words, limit_s=deadline.left())
    return logits(out)


def measure(part, size, engine, precision, found, expected) -> dict:
    measured = {
        "max_abs": float(max(np.abs(a - b).max() for a, b in zip(found, expected))),
        "same_best": float(np.mean([best(a) == best(b) for a, b in zip(found, expected)])),
        "kl_nats": float(np.mean([divergence(b, a) for a, b in zip(found, expected)])),
    }
    part.row("Teacher-forced, compared with transformers in f32", model=size, engine=engine, precision=precision, **measured)
    return measured


def best(logits):
    """The best text token at each position."""
    return logits[:, :END].argmax(axis=1)


def divergence(expected, found):
    """KL(expected || found) of the next token at each position, in nats."""
    p, q = log_probabilities(expected), log_probabilities(found)
    return (np.exp(p) * (p - q)).sum(axis=1)


def log_probabilities(logits):
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def check_greedy(part, size, greedy, expected, near_tie) -> None:
    """Equal texts, or texts that differ from a position with nearly equal logits."""
    margins = []
    for window, (tokens, logits) in enumerate(zip(greedy, expected)):
        parted = next((index for index, pair in enumerate(zip(tokens, best(logits))) if pair[0] != pair[1]), None)
        if parted is not None:
            second, first = np.sort(logits[parted, :END])[-2:]
            margins.append(float(first - second))
            part.row("Greedy text that differs from transformers'", model=size, window=window, after=parted,
                     margin=margins[-1])
    part.check(f"{size}: greedy tokens in f32, near-ties aside", all(margin < near_tie for margin in margins),
               f"{len(greedy) - len(margins)} of {len(greedy)} texts are equal")
