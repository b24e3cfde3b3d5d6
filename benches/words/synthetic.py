"""Sentences spoken by espeak-ng, with the times of its own phonemes: connected speech with exact word edges.

The phone head was trained on other voices and sentences of espeak-ng.
"""

from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from audio import RATE, at_level
from corpora import half
from espeak import Espeak, Event
from joined import Clip, join, rounds
from speech import runs
from truth import Recording, TrueWord

SENTENCES = Path(__file__).with_name("sentences.tsv")
VARIANTS = "m5 f4 Annie Mike belinda klatt3 steph victor anika robert".split()
ACCENTS = {"ko": ["ko"], "en": ["en-us", "en-gb", "en-gb-scotland"]}
SPEED = (120, 210)
PITCH = (25, 75)
LEVEL = 0.08
GAP_S = (0.2, 1.0)
PER_FILE = 4
# Samples up to this size are silence; espeak's pauses are almost digital silence.
SILENT = 0.001
AROUND_S = 0.06
SHORTEST_S = 0.025


def true_words(text: str, events: list[Event], audio: np.ndarray) -> list[TrueWord]:
    """A word lasts from its first phoneme to the next pause or word; words that espeak joins have no edge between them."""
    texts, position, words, at = text.split(), 0, [], {}
    for index, word in enumerate(texts):
        position = text.index(word, position)
        at[position] = index
        words.append(TrueWord(word))
        position += len(word)
    for n, event in enumerate(events):
        if event.character in at:
            set_edges(words, at[event.character], events, n, audio)
    words[0].start_s, words[-1].end_s = 0.0, len(audio) / RATE
    return without_collapsed(words)


def set_edges(words: list[TrueWord], index: int, events: list[Event], n: int, audio: np.ndarray) -> None:
    """The start of a word and the end of the word before it.

    At a pause both are where the sound begins and ends. Otherwise they are the time of the word's event, or of its first
    phoneme where the event precedes the last phoneme of the word before.
    """
    before = next((event for event in reversed(events[:n]) if event.phoneme is not None), None)
    first = next((event for event in events[n:] if event.phoneme), None)
    if index == 0 or before is None or first is None:
        return
    if before.phoneme == "":
        words[index - 1].end_s, words[index].start_s = silence(audio, before.at_s, first.at_s)
    else:
        edge_s = first.at_s if before.at_s == events[n].at_s else events[n].at_s
        words[index - 1].end_s = words[index].start_s = edge_s


def silence(audio: np.ndarray, pause_s: float, sound_s: float) -> tuple[float, float]:
    """Start and end of the longest silence around a pause; espeak reports pauses up to 60 ms late."""
    first = max(0, int((pause_s - AROUND_S) * RATE))
    silences = runs(np.abs(audio[first : int((sound_s + AROUND_S) * RATE)]) <= SILENT)
    start, end = max(silences, key=lambda run: run[1] - run[0], default=(0, 0))
    return (first + start) / RATE, (first + end) / RATE


def without_collapsed(words: list[TrueWord]) -> list[TrueWord]:
    """Removes the edges of words that espeak reports to last less than 25 ms."""
    for n, word in enumerate(words):
        if word.start_s is not None and word.end_s is not None and word.end_s - word.start_s < SHORTEST_S:
            word.start_s = word.end_s = None
            if n > 0:
                words[n - 1].end_s = None
            if n + 1 < len(words):
                words[n + 1].start_s = None
    return words


def sentence(espeak: Espeak, language: str, text: str, rng: np.random.Generator) -> Clip:
    voice = f"{rng.choice(ACCENTS[language])}+{rng.choice(VARIANTS)}"
    audio, events = espeak.speak(voice, int(rng.integers(*SPEED)), int(rng.integers(*PITCH)), text)
    audio = resample_poly(audio, RATE, espeak.rate)
    loud = np.flatnonzero(np.abs(audio) > SILENT)
    start_s = float(loud[0] / RATE)
    events = [Event(event.at_s - start_s, event.character, event.phoneme) for event in events]
    audio = audio[loud[0] : loud[-1] + 1]
    return Clip(at_level(audio, LEVEL), true_words(text, events, audio), text, np.zeros(0), voice)


def synthetic(language: str, number: int | None, seed: int) -> list[Recording]:
    """All sentences of a language, four in each recording."""
    lines = [line.split("\t") for line in SENTENCES.read_text(encoding="utf-8").splitlines()]
    texts = half([text for of, text in lines if of == language], number)
    rng, espeak = np.random.default_rng(seed), Espeak()
    clips = [sentence(espeak, language, text, rng) for text in texts]
    made = []
    for n, group in enumerate(rounds(clips, 1, rng, PER_FILE)):
        gaps_s = list(rng.uniform(*GAP_S, len(group) + 1))
        made.append(join(f"e{n:02}", language, group, gaps_s, True, rng))
    return made
