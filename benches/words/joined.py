"""Utterances joined with gaps of 0.3 to 1.5 s: the first start and the last end of each are exact."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio import FRAME, RATE
from pauses import Utterance, segments_of
from speech import noise_of
from truth import Recording, TrueWord

GAP_S = (0.3, 1.5)
QUIET_DBFS = -66
PER_FILE = 8
# Natural edges: so much of the recording remains on both sides of an utterance.
MARGIN_S = 0.25


@dataclass
class Clip:
    """A sound with words; `margin` samples on both sides belong to the recording but not to the words."""

    audio: np.ndarray
    words: list[TrueWord]
    text: str
    noise: np.ndarray
    source: str
    margin: int = 0


def clip(utterance: Utterance, margin_s: float = 0.0) -> Clip:
    """An utterance cut to its sound; an uncertain edge has no time."""
    bounds, margin = utterance.bounds, int(margin_s * RATE)
    padded = np.pad(utterance.source.audio, margin)
    audio = padded[bounds.start * FRAME : bounds.end * FRAME + 2 * margin]
    words = [TrueWord(text) for text in utterance.words]
    words[0].start_s = 0.0 if bounds.start_clear and utterance.fragments[0].plausible else None
    words[-1].end_s = utterance.sound.size / RATE if bounds.end_clear and utterance.fragments[-1].plausible else None
    noise = noise_of(utterance.source.audio, bounds.start, bounds.end)
    return Clip(audio, words, utterance.source.text.strip(), noise, utterance.source.name, margin)


def gap(noises: list[np.ndarray], length: int, own_noise: bool, rng: np.random.Generator) -> np.ndarray:
    """White noise, or half of either recording's noise where it has at least 0.2 s of it."""
    quiet = rng.normal(0, 10 ** (QUIET_DBFS / 20), length)
    if own_noise:
        halves = np.split(quiet, [length // 2])
        for half, noise in zip(halves, noises):
            if len(noise) >= RATE // 5:
                half[:] = np.resize(noise, len(half))
        quiet = np.concatenate(halves)
    return quiet


def join(name: str, language: str, clips: list[Clip], gaps_s: list[float], own_noise: bool, rng: np.random.Generator) -> Recording:
    """Clips with a gap before each and one after the last; the true times are where they were put."""
    parts, words, at = [], [], 0
    noises = [np.zeros(0), *(one.noise for one in clips), np.zeros(0)]
    spans: dict[int, tuple[float, float]] = {}
    for place, gap_s in enumerate(gaps_s):
        parts.append(gap(noises[place : place + 2], int(gap_s * RATE), own_noise, rng))
        at += len(parts[-1])
        if place < len(clips):
            one = clips[place]
            start_s = (at + one.margin) / RATE
            words += [shifted(word, start_s, place) for word in one.words]
            parts.append(one.audio)
            at += len(one.audio)
            spans[place] = (start_s, (at - one.margin) / RATE)
    audio = np.concatenate(parts)
    edges = [0.0, *(edge for span in spans.values() for edge in span), len(audio) / RATE]
    gaps = [(a, b) for a, b in zip(edges[::2], edges[1::2]) if b > a]
    segments = segments_of([one.text for one in clips], list(spans.values()), len(audio) / RATE)
    return Recording(name, language, audio, words, segments, [one.source for one in clips], gaps=gaps, spans=spans)


def shifted(word: TrueWord, by_s: float, part: int) -> TrueWord:
    return TrueWord(
        word.text, None if word.start_s is None else word.start_s + by_s, None if word.end_s is None else word.end_s + by_s, part
    )  # fmt: skip


def rounds(clips: list[Clip], count: int, rng: np.random.Generator, per_file: int = PER_FILE) -> Iterator[list[Clip]]:
    """All clips in groups, in another order each round."""
    for _ in range(count):
        order = rng.permutation(len(clips))
        for first in range(0, len(order), per_file):
            yield [clips[index] for index in order[first : first + per_file]]


def joined(utterances: list[Utterance], count: int, own_noise: bool, seed: int, margin_s: float = 0.0) -> list[Recording]:
    """The joined set; `margin_s` keeps the natural onset and decay around each utterance."""
    rng = np.random.default_rng(seed)
    clips = [clip(utterance, margin_s) for utterance in utterances]
    found = []
    for number, group in enumerate(rounds(clips, count, rng)):
        gaps_s = list(rng.uniform(*GAP_S, len(group) + 1))
        found.append(join(f"r{number:03}", utterances[0].source.language, group, gaps_s, own_noise, rng))
    return found


def long(utterances: list[Utterance], minutes: float, seed: int) -> Recording:
    """One recording of a length, of the utterances in random order, again and again."""
    rng = np.random.default_rng(seed)
    clips = [clip(utterance) for utterance in utterances]
    chosen: list[Clip] = []
    while sum(len(one.audio) / RATE + np.mean(GAP_S) for one in chosen) < 60 * minutes:
        chosen += [clips[index] for index in rng.permutation(len(clips))]
    lengths = np.cumsum([len(one.audio) / RATE + np.mean(GAP_S) for one in chosen])
    chosen = chosen[: int(np.searchsorted(lengths, 60 * minutes)) + 1]
    gaps_s = list(rng.uniform(*GAP_S, len(chosen) + 1))
    return join(f"long-{minutes:g}", utterances[0].source.language, chosen, gaps_s, True, rng)
