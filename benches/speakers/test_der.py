"""Compares der.py with pyannote.metrics on random annotations and on made calls.

.venv-speakers/bin/python benches/speakers/test_der.py [CALLS]
"""

import random
import sys
import warnings
from pathlib import Path

from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

import rttm
from der import assign, errors
from rttm import Turn

COUNT = 300
SETTINGS = [(0.0, False), (0.25, False), (0.0, True), (0.1, True)]


def annotation(turns: list[Turn]) -> Annotation:
    made = Annotation()
    for index, turn in enumerate(turns):
        made[Segment(turn.start_s, turn.end_s), index] = turn.speaker
    return made


def compare(reference: list[Turn], hypothesis: list[Turn], end_s: float, collar_s: float, skip_overlap: bool) -> None:
    ours = errors(reference, hypothesis, uem=[(0.0, end_s)], collar_s=collar_s, skip_overlap=skip_overlap)
    # pyannote's collar is the width on both sides together. Its annotations are the union of each speaker's turns.
    metric = DiarizationErrorRate(collar=2 * collar_s, skip_overlap=skip_overlap)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = metric(
            annotation(reference).support(),
            annotation(hypothesis).support(),
            uem=Timeline([Segment(0, end_s)]),
            detailed=True,
        )
    pairs = {
        "total": ours.total, "missed detection": ours.missed, "false alarm": ours.false_alarm, "confusion": ours.confusion,
    }  # fmt: skip
    for name, value in pairs.items():
        assert abs(value - theirs[name]) < 1e-6, (name, value, theirs[name])
    if ours.total > 1e-6:
        assert abs(ours.rate - theirs["diarization error rate"]) < 1e-6


def random_turns(speakers: str, end_s: float) -> list[Turn]:
    """Turns with overlaps, also of one speaker with himself, sometimes with common edges."""
    made = []
    for _ in range(random.randint(0, 14)):
        start = random.choice([round(random.uniform(0, end_s - 0.1), 3), float(random.randint(0, int(end_s) - 1))])
        end = min(end_s, start + random.choice([random.uniform(0.05, 4.0), 1.0]))
        made.append(Turn(start, end, random.choice(speakers)))
    return made


def test_der_equals_pyannote_on_random_turns() -> None:
    random.seed(20261129)
    for number in range(COUNT):
        reference, hypothesis = random_turns("abcd"[: 1 + number % 4], 20), random_turns("vwxyz"[: 1 + number % 5], 20)
        for collar_s, skip_overlap in SETTINGS:
            compare(reference, hypothesis, 20.0, collar_s, skip_overlap)


def check_calls(folder: Path) -> int:
    """The reference of each call against itself, shifted, with a wrong speaker here and there, and turns left out."""
    random.seed(1)
    paths = sorted(folder.glob("*/*.rttm"))
    for path in paths:
        reference = rttm.read(path)
        end = max(turn.end_s for turn in reference) + 1
        names = sorted({turn.speaker for turn in reference}) + ["another"]
        changed = [
            Turn(
                turn.start_s + random.uniform(0, 0.3),
                turn.end_s + random.uniform(0, 0.3),
                random.choice([turn.speaker, *names]),
            )
            for turn in reference
            if turn.end_s - turn.start_s > 0.3 and random.random() < 0.9
        ]
        assert errors(reference, reference).rate == 0
        for collar_s, skip_overlap in SETTINGS:
            compare(reference, changed, end, collar_s, skip_overlap)
    return len(paths)


def test_der_of_known_turns() -> None:
    reference = [Turn(0, 4, "a"), Turn(3, 6, "b")]
    found = errors(reference, [Turn(0, 3, "x"), Turn(3, 7, "y")])
    assert (found.total, found.missed, found.false_alarm, found.confusion) == (7, 1, 1, 0)
    assert found.mapping == {"x": "a", "y": "b"}
    assert errors(reference, []).rate == 1
    assert errors([], []).rate == 0


def test_assignment_is_the_best_of_all() -> None:
    from itertools import permutations

    random.seed(2)
    for _ in range(300):
        rows, columns = random.randint(1, 5), random.randint(1, 5)
        gain = [[random.choice([0, random.random()]) for _ in range(columns)] for _ in range(rows)]
        found = assign(gain)
        used = [column for column in found if column >= 0]
        assert len(set(used)) == len(used) == min(rows, columns)
        padded = [row + [0] * (5 - columns) for row in gain] + [[0] * 5] * (5 - rows)
        best = max(sum(padded[i][j] for i, j in enumerate(order)) for order in permutations(range(5)))
        assert abs(sum(gain[i][j] for i, j in enumerate(found) if j >= 0) - best) < 1e-9


if __name__ == "__main__":
    test_der_of_known_turns()
    test_assignment_is_the_best_of_all()
    test_der_equals_pyannote_on_random_turns()
    calls = check_calls(Path(sys.argv[1])) if len(sys.argv) > 1 else 0
    print(
        f"equal to pyannote.metrics on {COUNT} random annotations and {calls} calls, each with {len(SETTINGS)} settings"
    )
