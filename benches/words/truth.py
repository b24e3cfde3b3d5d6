"""Recordings with their true words. All times are in seconds from the start of the recording."""

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class TrueWord:
    """A word that was said. A time is None if it is not known. `part` numbers the utterance or the spliced fragment."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    part: int = 0


@dataclass
class Segment:
    """Text given to an aligner, at most 30 s. Its bounds are in silence, not at the edges of the words."""

    start_s: float
    end_s: float
    text: str


@dataclass
class Recording:
    """A recording, its true words, and the text given to aligners."""

    name: str
    language: str
    audio: np.ndarray
    words: list[TrueWord]
    segments: list[Segment] = field(default_factory=list)
    # The names of the source recordings.
    sources: list[str] = field(default_factory=list)
    path: Path | None = None
    # Start and end of silences without any word.
    gaps: list[tuple[float, float]] = field(default_factory=list)
    # Start and end of each part, if words of one part cannot be in another.
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)


@dataclass
class Word:
    """A word with the times of an engine. `expected_error_s` is None if the engine does not estimate it."""

    text: str
    start_s: float
    end_s: float
    fallback: str | None = None
    expected_error_s: float | None = None
    uncertain: bool = False


def characters(text: str) -> list[str]:
    """The compared characters: NFC, lower case, letters and digits only."""
    return [c for c in unicodedata.normalize("NFC", text).lower() if c.isalnum()]


def spoken_words(text: str) -> list[str]:
    """The words of a text, without those of punctuation only."""
    return [word for word in text.split() if characters(word)]
