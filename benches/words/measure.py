"""Errors of an engine's words against the true words of a recording. Errors are in seconds, positive if too late."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

import pairing
from truth import Recording, TrueWord, Word, characters

# A word covers a gap if it covers more of it than this.
OVER_GAP_S = 0.05
RESAMPLES = 1000


@dataclass
class Edge:
    """The error of one edge of a word, with the index of the true word and of the engine's word."""

    start: bool
    error_s: float
    true: int
    found: int


@dataclass
class Comparison:
    """What one recording contributes to a table. `known` counts the known starts and ends."""

    edges: list[Edge] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    known: tuple[int, int] = (0, 0)
    matched: int = 0
    over: int = 0
    jumped: int = 0
    failed: bool = False


class Match:
    """Assigns the engine's words to the true words by an alignment of their characters."""

    def __init__(self, true: list[TrueWord], words: list[Word]):
        self.true = true
        said = [(c, i) for i, word in enumerate(true) for c in characters(word.text)]
        found = [(c, j) for j, word in enumerate(words) for c in characters(word.text)]
        pairs = pairing.matches([c for c, _ in said], [c for c, _ in found])
        self.word_of = {a: found[b][1] for a, b in pairs}
        self.touched: list[set[int]] = [set() for _ in words]
        votes: list[Counter] = [Counter() for _ in words]
        for a, b in pairs:
            self.touched[found[b][1]].add(said[a][1])
            votes[found[b][1]][true[said[a][1]].part] += 1
        lengths = Counter(j for _, j in found)
        self.part = [
            vote.most_common(1)[0][0] if vote and 2 * vote.total() >= lengths[j] else None for j, vote in enumerate(votes)
        ]
        counts = np.cumsum([0, *(len(characters(word.text)) for word in true)])
        self.first, self.last = counts[:-1].tolist(), (counts[1:] - 1).tolist()

    def start(self, i: int) -> int | None:
        return self.edge(i, self.first[i], i - 1)

    def end(self, i: int) -> int | None:
        return self.edge(i, self.last[i], i + 1)

    def edge(self, i: int, character: int, neighbor: int) -> int | None:
        """The engine's word at this edge, if the character was recognized, most of the word is of the same part, and it
        has nothing of the neighbor in that part."""
        j, part = self.word_of.get(character), self.true[i].part
        if j is None or self.part[j] != part:
            return None
        adjacent = 0 <= neighbor < len(self.true) and self.true[neighbor].part == part
        return None if adjacent and neighbor in self.touched[j] else j


def compare(recording: Recording, words: list[Word] | None) -> Comparison:
    """Compares one recording; a failed engine counts with no words."""
    true = recording.words
    known = (sum(word.start_s is not None for word in true), sum(word.end_s is not None for word in true))
    if words is None:
        return Comparison(known=known, failed=True)
    match = Match(true, words)
    made = Comparison(words=words, known=known, matched=sum(part is not None for part in match.part))
    for i, word in enumerate(true):
        if word.start_s is not None and (j := match.start(i)) is not None:
            made.edges.append(Edge(True, words[j].start_s - word.start_s, i, j))
        if word.end_s is not None and (j := match.end(i)) is not None:
            made.edges.append(Edge(False, words[j].end_s - word.end_s, i, j))
    made.over = sum(covers(word, recording.gaps) for word in words)
    made.jumped = sum(elsewhere(word, part, recording.spans) for word, part in zip(words, match.part))
    return made


def covers(word: Word, gaps: list[tuple[float, float]]) -> bool:
    return any(min(word.end_s, b) - max(word.start_s, a) > OVER_GAP_S for a, b in gaps)


def elsewhere(word: Word, part: int | None, spans: dict[int, tuple[float, float]]) -> bool:
    """Whether the middle of a matched word is inside another part than its own."""
    middle = (word.start_s + word.end_s) / 2
    inside = [number for number, (a, b) in spans.items() if a <= middle < b]
    return part is not None and part in spans and inside not in ([], [part])


def errors(made: list[Comparison], start: bool) -> list[np.ndarray]:
    """The errors of each recording in ms."""
    return [1000 * np.array([edge.error_s for edge in one.edges if edge.start == start]) for one in made]


def statistics(by_recording: list[np.ndarray]) -> dict:
    """Count, median and 95th percentile of the absolute error, the median error, and bootstrap intervals of 95 % by recording."""
    joined = np.concatenate([*by_recording, np.zeros(0)])
    if not len(joined):
        return {"count": 0, "median": None, "p95": None, "bias": None, "within_100": None}
    median, p95 = np.percentile(np.abs(joined), [50, 95])
    found = {"count": len(joined), "median": median, "p95": p95, "bias": np.median(joined)}
    found["within_100"] = 100 * (np.abs(joined) <= 100).mean()
    return found | intervals(by_recording)


def intervals(by_recording: list[np.ndarray]) -> dict:
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(RESAMPLES):
        drawn = [by_recording[index] for index in rng.integers(0, len(by_recording), len(by_recording))]
        sample = np.abs(np.concatenate(drawn))
        if len(sample):
            draws.append(np.percentile(sample, [50, 95]))
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return {"median_interval": [low[0], high[0]], "p95_interval": [low[1], high[1]]}


def summary(made: list[Comparison]) -> dict:
    """All figures of an engine on a set."""
    words = [word for one in made for word in one.words]
    figures: dict = {edge: statistics(errors(made, edge == "starts")) for edge in ("starts", "ends")}
    figures["starts"]["known"], figures["ends"]["known"] = (sum(one.known[k] for one in made) for k in (0, 1))
    figures |= {name: sum(getattr(one, name) for one in made) for name in ("matched", "over", "jumped", "failed")}
    figures["words"] = len(words)
    figures["fallback"] = sum(word.fallback is not None for word in words)
    figures["uncertain"] = sum(word.uncertain for word in words)
    return figures
