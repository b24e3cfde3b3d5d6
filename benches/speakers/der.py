"""Diarization error rate: (missed + false alarm + confusion) / reference speech, all in seconds of speaker time.

    python benches/speakers/der.py REF.rttm HYP.rttm [--collar S] [--skip-overlap] [--uem UEM]

Without options: no collar, overlap counts, the whole recording is scored. `--collar 0.25` leaves out 0.25 s on each side of
each edge of a reference turn.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import rttm
from rttm import Turn

Span = tuple[float, float]


@dataclass
class Errors:
    """Seconds of speaker time. `mapping` gives the reference speaker of each mapped hypothesis speaker."""

    total: float = 0.0
    missed: float = 0.0
    false_alarm: float = 0.0
    confusion: float = 0.0
    mapping: dict[str, str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        wrong = self.missed + self.false_alarm + self.confusion
        return wrong / self.total if self.total else float(wrong > 0)

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(
            self.total + other.total, self.missed + other.missed, self.false_alarm + other.false_alarm,
            self.confusion + other.confusion,
        )  # fmt: skip


def union(turns: list[Turn]) -> list[Turn]:
    """Turns of one speaker that overlap or touch become one."""
    found: list[Turn] = []
    for turn in sorted((t for t in turns if t.end_s > t.start_s), key=lambda t: (t.speaker, t.start_s)):
        if found and found[-1].speaker == turn.speaker and turn.start_s <= found[-1].end_s:
            found[-1] = found[-1]._replace(end_s=max(found[-1].end_s, turn.end_s))
        else:
            found.append(turn)
    return found


def intervals(
    reference: list[Turn], hypothesis: list[Turn], uem: list[Span], collar_s: float
) -> list[tuple[float, frozenset[str], frozenset[str]]]:
    """Duration, reference speakers and hypothesis speakers between each two neighboring edges that are scored."""
    # Kind 0: reference, 1: hypothesis, 2: scored, 3: in a collar.
    events: list[tuple[float, int, int, str]] = []

    def add(start: float, end: float, kind: int, name: str = "") -> None:
        events.append((start, 1, kind, name))
        events.append((end, -1, kind, name))

    for kind, turns in ((0, union(reference)), (1, union(hypothesis))):
        for turn in turns:
            add(turn.start_s, turn.end_s, kind, turn.speaker)
    for start, end in uem:
        add(start, end, 2)
    if collar_s:
        for edge in {edge for turn in union(reference) for edge in turn[:2]}:
            add(edge - collar_s, edge + collar_s, 3)
    events.sort(key=lambda event: event[0])
    active: tuple[dict[str, int], ...] = tuple(defaultdict(int) for _ in range(4))
    found = []
    for (at, change, kind, name), following in zip(events, [*events[1:], (events[-1][0],)] if events else []):
        active[kind][name] += change
        duration = following[0] - at
        if duration > 0 and active[2][""] > 0 and not active[3][""] > 0:
            one, other = (frozenset(n for n, count in active[k].items() if count > 0) for k in (0, 1))
            if one or other:
                found.append((duration, one, other))
    return found


def assign(gain: list[list[float]]) -> list[int]:
    """The column of each row with the largest sum of gains, -1 for rows without one: the Hungarian algorithm."""
    rows, columns = len(gain), len(gain[0]) if gain else 0
    if not rows or not columns:
        return [-1] * rows
    if rows > columns:
        transposed = assign([list(column) for column in zip(*gain)])
        return [transposed.index(row) if row in transposed else -1 for row in range(rows)]
    # Shortest augmenting paths with potentials; row and column 0 are sentinels.
    above, left = [0.0] * (rows + 1), [0.0] * (columns + 1)
    row_of, way = [0] * (columns + 1), [0] * (columns + 1)
    for row in range(1, rows + 1):
        row_of[0], column = row, 0
        slack, used = [float("inf")] * (columns + 1), [False] * (columns + 1)
        while row_of[column]:
            used[column] = True
            current, nearest, step = row_of[column], 0, float("inf")
            for j in range(1, columns + 1):
                if not used[j]:
                    cost = -gain[current - 1][j - 1] - above[current] - left[j]
                    if cost < slack[j]:
                        slack[j], way[j] = cost, column
                    if slack[j] < step:
                        step, nearest = slack[j], j
            for j in range(columns + 1):
                if used[j]:
                    above[row_of[j]] += step
                    left[j] -= step
                else:
                    slack[j] -= step
            column = nearest
        while column:
            row_of[column], column = row_of[way[column]], way[column]
    found = [-1] * rows
    for j in range(1, columns + 1):
        if row_of[j]:
            found[row_of[j] - 1] = j - 1
    return found


def best_mapping(scored: list[tuple[float, frozenset[str], frozenset[str]]]) -> dict[str, str]:
    """The reference speaker of each hypothesis speaker, at most one each, with the most common time."""
    common: dict[tuple[str, str], float] = defaultdict(float)
    for duration, spoken, said in scored:
        for one in spoken:
            for other in said:
                common[other, one] += duration
    ours, theirs = sorted({pair[0] for pair in common}), sorted({pair[1] for pair in common})
    columns = assign([[common.get((other, one), 0.0) for one in theirs] for other in ours])
    pairs = ((other, theirs[column]) for other, column in zip(ours, columns) if column >= 0)
    return {other: one for other, one in pairs if common.get((other, one), 0.0) > 0}


def errors(
    reference: list[Turn],
    hypothesis: list[Turn],
    *,
    uem: list[Span] | None = None,
    collar_s: float = 0.0,
    skip_overlap: bool = False,
    mapping: dict[str, str] | None = None,
) -> Errors:
    """Compares two sets of turns, with the mapping of speakers that has the smallest error unless one is given.

    `uem` are the scored intervals; without it everything is scored.
    """
    both = reference + hypothesis
    everything = [(min(t.start_s for t in both), max(t.end_s for t in both))] if both else []
    scored = intervals(reference, hypothesis, everything if uem is None else uem, collar_s)
    if skip_overlap:
        scored = [interval for interval in scored if len(interval[1]) < 2]
    found = Errors(mapping=best_mapping(scored) if mapping is None else mapping)
    for duration, spoken, said in scored:
        correct = sum(found.mapping.get(name) in spoken for name in said)
        found.total += duration * len(spoken)
        found.missed += duration * max(0, len(spoken) - len(said))
        found.false_alarm += duration * max(0, len(said) - len(spoken))
        found.confusion += duration * (min(len(spoken), len(said)) - correct)
    return found


def read_uem(path: Path) -> list[Span]:
    lines = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith(";")]
    return [(float(fields[-2]), float(fields[-1])) for fields in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path, metavar="REF.rttm")
    parser.add_argument("hypothesis", type=Path, metavar="HYP.rttm")
    parser.add_argument(
        "--collar", type=float, default=0.0, metavar="S", help="seconds left out on each side of an edge"
    )
    parser.add_argument("--skip-overlap", action="store_true", help="leave out where several speakers speak")
    parser.add_argument("--uem", type=Path, help="scored intervals (the last two fields of each line); default: all")
    chosen = parser.parse_args()
    found = errors(
        rttm.read(chosen.reference), rttm.read(chosen.hypothesis), uem=chosen.uem and read_uem(chosen.uem),
        collar_s=chosen.collar, skip_overlap=chosen.skip_overlap,
    )  # fmt: skip
    print(f"DER {100 * found.rate:.2f} % of {found.total:.2f} s")
    for name in ("missed", "false_alarm", "confusion"):
        part = getattr(found, name)
        print(f"{name:>11} {part:8.2f} s {100 * part / found.total if found.total else 0:6.2f} %")
    print("mapping:", ", ".join(f"{ours} = {theirs}" for ours, theirs in sorted(found.mapping.items())) or "none")


if __name__ == "__main__":
    main()
