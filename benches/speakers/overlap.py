"""How much of the overlap in made calls the program lists, and how much of what it lists is overlap.

.venv-speakers/bin/python benches/speakers/overlap.py CALLS --split test
"""

import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import rttm
from run import ROOT

FRAMES_PER_S = 100


def mask(intervals: list[tuple[float, float]], frames: int) -> np.ndarray:
    """How many of the intervals cover each frame of 10 ms."""
    covered = np.zeros(frames, int)
    for start_s, end_s in intervals:
        covered[round(start_s * FRAMES_PER_S) : round(end_s * FRAMES_PER_S)] += 1
    return covered


def listed(program: Path, calls: list[Path]) -> dict[str, list[tuple[float, float]]]:
    """The overlaps that the stage `diarize` lists, by the name of the call."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["stage", "diarize", *map(str, calls), "--out", folder, "--devices", "cpu"]
        output = subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
    documents = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {
        Path(document["path"]).stem: [(o["start_s"], o["end_s"]) for o in document["artifact"]["overlaps"]]
        for document in documents
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path)
    parser.add_argument("--split", choices=["dev", "test"], default="test")
    parser.add_argument("--earwitness", type=Path, default=ROOT / "target/release/earwitness")
    own = parser.parse_args()
    calls = [call for call in json.loads((own.calls / "calls.json").read_text()) if call["split"] == own.split]
    path = {call["name"]: own.calls / own.split / f"{call['name']}.wav" for call in calls}
    found = listed(own.earwitness, list(path.values()))
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(4))
    for call in calls:
        frames = int(call["seconds"] * FRAMES_PER_S) + 1
        turns = [(turn.start_s, turn.end_s) for turn in rttm.read(path[call["name"]].with_suffix(".rttm"))]
        truth, ours = mask(turns, frames) >= 2, mask(found[call["name"]], frames) > 0
        percent = call.get("overlap_target_percent")
        group = f"two-{percent}" if call["group"] == "two" else call["group"]
        sums[group] += [(truth & ours).sum(), ours.sum(), truth.sum(), frames]
    print("| calls | overlap, s | listed, s | found % | right % of what is listed |\n|---|---|---|---|---|")
    for group, (right, ours, truth, _) in sorted(sums.items()):
        shares = [f"{100 * right / whole:.0f}" if whole else "" for whole in (truth, ours)]
        print("|", " | ".join([group, f"{truth / FRAMES_PER_S:.0f}", f"{ours / FRAMES_PER_S:.1f}", *shares]), "|")


if __name__ == "__main__":
    main()
