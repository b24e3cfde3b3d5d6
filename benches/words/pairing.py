"""Edit alignment of two sequences."""

from collections.abc import Hashable, Sequence

import numpy as np

DIAGONAL, DELETION, INSERTION = 0, 1, 2


def coded(said: Sequence[Hashable], found: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Both sequences as numbers."""
    codes: dict[Hashable, int] = {}
    first, second = (np.array([codes.setdefault(item, len(codes)) for item in side], int) for side in (said, found))
    return first, second


def matches(said: Sequence[Hashable], found: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Pairs of indices of equal items on a shortest edit path, in order."""
    a, b = coded(said, found)
    steps, _ = edit_steps(a, b)
    pairs, i, j = [], len(a), len(b)
    while i and j:
        step = steps[i - 1, j - 1]
        if step == DIAGONAL:
            i, j = i - 1, j - 1
            if a[i] == b[j]:
                pairs.append((i, j))
        elif step == DELETION:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def distance(said: Sequence[Hashable], found: Sequence[Hashable]) -> int:
    """The length of a shortest edit path."""
    return edit_steps(*coded(said, found))[1]


def edit_steps(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int]:
    """The last step of a shortest path to each pair of prefixes, a diagonal one where several are as short; and the length
    of the whole path."""
    columns = np.arange(len(b) + 1)
    steps = np.zeros((len(a), len(b)), np.uint8)
    row = columns
    for i, item in enumerate(a):
        diagonal, up = row[:-1] + (b != item), row[1:] + 1
        best = np.concatenate([[i + 1], np.minimum(diagonal, up)])
        following = np.minimum.accumulate(best - columns) + columns
        steps[i] = np.where(following[1:] == diagonal, DIAGONAL, np.where(following[1:] == up, DELETION, INSERTION))
        row = following
    return steps, int(row[-1])
