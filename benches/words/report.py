"""Markdown tables. Errors are in ms; errors of two times are given as `median, 95th percentile (count of known)`."""

import numpy as np

from calibration import BINS_S

HEAD = """
| engine | words / matched | starts: median, 95 % (counted / known) | ends: median, 95 % (counted / known) | bias of starts / ends | within 100 ms, % | over a gap, % | in another part, % | fell back / uncertain, % | x real time |
|---|---|---|---|---|---|---|---|---|---|"""


def number(value: float | None, form: str = ".0f") -> str:
    return "" if value is None or np.isnan(value) else f"{value:{form}}"


def row(name: str, figures: dict) -> str:
    """One engine on one set."""
    cells = [name, f"{figures['words']} / {figures['matched']}"]
    starts, ends = figures["starts"], figures["ends"]
    for edge in (starts, ends):
        cells.append(f"{number(edge['median'])}, {number(edge['p95'])} ({edge['count']} / {edge['known']})")
    cells.append(f"{number(starts['bias'], '+.0f')} / {number(ends['bias'], '+.0f')}")
    cells.append(f"{number(starts['within_100'])} / {number(ends['within_100'])}")
    words = max(1, figures["words"])
    cells += [f"{100 * figures['over'] / words:.1f}", f"{100 * figures['jumped'] / max(1, figures['matched']):.1f}"]
    cells.append(f"{100 * figures['fallback'] / words:.0f} / {100 * figures['uncertain'] / words:.0f}")
    cells.append(number(figures["speed"]))
    return "| " + " | ".join(cells) + " |"


def print_calibration(name: str, found: dict) -> None:
    """Expected against actual errors of an engine, over all sets."""
    print(f"\n### Calibration: {name}\n")
    print(f"{found['words']} words with a known edge; Spearman correlation {number(found['spearman'], '.2f')}.")
    print(f"Of {found['wrong']} words that are more than 200 ms off, {number(found['wrong_marked'], '.0f')} % are marked as uncertain;")
    print(f"of {found['marked']} marked words, {number(found['marked_wrong'], '.0f')} % are more than 200 ms off.\n")
    if not any(one["count"] for one in found["bins"]):
        return
    print("| expected error, ms | words | expected: mean | actual: mean | actual: median | over 200 ms, % |\n|---|---|---|---|---|---|")
    filled = [(span, one) for span, one in zip(zip(BINS_S, BINS_S[1:]), found["bins"]) if one["count"]]
    for (low, high), one in filled:
        span = f"{1000 * low:.0f} to {1000 * high:.0f}" if np.isfinite(high) else f"over {1000 * low:.0f}"
        cells = [span, str(one["count"]), *(number(one[key]) for key in ("expected", "mean", "median", "over_200"))]
        print("| " + " | ".join(cells) + " |")


def print_agreement(title: str, rows: list[tuple[str, dict]]) -> None:
    print(f"\n### {title}\n")
    print("| first - second | words | starts: median, 95 % | ends: median, 95 % | difference of starts / ends |")
    print("|---|---|---|---|---|")
    for name, figures in rows:
        starts, ends = figures["starts"], figures["ends"]
        cells = [name, str(starts["count"]), *(f"{number(edge['median'])}, {number(edge['p95'])}" for edge in (starts, ends))]
        cells.append(f"{number(starts['bias'], '+.0f')} / {number(ends['bias'], '+.0f')}")
        print("| " + " | ".join(cells) + " |")


def print_drift(rows: list[tuple[str, dict]]) -> None:
    print("\n### Errors over time in 60 minutes: median of the signed error, ms\n")
    print("| engine | starts: first 5 min | middle 5 min | last 5 min | ends: first | middle | last |\n|---|---|---|---|---|---|---|")
    for name, found in rows:
        cells = [number(found[edge][place], "+.0f") for edge in ("starts", "ends") for place in range(3)]
        print(f"| {name} | {' | '.join(cells)} |")
