"""The compared engines. Each returns the words of recordings, in order, with times in seconds.

`given` engines align the given text, the others recognize. `gives` a language: the engine can process it.
"""

import json
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio import RATE, load
from cache import cached
from truth import Recording, Word


@dataclass
class Result:
    """Words per recording (None where the engine failed), and the seconds of the engine, without preparation."""

    words: list[list[Word] | None]
    seconds: float


def our_word(entry: dict) -> Word:
    """A word of our JSON; the fields of confidence are optional."""
    return Word(
        entry["text"], entry["start_s"], entry["end_s"], entry.get("fallback"), entry.get("expected_error_s"),
        bool(entry.get("uncertain")),
    )  # fmt: skip


class Program:
    """The whole program: words of the recognized text."""

    given = False
    languages = ("ko", "en")

    def __init__(self, binary: Path, aligner: str, model: str, more: list[str]):
        self.binary, self.aligner, self.model, self.more = binary, aligner, model, more
        self.name = f"earwitness, {Path(aligner).name}"

    def run(self, recordings: list[Recording]) -> Result:
        folder = recordings[0].path.parent
        out = folder.parent / f"out-{Path(self.aligner).name}"
        command = [self.binary, "run", *(recording.path for recording in recordings), "--out", out]
        command += ["--store", f"sqlite:{folder.parent}/store.db", "--model", self.model, "--aligner", self.aligner]
        command += ["--language", recordings[0].language, "--progress", "none", *self.more]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise SystemExit(f"{self.name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        results = [json.loads((out / f"{recording.path.stem}.json").read_text()) for recording in recordings]
        return Result([[our_word(word) for word in result["words"]] for result in results], seconds)


class AlignText:
    """Our aligner alone: the example `align_text`, which reads and writes a JSON line per recording."""

    given = True
    languages = ("ko", "en")

    def __init__(self, binary: Path, aligner: str):
        self.binary, self.aligner = binary, aligner
        self.name = f"earwitness, {Path(aligner).name}, text given"

    def run(self, recordings: list[Recording]) -> Result:
        lines = [json.dumps(task(recording), ensure_ascii=False) for recording in recordings]
        start = time.perf_counter()
        done = subprocess.run(
            [self.binary, "--aligner", self.aligner], input="\n".join(lines) + "\n", capture_output=True, text=True
        )
        seconds = time.perf_counter() - start
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        if done.returncode or len(answers) != len(recordings):
            raise SystemExit(f"{self.name}: exit code {done.returncode}, {len(answers)} lines\n{done.stderr[-2000:]}")
        if all("seconds" in answer for answer in answers):
            seconds = sum(answer["seconds"] for answer in answers)
        return Result([[our_word(word) for word in answer["words"]] for answer in answers], seconds)


def task(recording: Recording) -> dict:
    segments = [
        {"start_s": segment.start_s, "end_s": segment.end_s, "text": segment.text, "language": recording.language}
        for segment in recording.segments
    ]
    return {"audio": str(recording.path.resolve()), "segments": segments}


class Cached:
    """An engine in this process whose results are cached. Subclasses implement `settings` and `words`."""

    def settings(self) -> str:
        raise NotImplementedError

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word] | None:
        raise NotImplementedError

    def timed(self, recording: Recording) -> tuple[list[Word] | None, float]:
        audio = load(recording.path).astype(np.float32)
        start = time.perf_counter()
        return self.words(recording, audio), time.perf_counter() - start

    def run(self, recordings: Iterable[Recording]) -> Result:
        found = [cached(self.settings(), recording, self.timed) for recording in recordings]
        return Result([words for words, _ in found], sum(seconds for _, seconds in found))


def fragment(audio: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    return audio[int(start_s * RATE) : int(end_s * RATE)]
