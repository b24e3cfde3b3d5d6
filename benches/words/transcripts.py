"""Given text that is not what was said: a recognizer's errors, and other spellings of numbers and Latin words."""

import difflib
from dataclasses import replace

import numpy as np

import cache
from audio import RATE
from engines import fragment
from pauses import segments_of
from peers import VERSION, Whisper
from truth import Recording, Segment, TrueWord, Word, spoken_words

# Share of words that are replaced, inserted and deleted after the recognizer's own errors.
EDITED = 0.04
CONFUSED = {
    "ko": [
        ("그", "거"), ("그거", "이거"), ("나", "너"), ("내가", "네가"), ("니가", "내가"), ("근데", "그런데"), ("되나요", "돼나요"),
        ("있나요", "인나요"), ("있어요", "이써요"), ("어떤", "어떻게"), ("안", "아니"), ("못", "몸"), ("진짜", "지금"), ("막", "마"),
        ("왜", "외"), ("거야", "가야"), ("예약", "계약"), ("주차", "주사"), ("메뉴", "매뉴얼"), ("배달", "배당"), ("시간", "시감"),
    ],
    "en": [
        ("and", "in"), ("the", "a"), ("a", "the"), ("their", "there"), ("for", "four"), ("to", "two"), ("you", "your"),
        ("your", "you"), ("was", "were"), ("can", "can't"), ("this", "the"), ("in", "and"), ("of", "off"), ("will", "would"),
        ("had", "have"), ("then", "than"), ("test", "text"), ("old", "cold"), ("his", "is"), ("storm", "store"),
    ],
}  # fmt: skip
INSERTED = {"ko": ["어", "음", "그", "네", "뭐", "이제"], "en": ["uh", "um", "the", "and", "so", "well"]}
# Korean as a recognizer writes numbers and Latin words; the words of an utterance are replaced in this order.
DIGITS = [
    ("영 점 일 프로", "0.1 프로"), ("쓰리 쥐", "3G"), ("한 시에", "1시에"), ("삼 점대야", "3점대야"), ("세 시에", "3시에"),
    ("팔팔이 일 컷이", "882 1컷이"), ("세 문제", "3문제"), ("스물 일곱 문제", "27문제"), ("한 이, 삼십 분", "한 2, 30분"),
    ("십 분", "10분"), ("네 시까지", "4시까지"), ("십 삼 일날", "13일날"), ("십 삼 일", "13일"), ("한 번", "1번"),
    ("히터", "heater"),
]  # fmt: skip
SPELLED = [("10명", "열 명"), ("5시", "다섯 시"), ("25명", "스물다섯 명")]


class Guess(Whisper):
    """Whisper's sampled text of an utterance at temperature 0.8."""

    name, given = "sampled", False

    def settings(self) -> str:
        return f"{VERSION}, sampled at 0.8, seed 1"

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word]:
        import ctranslate2

        ctranslate2.set_random_seed(1)
        found = []
        for segment in recording.segments:
            part = fragment(audio, segment.start_s, segment.end_s)
            sampled, _ = self.model.transcribe(
                part, language=recording.language, temperature=0.8, beam_size=1, best_of=1, without_timestamps=True,
                condition_on_previous_text=False, log_prob_threshold=None, no_speech_threshold=None,
                compression_ratio_threshold=None,
            )  # fmt: skip
            text = " ".join(one.text.strip() for one in sampled)
            found += [Word(word, segment.start_s, segment.end_s) for word in text.split()]
        return found


def per_utterance(recording: Recording) -> Recording:
    """The recording with one segment per utterance."""
    spans = recording.spans
    segments = [Segment(max(0.0, a - 0.15), b + 0.15, "") for a, b in spans.values()]
    return replace(recording, segments=segments)


def edited(words: list[str], language: str, rng: np.random.Generator) -> list[str]:
    """Random edits: confusions where the word has one, otherwise deletions and insertions."""
    confused = dict(CONFUSED[language])
    found = []
    for word in words:
        kind = rng.random()
        if kind < EDITED:
            found.append(confused.get(word.strip(".,?!"), confused.get(word.lower().strip(".,?!"), word[:-1] or word)))
        elif kind < 2 * EDITED:
            found += [word, str(rng.choice(INSERTED[language]))]
        elif kind >= 3 * EDITED:
            found.append(word)
    return found


def misrecognized(recordings: list[Recording], guess: Guess, seed: int) -> list[Recording]:
    """The recordings with wrong given text; true words and times stay."""
    rng = np.random.default_rng(seed)
    made = []
    for recording in recordings:
        words, _ = cache.cached(guess.settings(), per_utterance(recording), guess.timed)
        spans = list(recording.spans.values())
        texts = [
            " ".join(edited([word.text for word in words or [] if a - 0.2 <= word.start_s < b], recording.language, rng))
            for a, b in spans
        ]
        segments = segments_of(texts, spans, len(recording.audio) / RATE)
        made.append(replace(recording, segments=[one for one in segments if one.text.strip()]))
    return made


def respelled(text: str, table: list[tuple[str, str]]) -> str:
    for said, written in table:
        text = text.replace(said, written)
    return text


def with_text(recording: Recording, table: list[tuple[str, str]]) -> Recording:
    """The recording with its text and true words spelled in another way; the outer edges of what was replaced stay."""
    old = recording.words
    new = [TrueWord(text) for text in spoken_words(respelled(" ".join(word.text for word in old), table))]
    changes = difflib.SequenceMatcher(None, [word.text for word in old], [word.text for word in new], autojunk=False)
    for kind, a, b, c, d in changes.get_opcodes():
        if kind == "equal":
            for word, own in zip(new[c:d], old[a:b]):
                word.start_s, word.end_s = own.start_s, own.end_s
        elif b > a and d > c:
            new[c].start_s, new[d - 1].end_s = old[a].start_s, old[b - 1].end_s
    segments = [replace(segment, text=respelled(segment.text, table)) for segment in recording.segments]
    return replace(recording, words=new, segments=segments)
