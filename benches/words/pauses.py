"""Words at silences in real recordings, and edges of recordings.

The times are those of the sound; tools only decide which words are on which side of a silence. A silence counts if

1. Kaldi's tool for the language, with the text given, ends a word within 100 ms of its start and begins the next one within
   100 ms of its end, and
2. Whisper recognizes the sounds on both sides, each alone, so that this division of the words fits better than that with one
   word more or less on the left.

Silences inside words, as in stops, are thereby left out. The second check uses no times, so that it favors no aligner. An edge of a
recording does not count if both the tool and Whisper's cross-attention place its word more than 200 ms away on the same side:
then the sound at the edge is not the word, or the word is not in the sound.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import pairing
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
class Fragment:
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
    """A source with the bounds of its sound, and its fragments between confirmed silences."""

    source: Source
    bounds: Bounds
    fragments: list[Fragment]
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


def divisions(by_tool: Times, silences: list[tuple[float, float]]) -> dict[int, int]:
    """For each silence that the tool confirms, the number of words before it."""
    found = {}
    for number, (start_s, end_s) in enumerate(silences):
        for k in range(1, len(by_tool)):
            if within(by_tool[k - 1][1], start_s) and within(by_tool[k][0], end_s):
                found[number] = k
    return found


def within(time_s: float | None, edge_s: float) -> bool:
    return time_s is not None and abs(time_s - edge_s) <= NEAR_S


def contradicted(edge_s: float, by_tool: float | None, by_attention: float | None) -> bool:
    """Whether both tools place an edge more than 200 ms away, on the same side."""
    if by_tool is None or by_attention is None:
        return False
    return min(by_tool, by_attention) > edge_s + CONTRADICTED_S or max(by_tool, by_attention) < edge_s - CONTRADICTED_S


def clear_bounds(found: Bounds, by_tool: Times, by_attention: Times) -> Bounds:
    """The bounds, with the edges that both tools contradict marked as uncertain."""
    start_s, end_s = found.start * FRAME / RATE, found.end * FRAME / RATE
    start_clear = found.start_clear and not contradicted(start_s, by_tool[0][0], by_attention[0][0])
    end_clear = found.end_clear and not contradicted(end_s, by_tool[-1][1], by_attention[-1][1])
    return Bounds(found.start, found.end, start_clear, end_clear)


def utterance(source: Source, tool: list[Word] | None, attention: list[Word] | None, rules: Rules = RULES) -> Utterance | None:
    """The bounds of a source, and its fragments between the silences that the tool confirms; None if its edges are unclear."""
    found, texts = bounds(source.audio, rules), spoken_words(source.text)
    if not found or not texts:
        return None
    by_tool, by_attention = times(texts, tool or []), times(texts, attention or [])
    silences = silences_of(source, found, rules)
    confirmed = divisions(by_tool, [(a * FRAME / RATE, b * FRAME / RATE) for a, b in silences])
    return Utterance(source, clear_bounds(found, by_tool, by_attention), divided(found, silences, confirmed, texts), texts)


def silences_of(source: Source, found: Bounds, rules: Rules) -> list[tuple[int, int]]:
    """The silences within the bounds, in frames."""
    parts = chunks(source.audio, found, rules)
    return [(a[1], b[0]) for a, b in zip(parts, parts[1:])]


def divided(found: Bounds, silences: list[tuple[int, int]], confirmed: dict[int, int], texts: list[str]) -> list[Fragment]:
    """The fragments between confirmed silences."""
    starts = [found.start, *(silences[number][1] for number in confirmed)]
    ends = [*(silences[number][0] for number in confirmed), found.end]
    counts = [0, *confirmed.values(), len(texts)]
    return [Fragment(a * FRAME, b * FRAME, texts[i:j]) for a, b, i, j in zip(starts, ends, counts, counts[1:])]


def windowed(source: Source, tool: list[Word] | None) -> list[Segment]:
    """Segments of at most 28 s, cut at silences that the tool confirms, as Whisper needs them."""
    texts, found = spoken_words(source.text), bounds(source.audio)
    if len(source.audio) <= WINDOW_S * RATE or not found:
        return untimed(source).segments
    silences = [(a, b) for a, b in silences_of(source, found, RULES) if (b - a) * FRAME >= DIVISION_S * RATE]
    seconds = [(a * FRAME / RATE, b * FRAME / RATE) for a, b in silences]
    fragments = divided(found, silences, divisions(times(texts, tool or []), seconds), texts)
    spans = [(fragment.start / RATE, fragment.end / RATE) for fragment in fragments]
    return segments_of([" ".join(fragment.texts) for fragment in fragments], spans, len(source.audio) / RATE)


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
        long = [(a, b) for a, b in zip(one.fragments, one.fragments[1:]) if b.start - a.end >= shortest_s * RATE]
        cuts = [0, *((a.end + b.start) // 2 for a, b in long), len(one.source.audio)]
        for n, (start, end) in enumerate(zip(cuts, cuts[1:])):
            text = " ".join(word for fragment in one.fragments if start <= fragment.start < end for word in fragment.texts)
            found.append(Source(f"{one.source.name}-{n}", one.source.language, one.source.audio[start:end], text))
    return found


def fits(left: Fragment, right: Fragment, recognized: tuple[str, str]) -> bool:
    """Whether the division of the words fits the recognized texts better than one with a word more or less on the left."""
    words, k = left.texts + right.texts, len(left.texts)

    def cost(first: int) -> int:
        sides = zip((words[:first], words[first:]), recognized)
        return sum(pairing.distance(characters(" ".join(said)), characters(text)) for said, text in sides)

    return all(cost(k) < cost(other) for other in (k - 1, k + 1))


def confirmed(one: Utterance, recognized: list[str]) -> Utterance:
    """The utterance with only the divisions that fit the recognized texts; fragments between the others are joined."""
    kept = [one.fragments[0]]
    for fragment, texts in zip(one.fragments[1:], zip(recognized, recognized[1:])):
        if fits(one.fragments[one.fragments.index(fragment) - 1], fragment, texts):
            kept.append(fragment)
        else:
            kept[-1] = Fragment(kept[-1].start, fragment.end, kept[-1].texts + fragment.texts)
    return replace(one, fragments=kept)


def utterances(sources: list[Source], tool: Cached, attention: Cached, recognizer: Cached, folder: Path) -> list[Utterance]:
    """Runs the tools on the sources; results are cached."""
    recordings = [untimed(source) for source in sources]
    for recording in recordings:
        recording.path = folder / f"{recording.name}.wav"
        save(recording.path, recording.audio)
    by_tool = tool.run(recordings).words
    for source, recording, words in zip(sources, recordings, by_tool):
        recording.segments = windowed(source, words)
    found = zip(recordings, sources, by_tool, attention.run(recordings).words)
    made = [(recording, one) for recording, *rest in found if (one := utterance(*rest))]
    for recording, one in made:
        recording.segments = [Segment(fragment.start / RATE, fragment.end / RATE, "") for fragment in one.fragments]
    texts = recognizer.run([recording for recording, _ in made]).words
    return [confirmed(one, [word.text for word in words]) for (_, one), words in zip(made, texts)]
