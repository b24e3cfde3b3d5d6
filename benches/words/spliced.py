"""Words cut out of real speech at silences and joined without gaps or with short ones: the edges of each fragment are exact."""

import numpy as np

from audio import FRAME, RATE, at_level, levels_db
from corpora import Source
from joined import Clip, join, rounds
from pauses import Utterance
from speech import noise_of
from truth import Recording, TrueWord

GAP_S = (0.03, 0.25)
# Silence before the first fragment and after the last one.
OUTER_S = (0.2, 0.6)
PER_FILE = 12
# Digits are cut to the frames within this many dB of their loudest frame.
BELOW_PEAK_DB = 32
DIGIT_LEVEL = 0.08
LONGEST_WORDS = 4


def clips_of(utterances: list[Utterance]) -> list[Clip]:
    """Fragments of up to four words between confirmed silences; fragments at an uncertain edge of a recording are left out."""
    found = []
    for one in utterances:
        noise = noise_of(one.source.audio, one.bounds.start, one.bounds.end)
        kept = [fragment for fragment in one.fragments if fragment.plausible and len(fragment.texts) <= LONGEST_WORDS]
        for fragment in kept:
            first, last = fragment is one.fragments[0], fragment is one.fragments[-1]
            if first and not one.bounds.start_clear or last and not one.bounds.end_clear:
                continue
            words = [TrueWord(text) for text in fragment.texts]
            words[0].start_s, words[-1].end_s = 0.0, (fragment.end - fragment.start) / RATE
            audio = one.source.audio[fragment.start : fragment.end]
            found.append(Clip(audio, words, " ".join(fragment.texts), noise, one.source.name))
    return found


def digit(source: Source) -> Clip:
    """A spoken digit without its faint edges, at a common level."""
    levels = levels_db(source.audio)
    loud = np.flatnonzero(levels > levels.max() - BELOW_PEAK_DB)
    audio = at_level(source.audio[loud[0] * FRAME : (loud[-1] + 1) * FRAME], DIGIT_LEVEL)
    return Clip(audio, [TrueWord(source.text, 0.0, len(audio) / RATE)], source.text, np.zeros(0), source.name)


def splice(name: str, language: str, clips: list[Clip], abutting: bool, rng: np.random.Generator) -> Recording:
    """One recording; all gaps are 0 if `abutting`."""
    inner = rng.uniform(*GAP_S, len(clips) - 1) * (not abutting)
    gaps_s = [rng.uniform(*OUTER_S), *inner, rng.uniform(*OUTER_S)]
    return join(name, language, clips, gaps_s, True, rng)


def spliced(clips: list[Clip], language: str, abutting: bool, seed: int) -> list[Recording]:
    rng = np.random.default_rng(seed)
    groups = rounds(clips, 1, rng, PER_FILE)
    return [splice(f"s{number:03}", language, group, abutting, rng) for number, group in enumerate(groups)]


def digit_strings(speakers: dict[str, list[Source]], count: int, abutting: bool, seed: int) -> list[Recording]:
    """Strings of 2 to 10 digits, `count` of each speaker."""
    rng = np.random.default_rng(seed)
    found = []
    for speaker, sources in speakers.items():
        for number in range(count):
            chosen = [digit(sources[index]) for index in rng.integers(0, len(sources), rng.integers(2, 11))]
            found.append(splice(f"{speaker}-{number:02}", "en", chosen, abutting, rng))
    return found
