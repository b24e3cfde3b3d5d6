"""Reads and writes RTTM: one line per turn with start, duration and speaker, in seconds."""

from pathlib import Path
from typing import NamedTuple


class Turn(NamedTuple):
    start_s: float
    end_s: float
    speaker: str


def read(path: Path) -> list[Turn]:
    """The turns of the one recording in a file."""
    found = []
    for line in path.read_text().splitlines():
        fields = line.split()
        if fields and fields[0] == "SPEAKER":
            start, duration = float(fields[3]), float(fields[4])
            found.append(Turn(start, start + duration, fields[7]))
    return found


def read_recording(path: Path, recording: str) -> list[Turn]:
    """The turns of one recording in a file of several."""
    lines = [line for line in path.read_text().splitlines() if line.split()[:2] == ["SPEAKER", recording]]
    return [Turn(float(f[3]), float(f[3]) + float(f[4]), f[7]) for f in map(str.split, lines)]


def write(path: Path, recording: str, turns: list[Turn]) -> None:
    lines = [
        f"SPEAKER {recording} 1 {turn.start_s:.3f} {turn.end_s - turn.start_s:.3f} <NA> <NA> {turn.speaker} <NA> <NA>\n"
        for turn in sorted(turns)
    ]
    path.write_text("".join(lines))
