"""The error over time in a long recording: medians of the signed error in its first, middle and last 5 minutes."""

import numpy as np

from measure import Comparison
from sets import TestSet
from truth import Recording

SPAN_S = 300
SHORTEST_S = 1800


def of_set(one: TestSet, found: dict[str, list[Comparison]]) -> list[tuple[str, dict]]:
    recording = one.recordings[0]
    if recording.audio.size < SHORTEST_S * 16000:
        return []
    return [(f"{name} (`{one.name}`)", drift(recording, made[0])) for name, made in found.items()]


def drift(recording: Recording, made: Comparison) -> dict:
    """Medians in ms."""
    length_s = recording.audio.size / 16000
    places = [0.0, length_s / 2 - SPAN_S / 2, length_s - SPAN_S]
    return {
        "starts": [median(edge_errors(recording, made, True, at, at + SPAN_S)) for at in places],
        "ends": [median(edge_errors(recording, made, False, at, at + SPAN_S)) for at in places],
    }


def edge_errors(recording: Recording, made: Comparison, start: bool, from_s: float, to_s: float) -> list[float]:
    found = []
    for edge in made.edges:
        word = recording.words[edge.true]
        at = word.start_s if edge.start else word.end_s
        if edge.start == start and from_s <= at < to_s:
            found.append(1000 * edge.error_s)
    return found


def median(errors: list[float]) -> float | None:
    return float(np.median(errors)) if errors else None
