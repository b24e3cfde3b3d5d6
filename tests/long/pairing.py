"""Spoken digits, and matching of recognized with spoken words."""

import numpy as np

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPOKEN = {"oh": "zero"}


def pair(said, recognized):
    """Edit distance between two lists of words; returns (errors, pairs of indices that match)."""
    cost = np.zeros((len(said) + 1, len(recognized) + 1), int)
    cost[:, 0], cost[0, :] = np.arange(len(said) + 1), np.arange(len(recognized) + 1)
    for i, a in enumerate(said):
        for j, b in enumerate(recognized):
            cost[i + 1, j + 1] = min(cost[i, j] + (a != b), cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    pairs, i, j = [], len(said), len(recognized)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != recognized[j - 1]):
            i, j = i - 1, j - 1
            if said[i] == recognized[j]:
                pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return cost[-1, -1], pairs
