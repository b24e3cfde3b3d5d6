"""Real recordings with their texts from the shared data. Nothing of them is written into the repository."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio import load

# The replacement character that a decoder writes for invalid bytes.
DAMAGED = "\N{REPLACEMENT CHARACTER}"
ENGLISH = Path(__file__).resolve().parents[1] / "accuracy/english.json"
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
# Speakers of the digits by half. The phone head was trained on the others (jackson, nicolas).
SPEAKERS = {1: ["lucas"], 2: ["george"]}


@dataclass
class Source:
    """A recording of one utterance, and what was said."""

    name: str
    language: str
    audio: np.ndarray
    text: str


def half(items: list, number: int | None) -> list:
    """Every other item: the first and third for 1, the second and fourth for 2, all without a number."""
    return items if number is None else items[number - 1 :: 2]


def korean(data: Path, number: int | None = None) -> list[Source]:
    """Spontaneous utterances and callers' questions, except the one whose text has a damaged encoding."""
    lines = (data / "ko/talk/truth.tsv").read_text(encoding="utf-8").splitlines()
    named = [line.split("\t") for line in lines if DAMAGED not in line]
    return [Source(name, "ko", load(data / f"ko/talk/{name}.wav"), text) for name, text in half(named, number)]


def english(data: Path, number: int | None = None) -> list[Source]:
    """The English recordings of benches/accuracy, except the one whose text is a recognizer's output."""
    entries = [entry for entry in json.loads(ENGLISH.read_text()) if not entry["text_from"].startswith("output")]
    return [
        Source(Path(entry["recording"]).stem, "en", load(data / entry["recording"]), " ".join(entry["sentences"]))
        for entry in half(entries, number)
    ]


def instructions(data: Path) -> list[Source]:
    """The instruction text of 33 s. The phone head was trained on it."""
    return [Source("azure_ko", "ko", load(data / "ko/azure_ko.wav"), (data / "ko/azure_ko.txt").read_text().split("\t")[1])]


def digits(data: Path, number: int | None = None) -> dict[str, list[Source]]:
    """Spoken digits by speaker; the halves have different speakers."""
    speakers = SPEAKERS[number] if number else SPEAKERS[1] + SPEAKERS[2]
    return {
        speaker: [
            Source(path.stem, "en", load(path), DIGITS[int(path.name[0])])
            for path in sorted((data / "fsdd").glob(f"*_{speaker}_*.wav"))
        ]
        for speaker in speakers
    }
