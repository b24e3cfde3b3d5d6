"""The recordings of the accuracy measurement, with their texts and sources."""

import json
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SAMPLE_RATE_HZ = 16_000
# The replacement character that a decoder writes for invalid bytes.
DAMAGED = "\N{REPLACEMENT CHARACTER}"

ENGLISH = Path(__file__).resolve().parent / "english.json"


@dataclass
class Recording:
    """A recording and its text, sentence by sentence."""

    path: Path
    sentences: list[str]
    truth: str

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass
class Set:
    """Recordings that are transcribed with one language setting and scored together."""

    name: str
    title: str
    measure: str
    language: str
    recordings: list[Recording]


def korean(prefix: str) -> list[Recording]:
    """The utterances of ko/talk with a name prefix, except those whose text has a damaged encoding."""
    lines = (SHARED / "ko/talk/truth.tsv").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split("\t")[:2] for line in lines if line.strip())
    return [
        Recording(SHARED / f"ko/talk/{name}.wav", [text], "truth.tsv")
        for name, text in texts.items() if name.startswith(prefix) and DAMAGED not in text
    ]


def english() -> list[Recording]:
    """English recordings with known words."""
    entries = json.loads(ENGLISH.read_text(encoding="utf-8"))
    return [Recording(SHARED / entry["recording"], entry["sentences"], entry["text_from"]) for entry in entries]


def sets() -> list[Set]:
    """All recordings of the accuracy measurement."""
    spontaneous, questions = korean("KaiSpeech_"), korean("wav_")
    return [
        Set("ko-spontaneous", "Korean, spontaneous utterances", "CER", "ko", spontaneous),
        Set("ko-questions", "Korean, callers' questions", "CER", "ko", questions),
        Set("en", "English", "WER", "en", english()),
        Set("auto-spontaneous", "Korean, spontaneous utterances, language detected", "CER", "auto", spontaneous),
        Set("auto-questions", "Korean, callers' questions, language detected", "CER", "auto", questions),
    ]
