"""Words at silences in real recordings, and edges of recordings, where two tools agree.

The times are those of the sound; the tools only decide which words are on which side of a silence. A silence counts if
Kaldi's tool for the language and Whisper's cross-attention put the same words on both sides, and the former's own edges of
these words are within 100 ms of the silence. Silences inside words, as in stops, are thereby left out. An edge of the
recording does not count if both tools place its word more than 200 ms further inside, or outside: then the sound at the
edge is not the word, or the word is not in the sound.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from audio import FRAME, RATE, save
from corpora import Source
from engines import Cached
from measure import Match
from speech import RULES, Bounds, Rules, bounds, chunks
from truth import Recording, Segment, TrueWord, Word, characters, spoken_words

NEAR_S = 0.1
CONTRADICTED_S = 0.2
# Longer recordings are divided for Whisper at silences of at least this length that the other tool confirms.
WINDOW_S = 28
DIVISION_S = 0.3
# More syllables of Korean per second than this are not a word's: some of its sound is missing.
SYLLABLES_PER_S = 11
LETTERS_PER_S = 25

Times = list[tuple[float | None, float | None]]


@dataclass
class Piece:
    """Words between two silences; samples of the source."""

    start: int
    end: int
    texts: list[str]

    @property
    def plausible(self) -> bool:
        letters = sum(len(characters(text)) for text in self.texts)
        limit = SYLLABLES_PER_S if any("가" <= c <= "힣" for text in self.texts for c in text) else LETTERS_PER_S
        return letters <= limit * (self.end - self.start) / RATE


@dataclass
class Utterance:
    """A source with the bounds of its sound, and its pieces between confirmed silences."""

    source: Source
    bounds: Bounds
    pieces: list[Piece]
    words: list[str] = field(default_factory=list)

    @property
    def sound(self) -> np.ndarray:
        return self.source.audio[self.bounds.start * FRAME : self.bounds.end * FRAME]


def untimed(source: Source) -> Recording:
    """The source with its text as one segment over the whole recording."""
    words = [TrueWord(text) for text in spoken_words(source.text)]
    segment = Segment(0.0, len(source.audio) / RATE, source.text)
    return Recording(source.name, source.language, source.audio, words, [segment], [source.name])


def times(texts: list[str], words: list[Word]) -> Times:
    """Start and end of each true word by a tool; None where it does not give them."""
    match = Match([TrueWord(text) for text in texts], words)
    found = []
    for i in range(len(texts)):
        start, end = match.start(i), match.end(i)
        found.append((None if start is None else words[start].start_s, None if end is None else words[end].end_s))
    return found


def divisions(by_tool: Times, by_attention: Times | None, silences: list[tuple[float, float]]) -> dict[int, int]:
    """For each confirmed silence, the number of words before it; with None by the first tool alone."""
    found = {}
    for number, (start_s, end_s) in enumerate(silences):
        for k in range(1, len(by_tool)):
            near = within(by_tool[k - 1][1], start_s) and within(by_tool[k][0], end_s)
            if near and (by_attention is None or divides(by_attention, k, (start_s + end_s) / 2)):
                found[number] = k
    return found


def within(time_s: float | None, edge_s: float) -> bool:
    return time_s is not None and abs(time_s - edge_s) <= NEAR_S


def divides(times_s: Times, k: int, at_s: float) -> bool:
    """Whether the middle of word k - 1 is before `at_s` and that of word k after it."""
    edges = [*times_s[k - 1], *times_s[k]]
    if any(edge is None for edge in edges):
        return False
    return (edges[0] + edges[1]) / 2 < at_s < (edges[2] + edges[3]) / 2


def contradicted(edge_s: float, by_tool: float | None, by_attention: float | None) -> bool:
    """Whether both tools place an edge more than 200 ms away, on the same side."""
    if by_tool is None or by_attention is None:
        return False
    return min(by_tool, by_attention) > edge_s + CONTRADICTED_S or max(by_tool, by_attention) < edge_s - CONTRADICTED_S


def utterance(source: Source, tool: list[Word] | None, attention: list[Word] | None, rules: Rules = RULES) -> Utterance | None:
    """The bounds and pieces of a source; None if its edges are unclear."""
    found, texts = bounds(source.audio, rules), spoken_words(source.text)
    if not found or not texts:
        return None
    by_tool, by_attention = times(texts, tool or []), times(texts, attention or [])
    start_s, end_s = found.start * FRAME / RATE, found.end * FRAME / RATE
    start_clear = found.start_clear and not contradicted(start_s, by_tool[0][0], by_attention[0][0])
    end_clear = found.end_clear and not contradicted(end_s, by_tool[-1][1], by_attention[-1][1])
    silences = silences_of(source, found, rules)
    confirmed = divisions(by_tool, by_attention, [(a * FRAME / RATE, b * FRAME / RATE) for a, b in silences])
    pieces = divided(found, silences, confirmed, texts)
    return Utterance(source, Bounds(found.start, found.end, start_clear, end_clear), pieces, texts)


def silences_of(source: Source, found: Bounds, rules: Rules) -> list[tuple[int, int]]:
    """The silences within the bounds, in frames."""
    parts = chunks(source.audio, found, rules)
    return [(a[1], b[0]) for a, b in zip(parts, parts[1:])]


def divided(found: Bounds, silences: list[tuple[int, int]], confirmed: dict[int, int], texts: list[str]) -> list[Piece]:
    """The pieces between confirmed silences."""
    starts = [found.start, *(silences[number][1] for number in confirmed)]
    ends = [*(silences[number][0] for number in confirmed), found.end]
    counts = [0, *confirmed.values(), len(texts)]
    return [Piece(a * FRAME, b * FRAME, texts[i:j]) for a, b, i, j in zip(starts, ends, counts, counts[1:])]


def windowed(source: Source, tool: list[Word] | None) -> list[Segment]:
    """Segments of at most 28 s, cut at silences that the tool confirms, as Whisper needs them."""
    texts, found = spoken_words(source.text), bounds(source.audio)
    if len(source.audio) <= WINDOW_S * RATE or not found:
        return untimed(source).segments
    silences = [(a, b) for a, b in silences_of(source, found, RULES) if (b - a) * FRAME >= DIVISION_S * RATE]
    seconds = [(a * FRAME / RATE, b * FRAME / RATE) for a, b in silences]
    pieces = divided(found, silences, divisions(times(texts, tool or []), None, seconds), texts)
    spans = [(piece.start / RATE, piece.end / RATE) for piece in pieces]
    return segments_of([" ".join(piece.texts) for piece in pieces], spans, len(source.audio) / RATE)


def segments_of(texts: list[str], spans: list[tuple[float, float]], length_s: float) -> list[Segment]:
    """Segments of at most 28 s where possible; they begin and end in the middle of the gaps between the spans."""
    cuts = [0.0, *((a[1] + b[0]) / 2 for a, b in zip(spans, spans[1:])), length_s]
    made, first = [], 0
    for n in range(len(texts)):
        if n > first and cuts[n + 1] - cuts[first] > WINDOW_S:
            made.append(Segment(cuts[first], cuts[n], " ".join(texts[first:n])))
            first = n
    return [*made, Segment(cuts[first], length_s, " ".join(texts[first:]))]


def phrases(utterances: list[Utterance], shortest_s: float) -> list[Source]:
    """Sources cut in the middle of the confirmed silences of at least `shortest_s`."""
    found = []
    for one in utterances:
        long = [(a, b) for a, b in zip(one.pieces, one.pieces[1:]) if b.start - a.end >= shortest_s * RATE]
        cuts = [0, *((a.end + b.start) // 2 for a, b in long), len(one.source.audio)]
        for n, (start, end) in enumerate(zip(cuts, cuts[1:])):
            text = " ".join(word for piece in one.pieces if start <= piece.start < end for word in piece.texts)
            found.append(Source(f"{one.source.name}-{n}", one.source.language, one.source.audio[start:end], text))
    return found


def utterances(sources: list[Source], tool: Cached, attention: Cached, folder: Path) -> list[Utterance]:
    """Runs both tools on the sources; results are cached."""
    recordings = [untimed(source) for source in sources]
    for recording in recordings:
        recording.path = folder / f"{recording.name}.wav"
        save(recording.path, recording.audio)
    by_tool = tool.run(recordings).words
    for source, recording, words in zip(sources, recordings, by_tool):
        recording.segments = windowed(source, words)
    found = zip(sources, by_tool, attention.run(recordings).words)
    return [made for made in (utterance(*one) for one in found) if made]
