"""How far the times of two engines differ on the same true words, also where the true times are not known."""

from itertools import combinations

import numpy as np

from engines import Result
from measure import Match, statistics
from sets import TestSet
from truth import Recording, Word

# Sets of unchanged or joined real speech.
SETS = ("-quiet", "-whole", "-read")


def of_set(one: TestSet, results: dict[str, Result]) -> dict[str, list[tuple[str, dict]]]:
    """The differences of each two engines with the text given, on real speech."""
    given = {name: result for name, result in results.items() if "text given" in name}
    if len(given) < 2 or not one.name.endswith(SETS):
        return {}
    rows = [(f"{a} - {b}", differences(one.recordings, given[a], given[b])) for a, b in combinations(given, 2)]
    return {f"Agreement on {one.title}, all words": rows}


def differences(recordings: list[Recording], first: Result, second: Result) -> dict:
    triples = zip(recordings, first.words, second.words)
    pairs = [difference(recording, a, b) for recording, a, b in triples if a is not None and b is not None]
    return {"starts": statistics([starts for starts, _ in pairs]), "ends": statistics([ends for _, ends in pairs])}


def difference(recording: Recording, first: list[Word], second: list[Word]) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of the first engine minus those of the second, in ms."""
    a, b = Match(recording.words, first), Match(recording.words, second)
    starts, ends = [], []
    for i in range(len(recording.words)):
        if (j := a.start(i)) is not None and (k := b.start(i)) is not None:
            starts.append(1000 * (first[j].start_s - second[k].start_s))
        if (j := a.end(i)) is not None and (k := b.end(i)) is not None:
            ends.append(1000 * (first[j].end_s - second[k].end_s))
    return np.array(starts), np.array(ends)
