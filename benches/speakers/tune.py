"""Compares settings of the baseline on the calls of `dev`, with the number of speakers unknown and given.

.venv-speakers/bin/python benches/speakers/tune.py CALLS
"""

import argparse
from itertools import product
from pathlib import Path

import baseline
import run
from baseline import Settings
from score import figures, score

GRID = {"joined": [True, False], "sigma": [1.0, 2.0], "percentile": [0.86, 0.88, 0.9]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path)
    parser.add_argument("--earwitness", type=Path, default=run.ROOT / "target/release/earwitness")
    parser.add_argument("--limit", type=int)
    own = parser.parse_args()
    chosen = argparse.Namespace(
        calls=own.calls, split="dev", groups=run.GROUPS[:-1], limit=own.limit, earwitness=own.earwitness
    )  # fmt: skip
    bench = run.Bench(chosen, own.calls / "tune")
    print("| joined | sigma | percentile | number given | DER % | confusion % | right number |\n" + "|---" * 7 + "|")
    for values in product(*GRID.values()):
        settings = Settings(**dict(zip(GRID, values)))
        for known in (False, True):
            scored = []
            for call in bench.calls:
                count = call["speakers"] if known else None
                turns, _ = baseline.diarize(bench.paths[call["name"]], bench.detected(call), count, settings)
                scored.append(score(call, bench.references[call["name"]], turns, [], 0.0))
            found = figures(scored)
            cells = [
                *map(str, values),
                "yes" if known else "no",
                run.percent(found["der"]),
                run.percent(found["confusion"]),
            ]
            print(f"| {' | '.join(cells)} | {found['right_number_of'][0]} of {found['calls']} |", flush=True)


if __name__ == "__main__":
    main()
