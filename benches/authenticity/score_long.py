"""Runs the detectors on the recordings of long.py, and prints false alarms per recording and per hour, and detection rates,
at the thresholds of thresholds.py.

    cargo build --release -p authenticity --example authenticity
    python score_long.py LONG target/release/examples/authenticity [--found NAME] [--also NAME]... [--option=--grids]
        [--thresholds FILE]

Without --thresholds nothing is scored.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from encoders import decode
from score import LONG_S, has_alarm, limit_at, load, parser, shown, strongest

ALTERATIONS = {"copied": "CopiedSegment", "level_step": "LevelStep", "silence": "DigitalSilence"}
# Recordings whose noise is further below the speech do not count: the telephone band removed it, so that nothing covers
# where utterances are joined, which are edits then.
COVERED_DB = 40.0


def main() -> None:
    arguments = parser(__doc__).parse_args()
    listed = [json.loads(line) for line in (arguments.calls / "calls.jsonl").read_text().splitlines()]
    run([arguments.program, *arguments.option], listed, arguments.calls / arguments.found)
    if not arguments.thresholds:
        return
    limits = json.loads(arguments.thresholds.read_text())
    test = [x for x in load(arguments.calls, [arguments.found, *arguments.also]) if x[0]["split"] == "test"]
    report([(call, cues) for call, cues in test if is_covered(call)], limits)
    report_altered([(call, cues) for call, cues in test if call["kind"] == "altered"], limits)


def is_covered(call: dict) -> bool:
    return call["kind"] == "untouched" and call["noise_below_db"] <= COVERED_DB


def run(program: list, calls: list[dict], found: Path) -> None:
    """Appends the cues of the recordings that `found` does not have."""
    known = {json.loads(line)["path"] for line in found.read_text().splitlines()} if found.exists() else set()
    for call in calls:
        if call["path"] in known:
            continue
        with tempfile.NamedTemporaryFile(suffix=".wav") as decoded:
            soundfile.write(decoded.name, decode(call["path"]).astype(np.float32), call["rate"], subtype="FLOAT")
            line = f"{decoded.name}\t{call['codec']}\n"
            output = subprocess.run(program, input=line, text=True, capture_output=True, check=True).stdout
        with open(found, "a") as file:
            print(json.dumps(json.loads(output) | {"path": call["path"]}), file=file)


def report(untouched: list, limits: dict) -> None:
    hours = sum(call["seconds"] for call, _ in untouched) / 3600
    print(f"test: {len(untouched)} untouched recordings, {hours:.1f} h\n")
    print("| cue | threshold at 10 minutes | recordings with a false alarm | cues per hour |\n|---|---|---|---|")
    for kind, limit in limits.items():
        strong = [
            sum(cue["kind"] == kind and cue["statistic"] > limit_at(limit, call["seconds"]) for cue in cues)
            for call, cues in untouched
        ]
        rate = shown(sum(count > 0 for count in strong), len(strong))
        print(f"| {kind} | {limit_at(limit, LONG_S):.3g} | {rate} | {sum(strong) / hours:.2f} |")
    alarms = sum(has_alarm(call, cues, {}, limits) for call, cues in untouched)
    print(f"\nuntouched test recordings with any cue that has a place: {shown(alarms, len(untouched))}")


def report_altered(altered: list, limits: dict) -> None:
    print("\n| altered | detected at the threshold of its length |\n|---|---|")
    for kind, cue in ALTERATIONS.items():
        found = 0
        for call, cues in altered:
            truth = next(alteration for alteration in call["alterations"] if alteration["kind"] == kind)
            found += strongest(cues, cue, truth, True) > limit_at(limits[cue], call["seconds"])
        print(f"| {kind} | {shown(found, len(altered))} |")


if __name__ == "__main__":
    main()
