"""Computes the thresholds of the crate from the untouched tuning recordings, short and long, such that at most 5 % of them
have any cue with a place. Prints them, and writes them for score.py and score_long.py.

    python thresholds.py CALLS LONG OUT [--found NAME]...

The found files are those that score.py and score_long.py wrote (NAME in both folders; cues of several are put together).
Each kind has a weight, its part of the 5 % (`WEIGHTS`): more for kinds that find more with it. All rates are scaled together
until 5 % of the short and of the long recordings have a cue; if cues of a kind are missing, its part stays free. A threshold
has the form of the crate's `threshold`: what the kind's rate of short calls exceeds, or, for longer ones, a level that rises
with the logarithm of the length, which is fitted to the strongest cues of the long recordings.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from score import LONG_S, UNALTERED, has_alarm, load, load_traces, shown, strongest
from score_long import is_covered

JOINT = 0.05
# Kinds with a place, and their parts of the joint rate.
WEIGHTS = {
    "CopiedSegment": 0.15, "HumPhaseJump": 0.15, "LevelStep": 0.35, "DigitalSilence": 0.15, "NoiseGap": 0.05,
    "FrameGridChange": 0.075, "FrameGridChangeAtOtherRate": 0.075,
}  # fmt: skip
# Scales of the rates that are tried: kinds have false alarms in the same recordings, so that a joint rate is below their sum.
SCALES = np.arange(0.2, 4.0, 0.02)
# The power of the length that the number of places, or of pairs of places, grows with.
POWERS = {"CopiedSegment": 2, "HumPhaseJump": 1, "LevelStep": 1, "NoiseGap": 1, "DigitalSilence": 1}
# Share of the tuning recordings whose strongest cue the tail is fitted to.
TAIL = 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path)
    parser.add_argument("long", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--found", action="append", help="file in both folders; found.jsonl if none is given")
    arguments = parser.parse_args()
    names = arguments.found or ["found.jsonl"]
    short, long = (load(folder, names) for folder in (arguments.calls, arguments.long))
    traces = load_traces(arguments.calls)
    short = [(call, cues) for call, cues in short if call["split"] == "tuning" and call["kind"] in UNALTERED]
    long = [(call, cues) for call, cues in long if call["split"] == "tuning" and is_covered(call)]
    kinds = [kind for kind in WEIGHTS if has(kind, short)]
    joint = JOINT * sum(WEIGHTS[kind] for kind in kinds)
    for scale in SCALES[::-1]:
        rates = {kind: scale * JOINT * WEIGHTS[kind] for kind in kinds}
        limits = {kind: limit_of(kind, rates[kind], short, long, traces) for kind in kinds}
        alarms = [[has_alarm(call, cues, traces, limits) for call, cues in recordings] for recordings in (short, long)]
        if all(np.mean(of) <= joint for of in alarms):
            break
    arguments.out.write_text(json.dumps(limits))
    print("| cue | rate | short | at 10 minutes | a length of e times adds |\n|---|---|---|---|---|")
    for kind, limit in limits.items():
        print(f"| {kind} | {100 * rates[kind]:.1f} % | {limit['short']:.3g} | {limit['long']:.3g} | {limit['growth']:.3g} |")
    for name, of in zip(("short", "long"), alarms):
        print(f"\n{name} tuning recordings with any cue: {shown(sum(of), len(of))}; the rate aimed at is {100 * joint:.2g} %")


def has(kind: str, recordings: list) -> bool:
    return any(cue["kind"] == kind for _, cues in recordings for cue in cues)


def limit_of(kind: str, rate: float, short: list, long: list, traces: dict) -> dict:
    chosen = [(call, cues) for call, cues in short if not traces.get(call["path"], {}).get(kind)]
    falling = np.sort([max(strongest(cues, kind, call, False), 0.0) for call, cues in chosen])[::-1]
    least = float(falling[int(rate * len(falling))])
    maxima = np.array([strongest(cues, kind, call, False) for call, cues in long])
    seconds = np.array([call["seconds"] for call, _ in long])
    if kind not in POWERS:
        return {"short": least, "long": float(max(np.quantile(maxima, 1 - rate), least)), "growth": 0.0}
    level, growth = fit(maxima, seconds, POWERS[kind], rate)
    return {"short": least, "long": level, "growth": growth}


def fit(maxima: np.ndarray, seconds: np.ndarray, power: int, share: float) -> tuple[float, float]:
    """Threshold at 10 minutes, and what a length of e times that adds. Cues above `start` are a Poisson process with
    `rate * exp(-(x - start) / scale)` events above x in 10 minutes; recordings below `start` are censored."""
    places = (seconds / LONG_S) ** power
    start = float(max(np.quantile(maxima, 1 - TAIL), 0.0))
    above = maxima > start
    if above.sum() < 3:
        return float(max(maxima.max(), 0.0)), 0.0

    def loss(parameters: np.ndarray) -> float:
        rate, scale = np.exp(parameters)
        falling = np.exp(-(maxima[above] - start) / scale)
        likelihood = np.log(rate * places[above] * falling / scale) - rate * places[above] * falling
        return -(likelihood.sum() - (rate * places[~above]).sum())

    excess = (maxima[above] - start).mean()
    rate, scale = np.exp(minimize(loss, np.log([above.sum() / places.sum(), excess]), method="Nelder-Mead").x)
    return start + scale * np.log(max(rate / -np.log(1 - share), 1e-3)), power * scale


if __name__ == "__main__":
    main()
