"""Figures of an engine over calls, with bootstrap intervals."""

from dataclasses import dataclass, field

import numpy as np

from der import Errors, errors
from program import Word
from rttm import Turn

ROUNDS = 2000
UNKNOWN = "unknown"


@dataclass
class Scored:
    """The figures of one call."""

    call: dict
    errors: Errors
    # Speakers that the engine found; `unknown` is not one.
    speakers: int
    words: int = 0
    wrong_words: int = 0
    unknown_words: int = 0
    seconds: float = 0.0
    turns: list[Turn] = field(default_factory=list)


def speaker_at(turns: list[Turn], at: float) -> str | None:
    """The speaker at a time; of several, the one whose turn has more on its shorter side."""
    inside = [(min(at - t.start_s, t.end_s - at), t.speaker) for t in turns if t.start_s <= at < t.end_s]
    return max(inside)[1] if inside else None


def with_speakers(words: list[Word], turns: list[Turn]) -> list[Word]:
    """The words, with the speakers of another engine's turns."""
    return [Word(word.start_s, word.end_s, speaker_at(turns, (word.start_s + word.end_s) / 2)) for word in words]


def score(call: dict, reference: list[Turn], turns: list[Turn], words: list[Word], seconds: float) -> Scored:
    """`unknown` counts in the DER as one more speaker, who is mapped to none."""
    known = [turn for turn in turns if turn.speaker != UNKNOWN]
    # So that no mapping can make `unknown` right, each of its turns has a speaker of its own.
    unknown = [
        turn._replace(speaker=f"{UNKNOWN} {index}")
        for index, turn in enumerate(t for t in turns if t.speaker == UNKNOWN)
    ]
    best = errors(reference, known, uem=[(0.0, call["seconds"])]).mapping
    found = errors(reference, known + unknown, uem=[(0.0, call["seconds"])], mapping=best)
    made = Scored(call, found, len({turn.speaker for turn in known}), seconds=seconds, turns=turns)
    for word in words:
        middle = (word.start_s + word.end_s) / 2
        right = {turn.speaker for turn in reference if turn.start_s <= middle < turn.end_s}
        if right:
            made.words += 1
            if word.speaker in (None, UNKNOWN):
                made.unknown_words += 1
            else:
                made.wrong_words += best.get(word.speaker) not in right
    return made


def interval(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """95 % of the ratio of the sums, calls drawn with replacement."""
    drawn = np.random.default_rng(0).integers(0, len(values), (ROUNDS, len(values)))
    sums = weights[drawn].sum(1)
    ratios = np.divide(values[drawn].sum(1), sums, out=np.zeros(ROUNDS), where=sums > 0)
    return float(np.percentile(ratios, 2.5)), float(np.percentile(ratios, 97.5))


def figures(scored: list[Scored]) -> dict:
    """Rates over the time of all calls together."""
    total = sum((one.errors for one in scored), Errors())
    wrong = np.array([one.errors.missed + one.errors.false_alarm + one.errors.confusion for one in scored])
    words = sum(one.words for one in scored)
    sure = words - sum(one.unknown_words for one in scored)
    spoken = np.array([one.errors.total for one in scored])
    right = [one.speakers == one.call["speakers"] for one in scored]
    return {
        "calls": len(scored), "seconds": sum(one.call["seconds"] for one in scored), "speech_s": total.total,
        "der": total.rate, "der_95": interval(wrong, spoken), "missed": total.missed / total.total,
        "false_alarm": total.false_alarm / total.total, "confusion": total.confusion / total.total,
        "confusion_95": interval(np.array([one.errors.confusion for one in scored]), spoken),
        "right_number": sum(right) / len(right), "right_number_of": (sum(right), len(right)),
        "words": words, "wrong_words": sum(one.wrong_words for one in scored) / sure if sure else None,
        "wrong_words_95": interval(
            np.array([one.wrong_words for one in scored]), np.array([one.words - one.unknown_words for one in scored])
        ),
        "unknown_words": (words - sure) / words if words else None, "engine_s": sum(one.seconds for one in scored),
    }  # fmt: skip
