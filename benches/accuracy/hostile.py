"""Transcripts of sound without intelligible speech, and of speech under louder noise."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import recordings
import score
import sound
from engines import FasterWhisper, Transcript, transcripts
from recordings import SAMPLE_RATE_HZ

SNR_DB = -5.0


@dataclass
class Sound:
    """A sound and its text, which is empty if no speech is intelligible."""

    name: str
    samples: np.ndarray
    reference: str = ""


def every(items: list, count: int) -> list:
    """`count` items at equal distances."""
    return [items[index * len(items) // count] for index in range(count)]


def sounds() -> dict[str, list[Sound]]:
    """All sounds by kind. Korean speech is 10 utterances of each set; babble is mixed from all others and English."""
    spontaneous, questions = recordings.korean("KaiSpeech_"), recordings.korean("wav_")
    spoken = every(spontaneous, 10) + every(questions, 10)
    others = [recording for recording in spontaneous + questions if recording not in spoken] + recordings.english()
    voices = [sound.read(recording.path) for recording in others]
    speech = [(recording, sound.read(recording.path)) for recording in spoken]
    read = [(recording, sound.read(recording.path)) for recording in recordings.english()]
    english = [(recording, sound.read(recording.path)[:15 * SAMPLE_RATE_HZ]) for recording in recordings.english()[:4]]

    def babble(seconds: float, seed: int) -> np.ndarray:
        return sound.babble(voices, seconds, 100 + seed)

    def noisy(kind: str, noise, speech: list) -> list[Sound]:
        return [
            Sound(f"{kind}-{recording.name}", sound.mixed(samples, noise(len(samples) / SAMPLE_RATE_HZ + 0.1, seed), SNR_DB),
                  " ".join(recording.sentences))
            for seed, (recording, samples) in enumerate(speech)
        ]

    def levels(kind: str, make) -> list[Sound]:
        lengths = [(10, -20), (10, -40), (30, -30), (60, -50)]
        return [Sound(f"{kind}-{s}s{db}dB", sound.at_level(make(s, seed), db)) for seed, (s, db) in enumerate(lengths)]

    return {
        "silence": [Sound(f"silence-{s}s", np.zeros(s * SAMPLE_RATE_HZ)) for s in (5, 10, 30, 60)],
        "white noise": levels("white", sound.white),
        "pink noise": levels("pink", sound.pink),
        "music": [Sound(f"music-{seed}", sound.at_level(sound.music(20, seed), -20)) for seed in range(4)],
        "reversed speech": [Sound(f"reversed-{recording.name}", samples[::-1]) for recording, samples in speech + english],
        "babble": [Sound(f"babble-{seed}", sound.at_level(sound.babble(voices, 15, seed), -20)) for seed in range(6)],
        "Korean in white noise": noisy("in-white", sound.white, speech),
        "Korean in pink noise": noisy("in-pink", sound.pink, speech),
        "Korean in babble": noisy("in-babble", babble, speech),
        "English in white noise": noisy("en-in-white", sound.white, read),
        "English in pink noise": noisy("en-in-pink", sound.pink, read),
        "English in babble": noisy("en-in-babble", babble, read),
    }


def languages(kind: str) -> list[str]:
    """The language settings that a kind is transcribed with."""
    return ["en" if kind.startswith("English") else "ko", "auto"]


def wrong_words(reference: str, hypothesis: str) -> int:
    """Words of the hypothesis with less than half of their characters matched by the reference, ignoring spaces."""
    words = score.words(hypothesis)
    spelled = [score.characters(word) for word in words]
    owner = [index for index, letters in enumerate(spelled) for _ in letters]
    letters, expected = [c for word in spelled for c in word], score.characters(reference)
    matched = [0] * len(words)
    for i, j in score.alignment(expected, letters):
        if i is not None and j is not None and expected[i] == letters[j]:
            matched[owner[j]] += 1
    return sum(2 * found < len(word) for found, word in zip(matched, spelled))


def count(group: list[Sound], made: list[Transcript]) -> dict:
    """Counts over the sounds of a kind; `wrong` counts among the confident words."""
    confident = [transcript.confident() for transcript in made]
    return {
        "words": sum(len(score.words(transcript.text)) for transcript in made),
        "confident": sum(len(score.words(text)) for text in confident),
        "wrong": sum(wrong_words(item.reference, text) for item, text in zip(group, confident)),
        "sounds": [
            {"name": item.name, "reference": item.reference, "parts": [asdict(part) for part in transcript.parts]}
            for item, transcript in zip(group, made)
        ],
    }


def run(engines: list, fresh: bool) -> dict:
    """Prints a table of our results and those of faster-whisper, and returns it with all texts."""
    compared = [engine for engine in engines if not engine.peer or isinstance(engine, FasterWhisper)]
    report: dict[str, dict] = {engine.name: {} for engine in compared}
    print(f"\n### Sound without intelligible speech, and speech at {SNR_DB:.0f} dB\n")
    print("Transcribed words / those not marked as unreliable / the wrong words among these. A word is wrong if less than half")
    print("of its characters match the reference. faster-whisper does not mark text: segments with a mean log-probability under its")
    print("own threshold of -1.0 count as marked.\n")
    print(f"| sound | files | seconds | language | {' | '.join(report)} |\n|---|---|---|---|{'---|' * len(report)}")
    for kind, group in sounds().items():
        with tempfile.TemporaryDirectory() as folder:
            files = [sound.write(Path(folder) / f"{item.name}.wav", item.samples) for item in group]
            seconds = sum(len(item.samples) for item in group) / SAMPLE_RATE_HZ
            for language in languages(kind):
                for engine in compared:
                    made = count(group, transcripts(engine, files, language, fresh))
                    report[engine.name][f"{kind}, {language}"] = made
                cells = [report[engine.name][f"{kind}, {language}"] for engine in compared]
                shown = " | ".join(f"{cell['words']} / {cell['confident']} / {cell['wrong']}" for cell in cells)
                print(f"| {kind} | {len(group)} | {seconds:.0f} | {language} | {shown} |", flush=True)
    return report
