"""The test sets: name, title, kind of engines, and recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import corpora
import hard
import joined
import pauses
import spliced
import transcripts
from natural import natural
from peers import FragmentTexts, WhisperAlign
from readings import readings
from speech import RULES, Rules, bounds
from synthetic import synthetic
from tools import PocketSphinx, Vosk
from truth import Recording

# Kinds of engines: our whole program, our aligner with given text, a peer's recognition, and tools with given text.
PROGRAM, GIVEN, PEER, TOOLS = "program", "given", "peer", "tools"
ALL = frozenset({PROGRAM, GIVEN, PEER, TOOLS})
OURS = frozenset({PROGRAM, GIVEN})
TEXT = frozenset({GIVEN, TOOLS})
# Strings of digits per speaker.
DIGIT_STRINGS = 20
# Thresholds of activity that show how far a truth depends on them.
OTHER_RULES = [Rules(20, 10), Rules(30, 10), Rules(25, 6), Rules(25, 15)]


@dataclass
class TestSet:
    name: str
    title: str
    language: str
    engines: frozenset[str]
    make: Callable[[], list[Recording]]

    @cached_property
    def recordings(self) -> list[Recording]:
        return [recording for recording in self.make() if recording.words]

    def release(self) -> None:
        """Frees the recordings."""
        self.__dict__.pop("recordings", None)


class Corpus:
    """The sources of one half, with their bounds and confirmed silences."""

    def __init__(self, data: Path, half: int | None, work: Path):
        self.data, self.half, self.work = data, half, work
        self.attention, self.vosk, self.sphinx = WhisperAlign(), Vosk(), PocketSphinx()
        self.recognizer = FragmentTexts()

    @cached_property
    def korean(self) -> list[pauses.Utterance]:
        return self.utterances(corpora.korean(self.data, self.half), "ko")

    @cached_property
    def instructions(self) -> list[pauses.Utterance]:
        return self.utterances(corpora.instructions(self.data), "ko-whole")

    @cached_property
    def whole_english(self) -> list[pauses.Utterance]:
        return self.utterances(corpora.english(self.data, self.half), "en-whole")

    @cached_property
    def english(self) -> list[pauses.Utterance]:
        """The same, cut at confirmed silences of at least 0.3 s."""
        return self.utterances(pauses.phrases(self.whole_english, pauses.DIVISION_S), "en")

    def utterances(self, sources: list[corpora.Source], folder: str) -> list[pauses.Utterance]:
        tool = self.vosk if folder.startswith("ko") else self.sphinx
        return pauses.utterances(sources, tool, self.attention, self.recognizer, self.work / folder)

    def of(self, language: str) -> list[pauses.Utterance]:
        return self.korean if language == "ko" else self.english

    def whole(self, language: str) -> list[pauses.Utterance]:
        """Recordings without cuts."""
        return self.korean if language == "ko" else self.whole_english


NAMES = {"ko": "Korean", "en": "English"}


def test_sets(corpus: Corpus, seed: int, rounds: int, long: bool) -> list[TestSet]:
    made = []
    for language in ("ko", "en"):
        made += joined_sets(corpus, language, seed, rounds) + exact_sets(corpus, language, seed)
    made.append(TestSet("en-digits", "English digits, gaps of 30 to 250 ms", "en", TEXT, lambda: digits(corpus, False, seed)))
    made.append(TestSet("en-digits-abutting", "English digits, no gaps", "en", TEXT, lambda: digits(corpus, True, seed)))
    made.append(TestSet("en-read", "read English, times by pocketsphinx", "en", ALL, lambda: readings(corpus.data, corpus.half)))
    made += [one for language in ("ko", "en") for one in hard_sets(corpus, language, seed)]
    made += [one for language in ("ko", "en") for one in text_sets(corpus, language, seed)]
    made += number_sets(corpus)
    made.append(TestSet(
        "ko-trained", "Korean instructions, on which the phone head was trained", "ko", ALL,
        lambda: [natural(one) for one in corpus.instructions],
    ))  # fmt: skip
    for language in ("ko", "en") if long else ():
        title = f"60 minutes of joined {NAMES[language]}"
        made.append(TestSet(f"{language}-60min", title, language, OURS, lambda of=language: [joined.long(corpus.of(of), 60, seed)]))
    return made


def joined_sets(corpus: Corpus, language: str, seed: int, rounds: int) -> list[TestSet]:
    def make(own_noise: bool, margin_s: float = 0.0) -> list[Recording]:
        return joined.joined(corpus.of(language), rounds, own_noise, seed, margin_s)

    title = f"joined {NAMES[language]}"
    return [
        TestSet(f"{language}-quiet", f"{title}, quiet gaps", language, ALL, lambda: make(False)),
        TestSet(f"{language}-noise", f"{title}, gaps of their own noise", language, OURS, lambda: make(True)),
        TestSet(f"{language}-margin", f"{title}, natural onsets and decays", language, OURS, lambda: make(True, joined.MARGIN_S)),
    ]


def exact_sets(corpus: Corpus, language: str, seed: int) -> list[TestSet]:
    def whole() -> list[Recording]:
        return [natural(utterance) for utterance in corpus.whole(language)]

    def fragments(abutting: bool) -> list[Recording]:
        return spliced.spliced(spliced.clips_of(corpus.whole(language)), language, abutting, seed)

    name = NAMES[language]
    return [
        TestSet(f"{language}-whole", f"{name} as recorded, words at silences", language, ALL, whole),
        TestSet(f"{language}-spliced", f"spliced {name}, gaps of 30 to 250 ms", language, TEXT, lambda: fragments(False)),
        TestSet(f"{language}-abutting", f"spliced {name}, no gaps", language, TEXT, lambda: fragments(True)),
        TestSet(
            f"{language}-espeak", f"{name} by espeak-ng (synthetic)", language, TEXT | (OURS if language == "en" else TEXT),
            lambda: synthetic(language, corpus.half, seed),
        ),
    ]  # fmt: skip


def digits(corpus: Corpus, abutting: bool, seed: int) -> list[Recording]:
    return spliced.digit_strings(corpora.digits(corpus.data, corpus.half), DIGIT_STRINGS, abutting, seed)


def hard_sets(corpus: Corpus, language: str, seed: int) -> list[TestSet]:
    def sources() -> list[corpora.Source]:
        return [utterance.source for utterance in corpus.of(language)]

    def make(change: Callable[[], hard.Change]) -> list[Recording]:
        return hard.changed(joined.joined(corpus.of(language), 1, True, seed), change(), seed)

    changes = {
        "white": ("white noise at 10 dB", lambda: hard.white_noise),
        "babble": ("babble at 10 dB", lambda: hard.babble(sources())),
        "mulaw": ("telephone band, mu-law", lambda: hard.coded("pcm_mulaw", ".wav")),
        "gsm": ("telephone band, GSM", lambda: hard.coded("libgsm", ".gsm")),
        "voice": ("a second voice at -5 dB", lambda: hard.second_voice(sources())),
    }
    made = [
        TestSet(f"{language}-{name}", f"joined {NAMES[language]}, {title}", language, OURS, lambda of=change: make(of))
        for name, (title, change) in changes.items()
    ]
    title = f"3 minutes of joined {NAMES[language]}"
    return [*made, TestSet(f"{language}-3min", title, language, OURS, lambda: [joined.long(corpus.of(language), 3, seed)])]


def text_sets(corpus: Corpus, language: str, seed: int) -> list[TestSet]:
    def make() -> list[Recording]:
        recordings = joined.joined(corpus.of(language), 1, True, seed)
        for recording in recordings:
            recording.path = corpus.work / f"wrong-{language}/{recording.name}.wav"
            hard.save(recording.path, recording.audio)
        return transcripts.misrecognized(recordings, transcripts.Guess(), seed)

    return [TestSet(f"{language}-wrong", f"joined {NAMES[language]}, wrong words in the text", language, TEXT, make)]


def number_sets(corpus: Corpus) -> list[TestSet]:
    """The same recordings with numbers and Latin words in either spelling."""

    def make(table: list[tuple[str, str]]) -> list[Recording]:
        keys = [said for said, _ in transcripts.DIGITS + transcripts.SPELLED]
        chosen = [one for one in corpus.whole("ko") if any(key in one.source.text for key in keys)]
        spelled = [transcripts.with_text(natural(one), transcripts.SPELLED) for one in chosen]
        return [transcripts.with_text(recording, table) for recording in spelled]

    return [
        TestSet("ko-numbers-words", "Korean numbers written as words", "ko", TEXT, lambda: make([])),
        TestSet("ko-numbers-digits", "the same, written as digits", "ko", TEXT, lambda: make(DIGIT_TABLE)),
    ]


DIGIT_TABLE = transcripts.DIGITS + [(said, written) for written, said in transcripts.SPELLED]


def spread(corpus: Corpus) -> dict[str, tuple[int, float, float]]:
    """How far other thresholds of activity move the clear edges of the recordings: count, median and 95th percentile in ms."""
    found = {}
    for language in ("ko", "en"):
        moved = []
        for utterance in corpus.of(language):
            for rules in OTHER_RULES:
                other, own = bounds(utterance.source.audio, rules), utterance.bounds
                if other and own.start_clear:
                    moved.append(10 * abs(other.start - own.start))
                if other and own.end_clear:
                    moved.append(10 * abs(other.end - own.end))
        found[language] = (len(moved), float(np.median(moved)), float(np.percentile(moved, 95)))
    return found


assert RULES not in OTHER_RULES
