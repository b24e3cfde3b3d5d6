"""Errors of engines relative to transformers' f32, teacher-forced on the tokens that transformers decodes.

    python quality.py [--models tiny base small] [--engines ...]

For each engine, over 16 windows of 34 tokens: how often the best token is the same, and the mean Kullback-Leibler
divergence KL(f32 || engine) of the next token's distribution, in nats.
"""

import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import model


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def errors(folder: Path, worker) -> tuple[float, float]:
    """Share of equal best tokens, and mean divergence in nats. `worker` is a run.Worker."""
    truth = load_file(folder / "truth.safetensors")
    with tempfile.TemporaryDirectory() as out:
        answer = Path(out) / "logits.safetensors"
        worker.ask({"do": "teach", "from": str(folder / "teacher.safetensors"), "to": str(answer)})
        given = load_file(answer)
    same, divergences = [], []
    for name, expected in truth.items():
        p, q = log_probabilities(expected), log_probabilities(given[name])
        same.append(p[:, :model.END].argmax(axis=1) == q[:, :model.END].argmax(axis=1))
        divergences.append((np.exp(p) * (p - q)).sum(axis=1))
    return float(np.mean(same)), float(np.mean(divergences))


def main() -> None:
    import run

    options = run.options(__doc__)
    print(f"{'engine':<12} {'precision':<12} {'model':<6} {'same best %':>12} {'KL nats':>12}")
    for size in options.models:
        folder = model.ensure(size)
        for engine, precision in options.engines:
            worker = run.Worker.start(engine, precision, folder, options)
            if worker:
                print(f"{engine:<12} {precision:<12} {size:<6} {run.show_errors(folder, worker)}", flush=True)
                worker.stop()


if __name__ == "__main__":
    main()
