"""Runs the detectors on the calls of make.py and prints detection rates at the thresholds of thresholds.py, or, for cues
without one, at what 5 % of the untouched tuning calls exceed.

    cargo build --release -p authenticity --example authenticity
    python score.py CALLS target/release/examples/authenticity [--found NAME] [--also NAME]... [--kinds untouched,copied,...]
        [--option=--grids] [--thresholds FILE] [--run-only]

With --also, calls that one of the files does not have are left out.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np

NONE = -1e9
# Length for which a threshold has its `long` value.
LONG_S = 600.0
# A cue counts if it is this near to the altered place.
TOLERANCE_S = 0.5
# Kinds without an alteration of the sound, other than its encoding.
UNALTERED = ["untouched", "untouched_aac", "single"]
# Cue, kinds that have it, kinds that do not, whether the place must be right.
TABLE = [
    ("CopiedSegment", ["copied"], UNALTERED, True),
    ("HumPhaseJump", ["hum_jump"], UNALTERED, True),
    ("LevelStep", ["level_step"], UNALTERED, True),
    ("DigitalSilence", ["silence"], UNALTERED, True),
    ("NoiseGap", ["silence", "inserted"], UNALTERED, True),
    ("EarlierEncoding", ["aac_aac", "aac_mp3", "aac_wav"], ["single", "untouched"], False),
    ("EarlierMp3Encoding", ["mp3_mp3", "mp3_aac", "mp3_wav"], ["single", "untouched"], False),
    ("EarlierEncodingAtOtherRate", ["untouched_aac"], ["single", "untouched"], False),
    ("FrameGridChange", ["removed_aac", "inserted_aac"], UNALTERED, True),
    ("FrameGridChangeAtOtherRate", ["removed_aac", "inserted_aac"], UNALTERED, True),
]
SPLICED = ("removed", "inserted", "removed_aac", "inserted_aac")
# Groups of calls: name, kinds, condition.
GROUPS = [
    ("noise bed, 3 to 20 dB below the speech", lambda call: call["bed"] != "own"),
    ("a recording as it is", lambda call: call["bed"] == "own"),
    ("step 3 to 6 dB, noise bed", lambda call: call["bed"] != "own" and 3 <= abs(call.get("gain_db", 0)) < 6),
    ("step 6 to 12 dB, noise bed", lambda call: call["bed"] != "own" and abs(call.get("gain_db", 0)) >= 6),
    ("16 kHz", lambda call: call.get("rate") == 16_000),
    ("44.1 kHz", lambda call: call.get("rate") == 44_100),
]
# Groups of splices.
SPLICE_GROUPS = [
    ("with hum", lambda call: "mains_hz" in call),
    ("without hum", lambda call: "mains_hz" not in call),
    ("last encoded as WAV", lambda call: call["codec"] == "pcm"),
    ("last encoded as AAC or MP3", lambda call: call["codec"] in ("aac", "mp3")),
    ("last encoded as AMR", lambda call: call["codec"] == "amr"),
]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--kinds", help="kinds that are run")
    options.add_argument("--run-only", action="store_true")
    arguments = options.parse_args()
    limits = json.loads(arguments.thresholds.read_text()) if arguments.thresholds else {}
    listed = [json.loads(line) for line in (arguments.calls / "calls.jsonl").read_text().splitlines()]
    kinds = set(arguments.kinds.split(",")) if arguments.kinds else {call["kind"] for call in listed}
    run([arguments.program, *arguments.option], [call for call in listed if call["kind"] in kinds], arguments.calls / arguments.found)
    if arguments.run_only:
        return
    calls, traces = load(arguments.calls, [arguments.found, *arguments.also]), load_traces(arguments.calls)
    for row in TABLE:
        report(calls, traces, limits, *row)
    report_any([call for call in calls if call[0]["split"] == "test"], traces, limits)


def load(folder: Path, names: list[str]) -> list[tuple[dict, list[dict]]]:
    """The recordings of a folder with their cues, which are in several files that all have them."""
    files = [{line["path"]: line["cues"] for line in map(json.loads, (folder / name).read_text().splitlines())} for name in names]
    listed = map(json.loads, (folder / "calls.jsonl").read_text().splitlines())
    found = [call for call in listed if all(call["path"] in file for file in files)]
    return [(call, sum((file[call["path"]] for file in files), [])) for call in found]


def load_traces(folder: Path) -> dict[str, dict]:
    """What traces.py found in the sources of untouched calls, by path and cue."""
    lines = map(json.loads, (folder / "traces.jsonl").read_text().splitlines())
    return {line["path"]: line for line in lines}


def limit_at(limit: dict, seconds: float) -> float:
    """What the crate's `threshold` computes."""
    return max(limit["long"] + limit["growth"] * np.log(max(seconds / LONG_S, 1e-3)), limit["short"])


def has_alarm(call: dict, cues: list[dict], traces: dict, limits: dict) -> bool:
    """Whether an untouched recording has any cue with a place, but for those that its sources have."""
    kinds = [kind for kind in limits if not traces.get(call["path"], {}).get(kind)]
    return any(strongest(cues, kind, call, False) > limit_at(limits[kind], call["seconds"]) for kind in kinds)


def parser(description: str) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("calls", type=Path)
    options.add_argument("program", type=Path)
    options.add_argument("--found", default="found.jsonl", help="file in CALLS for the output; what is there is not run again")
    options.add_argument("--also", action="append", default=[], help="files in CALLS with further cues")
    options.add_argument("--option", action="append", default=[], help="option of the program, as --option=--grids")
    options.add_argument("--thresholds", type=Path, help="output of thresholds.py")
    return options


def run(program: list, calls: list[dict], found: Path) -> None:
    """Appends the cues of the calls that `found` does not have."""
    known = {json.loads(line)["path"] for line in found.read_text().splitlines()} if found.exists() else set()
    lines = [f"{call['path']}\t{call['codec']}\n" for call in calls if call["path"] not in known]
    with open(found, "a") as output:
        subprocess.run(program, input="".join(lines), text=True, stdout=output, check=True)


def strongest(cues: list[dict], kind: str, call: dict, at_place: bool) -> float:
    """The largest statistic of a kind, at the altered place if that is asked."""
    chosen = [cue for cue in cues if cue["kind"] == kind]
    if at_place and "at_s" in call:
        chosen = [cue for cue in chosen if touches(cue, call)]
    return max((cue["statistic"] for cue in chosen), default=NONE)


def touches(cue: dict, call: dict) -> bool:
    begin, end = call["at_s"] - TOLERANCE_S, call["at_s"] + call.get("length_s", 0) + TOLERANCE_S
    starts = [cue["start_s"]] + ([cue["other_start_s"]] if cue["other_start_s"] is not None else [])
    return any(start <= end and start + cue["end_s"] - cue["start_s"] >= begin for start in starts)


def interval(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of Wilson."""
    if count == 0:
        return 0.0, 1.0
    z, p = 1.96, hits / count
    center, half = p + z * z / (2 * count), z * np.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return max(0, center - half) / (1 + z * z / count), (center + half) / (1 + z * z / count)


def shown(hits: int, count: int) -> str:
    low, high = interval(hits, count)
    return f"{100 * hits / max(count, 1):.0f} % ({100 * low:.0f} to {100 * high:.0f}) of {count}"


def report(
    calls: list, traces: dict, limits: dict, cue: str, kinds: list[str], negatives: list[str], at_place: bool
) -> None:
    chosen = [(call, strongest(cues, cue, call, at_place)) for call, cues in calls if not traces.get(call["path"], {}).get(cue)]

    def above(kinds: list[str], split: str, condition=lambda call: True) -> np.ndarray:
        """What the statistic is above its threshold."""
        return np.array([
            score - limit(call) for call, score in chosen if call["kind"] in kinds and call["split"] == split and condition(call)
        ])  # fmt: skip

    def limit(call: dict) -> float:
        return limit_at(limits[cue], call["seconds"]) if cue in limits else 0.0

    falling = np.sort(above(negatives, "tuning"))[::-1]
    untouched = np.sort(above(negatives, "test"))[::-1]
    if not len(falling) or untouched[0] < -1e8:
        return
    extra = 0.0 if cue in limits else max(falling[int(0.05 * len(falling))], 0.0)
    shown_limit = f"{limits[cue]['short']:.3g}" if cue in limits else f"{extra:.3g}, which 5 % of the tuning calls exceed"
    print(f"\n## {cue}: threshold {shown_limit}\n")
    print(f"false alarms in test: {shown(int((untouched > extra).sum()), len(untouched))}\n")
    print("| altered | detected | ROC: at 1, 2, 5, 10, 20 % false alarms in test |\n|---|---|---|")
    for kind in kinds:
        for name, condition in [("all", lambda call: True)] + GROUPS:
            values = above([kind], "test", condition)
            if not len(values) or (name != "all" and len(values) == len(above([kind], "test"))):
                continue
            points = [untouched[min(int(rate * len(untouched)), len(untouched) - 1)] for rate in (0.01, 0.02, 0.05, 0.1, 0.2)]
            roc = ", ".join(f"{100 * np.mean(values > point):.0f}" for point in points)
            print(f"| {kind}, {name} | {shown(int((values > extra).sum()), len(values))} | {roc} |")


def report_any(calls: list, traces: dict, limits: dict) -> None:
    """False alarms of all cues with a place together, and splices by any cue at their place."""
    untouched = [(call, cues) for call, cues in calls if call["kind"] in UNALTERED]
    for name, true in (("", traces), (", cues that their sources have included", {})):
        alarms = sum(has_alarm(call, cues, true, limits) for call, cues in untouched)
        print(f"\nuntouched test calls with any cue that has a place{name}: {shown(alarms, len(untouched))}")
    print("\n## Splices by any cue at their place\n\n| altered | detected |\n|---|---|")
    for kind in SPLICED:
        for name, condition in [("all", lambda call: True)] + SPLICE_GROUPS:
            chosen = [(call, cues) for call, cues in calls if call["kind"] == kind and condition(call)]
            found = sum(
                any(strongest(cues, cue, call, True) > limit_at(limits[cue], call["seconds"]) for cue in limits)
                for call, cues in chosen
            )
            print(f"| {kind}, {name} | {shown(found, len(chosen))} |")


if __name__ == "__main__":
    main()
