"""Tokens that differ between instruction sets in the same precision: on the fixtures and on ko/talk.

    .venv-accuracy/bin/python benches/accuracy/levels.py

Runs the whole program once for each precision and instruction set of this CPU (`EARWITNESS_CPU`), and prints Markdown: the
number of token edits from the texts of the highest level, as a share of its tokens, and the segments whose mean
log-probability is not bit-identical.
"""

import argparse
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import machine
import recordings
import score
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
CALLS = ROOT / "fixtures/calls"
TOKENIZER = ROOT / "fixtures/models/whisper-base/tokenizer.json"
LEVELS = ["avx512bf16", "avx512vnni", "avx512", "avxvnni", "avx2", "portable"]


@dataclass
class Segment:
    """The transcript of one window."""

    tokens: list[int]
    mean_logprob: float


def available(binary: Path) -> list[str]:
    """The levels that the program accepts on this CPU, the best first."""
    def accepts(level: str) -> bool:
        command = [binary, "schema"]
        return subprocess.run(command, env=os.environ | {"EARWITNESS_CPU": level}, capture_output=True).returncode == 0

    return [level for level in LEVELS if accepts(level)]


def transcribe(binary: Path, files: list[Path], language: str, precision: str, level: str) -> dict[str, list[Segment]]:
    """The segments of every file, by its path."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    with tempfile.TemporaryDirectory() as out:
        command = [binary, "run", *files, "--out", out, "--language", language, "--precision", precision, "--progress", "none"]
        subprocess.run(command, env=os.environ | {"EARWITNESS_CPU": level}, check=True, capture_output=True)
        results = [json.loads(path.read_text()) for path in Path(out).glob("**/*.json")]
    return {
        result["recording"]["path"]: [
            Segment(tokenizer.encode(segment["text"]).ids, segment["diagnostics"]["avg_logprob"]) for segment in result["segments"]
        ]
        for result in results
    }


def edits(a: list[int], b: list[int]) -> int:
    """The minimum number of insertions, deletions and substitutions that turn a into b."""
    return sum(i is None or j is None or a[i] != b[j] for i, j in score.alignment(a, b))


def compare(reference: dict[str, list[Segment]], other: dict[str, list[Segment]]) -> str:
    """Table cells: tokens, differing tokens and their percentage, segments, segments with another log-probability."""
    assert reference.keys() == other.keys()
    tokens = differing = segments = other_numbers = 0
    for path, expected in reference.items():
        a, b = ([token for segment in side for token in segment.tokens] for side in (expected, other[path]))
        tokens += len(a)
        differing += edits(a, b)
        segments += len(expected)
        equal = {segment.mean_logprob for segment in expected} & {segment.mean_logprob for segment in other[path]}
        other_numbers += sum(segment.mean_logprob not in equal for segment in expected)
    return f"{tokens} | {differing} | {100 * differing / tokens:.2f} | {segments} | {other_numbers}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/earwitness", help="our program")
    parser.add_argument("--precisions", nargs="+", default=["int8", "f32"])
    chosen = parser.parse_args()
    talk = [recording.path for prefix in ("KaiSpeech_", "wav_") for recording in recordings.korean(prefix)]
    calls = sorted(path for path in CALLS.iterdir() if path.suffix != ".json")
    best, *lower = available(chosen.binary.resolve())
    print(f"{machine.today()}, {machine.cpu()}; the reference is {best}\n")
    print("| precision | level | recordings | tokens | differing | % | segments | with other log-probabilities |")
    print("|---|---|---|---|---|---|---|---|")
    for precision in chosen.precisions:
        for title, files, language in [("fixtures", calls, "auto"), ("ko/talk", talk, "ko")]:
            reference = transcribe(chosen.binary.resolve(), files, language, precision, best)
            for level in lower:
                cells = compare(reference, transcribe(chosen.binary.resolve(), files, language, precision, level))
                print(f"| {precision} | {level} | {title} ({len(files)}) | {cells} |", flush=True)


if __name__ == "__main__":
    main()
