"""Whether an engine's expected error agrees with its actual one."""

import numpy as np
from scipy.stats import spearmanr

from measure import Comparison

BINS_S = [0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, float("inf")]
WRONG_S = 0.2


def calibration(made: list[Comparison]) -> dict | None:
    """Over the words with at least one known edge; None if no word has an expected error or a mark.

    A word's error is the mean of its known edges; it is wrong if one of them is more than 200 ms off.
    """
    rows = [row for one in made for row in word_rows(one)]
    expected, mean, largest, marked = (np.array(column, float) for column in zip(*rows)) if rows else [np.zeros(0)] * 4
    known = ~np.isnan(expected)
    if not known.any() and not marked.any():
        return None
    wrong, marked = largest > WRONG_S, marked.astype(bool)
    correlation = float(spearmanr(expected[known], mean[known])[0]) if known.sum() > 2 else None
    return {
        "words": len(rows), "spearman": correlation, "wrong": int(wrong.sum()), "marked": int(marked.sum()),
        "wrong_marked": percent(marked[wrong]), "marked_wrong": percent(wrong[marked]),
        "bins": [bin_of(expected, mean, largest, low, high) for low, high in zip(BINS_S, BINS_S[1:])],
    }  # fmt: skip


def word_rows(one: Comparison) -> list[tuple[float, float, float, bool]]:
    """Expected error, mean and largest error in seconds, and the mark, of each word with a known edge."""
    errors: dict[int, list[float]] = {}
    for edge in one.edges:
        errors.setdefault(edge.found, []).append(abs(edge.error_s))
    return [
        (np.nan if word.expected_error_s is None else word.expected_error_s, np.mean(found), max(found), word.uncertain)
        for j, found in errors.items() for word in [one.words[j]]
    ]  # fmt: skip


def percent(mask: np.ndarray) -> float | None:
    return 100 * float(mask.mean()) if len(mask) else None


def bin_of(expected: np.ndarray, mean: np.ndarray, largest: np.ndarray, low: float, high: float) -> dict:
    """Figures in ms of the words whose expected error is within `low..high`."""
    inside = (expected >= low) & (expected < high)
    if not inside.any():
        return {"count": 0, "expected": None, "mean": None, "median": None, "over_200": None}
    return {
        "count": int(inside.sum()), "expected": 1000 * float(expected[inside].mean()), "mean": 1000 * float(mean[inside].mean()),
        "median": 1000 * float(np.median(mean[inside])), "over_200": percent(largest[inside] > WRONG_S),
    }  # fmt: skip
