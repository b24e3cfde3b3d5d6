"""Runs the program: its speech spans, turns, words and times."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import rttm
from rttm import Turn

Span = tuple[float, float]


@dataclass
class Word:
    start_s: float
    end_s: float
    # None or `unknown` if the program does not tell.
    speaker: str | None


@dataclass
class Found:
    """What the program found in one call."""

    turns: list[Turn]
    words: list[Word]
    # The time of its stage that finds speakers.
    seconds: float


def command(program: Path, calls: list[Path], out: Path, store: Path, speakers: str, more: list[str]) -> list[str]:
    """The command that writes a JSON and an RTTM file for each call. `speakers` is a number or `auto`."""
    arguments = ["run", *map(str, calls), "--out", str(out), "--store", f"sqlite:{store}", "--format", "rttm"]
    return [str(program), *arguments, "--speakers", speakers, "--devices", "cpu", *more]


def finds_speakers(program: Path) -> bool:
    if not program.exists():
        return False
    text = subprocess.run([program, "run", "--help"], check=True, capture_output=True, text=True).stdout
    return "--speakers" in text and "rttm" in text


def stage_seconds(document: dict) -> float:
    return sum(step["duration_s"] for step in document["provenance"] if step["stage"] == "diarize")


def run(program: Path, calls: list[Path], out: Path, store: Path, speakers: str, more: list[str]) -> dict[str, Found]:
    """Results by the name of the call."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "run.log").open("w") as log:
        made = subprocess.run(command(program, calls, out, store, speakers, more), stdout=log, stderr=log)
    if made.returncode:
        raise SystemExit(f"{program} failed ({made.returncode}):\n{(out / 'run.log').read_text()[-2000:]}")
    found = {}
    for call in calls:
        document = json.loads((out / f"{call.stem}.json").read_text())
        words = [
            Word(word["start_s"], word["end_s"], word["speaker"])
            for word in document["words"]
            if word["start_s"] is not None
        ]
        found[call.stem] = Found(rttm.read(out / f"{call.stem}.rttm"), words, stage_seconds(document))
    return found


def merge(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def speech_spans(program: Path, calls: list[Path], store: Path, more: list[str]) -> dict[str, list[Span]]:
    """The speech that the program's stage `segment` detects."""
    store.parent.mkdir(parents=True, exist_ok=True)
    folder = ["--out", str(store.parent), "--store", f"sqlite:{store}"]
    arguments = ["stage", "segment", *map(str, calls), *folder, "--devices", "cpu", *more]
    output = subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
    documents = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {
        Path(document["path"]).stem: merge([(span["start_s"], span["end_s"]) for span in document["artifact"]["spans"]])
        for document in documents
    }
