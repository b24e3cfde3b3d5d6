"""Diarization error rates: the program, and Resemblyzer with spectral clustering, on made calls with known turns.

    benches/speakers/setup
    .venv-speakers/bin/python benches/speakers/calls.py CALLS
    .venv-speakers/bin/python benches/speakers/run.py CALLS --split test

Prints Markdown and writes it to results/. README.md beside this file describes the calls, engines and figures.
"""

import argparse
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import baseline
import program
import rttm
from program import Found, Span, Word
from rttm import Turn
from score import Scored, figures, score, with_speakers

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ["one", "two-0", "two-10", "two-20", "short", "three", "five", "ami"]
TITLES = {
    "one": "one speaker", "two-0": "two speakers, no overlap", "two-10": "two speakers, overlap 10 %",
    "two-20": "two speakers, overlap 20 %", "short": "two speakers, turns under 1 s", "three": "three speakers",
    "five": "five speakers", "ami": "real dialogues and meetings",
}  # fmt: skip
OURS, OURS_KNOWN = "earwitness", "earwitness, number given"
BASE, BASE_KNOWN = "Resemblyzer", "Resemblyzer, number given"
BASE_CLIPPED = "Resemblyzer, in earwitness's speech"
BASE_REFERENCE = "Resemblyzer on the reference's speech, number given"
PERFECT = "detected speech, perfect speakers"
HEAD = """
| engine | DER % (95 %) | missed | false alarm | confusion (95 %) | right number | words wrong % (95 %) | unknown % | x real time |
|---|---|---|---|---|---|---|---|---|"""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path, help="the folder that calls.py wrote")
    parser.add_argument("--split", choices=["dev", "test"], default="dev", help="tune on dev only")
    parser.add_argument("--groups", nargs="*", choices=GROUPS, default=GROUPS)
    parser.add_argument("--earwitness", type=Path, default=ROOT / "target/release/earwitness")
    parser.add_argument("--no-program", action="store_true", help="use only its speech spans")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--reference-speech", action="store_true", help="the baseline also on the reference's speech")
    parser.add_argument("--no-known", action="store_true", help="only with the number of speakers unknown")
    parser.add_argument("--limit", type=int, help="only so many calls of each group")
    parser.add_argument("--work", type=Path, help="keep the program's results and store here")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of the Markdown file"
    )
    parser.add_argument("--json", type=Path, help="write the figures of each call")
    parser.add_argument("more", nargs="*", help="after --: arguments of `earwitness run`")
    chosen = parser.parse_args()
    chosen.earwitness = chosen.earwitness.resolve()
    return chosen


def machine() -> str:
    """Date, CPU and instruction set, from benches/accuracy."""
    spec = importlib.util.spec_from_file_location("accuracy_machine", ROOT / "benches/accuracy/machine.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return f"{module.today()}, {module.cpu()}, {len(os.sched_getaffinity(0))} cores"


def group_of(call: dict) -> str:
    return f"two-{call['overlap_target_percent']}" if call["group"] == "two" else call["group"]


def chosen_calls(chosen: argparse.Namespace) -> list[dict]:
    index = json.loads((chosen.calls / "calls.json").read_text())
    found = []
    for group in chosen.groups:
        members = [call for call in index if call["split"] == chosen.split and group_of(call) == group]
        found += members[: chosen.limit]
    return found


class Bench:
    """The calls, their references, and what the engines found."""

    def __init__(self, chosen: argparse.Namespace, work: Path):
        self.chosen, self.work = chosen, work
        self.calls = chosen_calls(chosen)
        self.paths = {call["name"]: chosen.calls / chosen.split / f"{call['name']}.wav" for call in self.calls}
        self.references = {name: rttm.read(path.with_suffix(".rttm")) for name, path in self.paths.items()}
        self.spans: dict[str, list[Span]] = program.speech_spans(
            chosen.earwitness, list(self.paths.values()), work / "spans.db", []
        )
        self.words: dict[str, list[Word]] = {name: [] for name in self.paths}
        self.scored: dict[str, dict[str, Scored]] = {}

    def add(self, engine: str, call: dict, turns: list[Turn], words: list[Word], seconds: float) -> None:
        one = score(call, self.references[call["name"]], turns, words, seconds)
        self.scored.setdefault(engine, {})[call["name"]] = one

    def run_program(self) -> None:
        """With the number of speakers unknown, then with the number given, which reuses the transcripts."""
        store = self.work / "store.db"
        self.work.mkdir(parents=True, exist_ok=True)
        more, paths = self.chosen.more, self.paths
        found = program.run(self.chosen.earwitness, list(paths.values()), self.work / "auto", store, "auto", more)
        for call in self.calls:
            self.add_found(OURS, call, found[call["name"]])
            self.words[call["name"]] = found[call["name"]].words
        for count in [] if self.chosen.no_known else sorted({call["speakers"] for call in self.calls}):
            members = [call for call in self.calls if call["speakers"] == count]
            found = program.run(
                self.chosen.earwitness, [paths[call["name"]] for call in members], self.work / f"known-{count}", store,
                str(count), more,
            )  # fmt: skip
            for call in members:
                self.add_found(OURS_KNOWN, call, found[call["name"]])

    def add_found(self, engine: str, call: dict, found: Found) -> None:
        self.add(engine, call, found.turns, found.words, found.seconds)

    def run_baseline(self) -> None:
        settings = baseline.Settings()
        engines: list[tuple[str, Callable[[dict], list[Span]], bool]] = [(BASE, self.detected, False)]
        if not self.chosen.no_known:
            engines.append((BASE_KNOWN, self.detected, True))
        if self.chosen.reference_speech:
            engines.append((BASE_REFERENCE, self.spoken, True))
        for engine, spans, known in engines:
            for call in self.calls:
                count = call["speakers"] if known else None
                turns, seconds = baseline.diarize(self.paths[call["name"]], spans(call), count, settings)
                self.add(engine, call, turns, with_speakers(self.words[call["name"]], turns), seconds)
                ours = self.scored.get(OURS, {}).get(call["name"])
                if engine == BASE and ours:
                    clipped = clip(turns, program.merge([turn[:2] for turn in ours.turns]))
                    words = with_speakers(self.words[call["name"]], clipped)
                    self.add(BASE_CLIPPED, call, clipped, words, seconds)

    def detected(self, call: dict) -> list[Span]:
        return self.spans[call["name"]]

    def spoken(self, call: dict) -> list[Span]:
        return program.merge([(turn.start_s, turn.end_s) for turn in self.references[call["name"]]])

    def run_perfect(self) -> None:
        """The smallest error that the detected speech allows to an engine that finds no overlap."""
        for call in self.calls:
            turns = perfect(self.references[call["name"]], self.spans[call["name"]])
            self.add(PERFECT, call, turns, with_speakers(self.words[call["name"]], turns), 0.0)


def clip(turns: list[Turn], spans: list[Span]) -> list[Turn]:
    """The parts of the turns that are in the spans: the same detected speech for both engines."""
    parts = [
        turn._replace(start_s=max(turn.start_s, start), end_s=min(turn.end_s, end))
        for turn in turns
        for start, end in spans
    ]
    return [part for part in parts if part.end_s > part.start_s]


def perfect(reference: list[Turn], spans: list[Span]) -> list[Turn]:
    """One right speaker at each point of the detected speech; outside the reference's speech, the nearest one."""
    found: list[Turn] = []
    edges = sorted({edge for turn in reference for edge in turn[:2]})
    # Between two turns the label changes in the middle.
    middles = [(a + b) / 2 for a, b in zip(edges, edges[1:])]
    for start, end in spans:
        points = [start, *(edge for edge in sorted(edges + middles) if start < edge < end), end]
        for a, b in zip(points, points[1:]):
            at = (a + b) / 2
            nearest = min(reference, key=lambda turn: (max(turn.start_s - at, at - turn.end_s, 0), turn.start_s))
            found.append(Turn(a, b, nearest.speaker))
    return found


def percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def bounds(pair: tuple[float, float]) -> str:
    return f"({100 * pair[0]:.1f} to {100 * pair[1]:.1f})"


def row(engine: str, found: dict) -> str:
    number = "" if "given" in engine or engine == PERFECT else "{} of {}".format(*found["right_number_of"])
    words = f"{percent(found['wrong_words'])} {bounds(found['wrong_words_95'])}" if found["words"] else ""
    speed = f"{found['seconds'] / found['engine_s']:.0f}" if found["engine_s"] else ""
    cells = [
        engine, f"{percent(found['der'])} {bounds(found['der_95'])}", percent(found["missed"]), percent(found["false_alarm"]),
        f"{percent(found['confusion'])} {bounds(found['confusion_95'])}", number, words, percent(found["unknown_words"]), speed,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def group_tables(bench: Bench) -> list[str]:
    lines = []
    for group in bench.chosen.groups:
        members = [call for call in bench.calls if group_of(call) == group]
        if members:
            seconds, voices = sum(call["seconds"] for call in members), {n for c in members for n in c["speaker_names"]}
            lines.append(
                f"\n### {TITLES[group]} (`{group}`: {len(members)} calls, {seconds:.0f} s, {len(voices)} voices)"
            )
            words = sum(len(bench.words[call["name"]]) for call in members)
            lines += [f"\n{words} words."] if words else []
            lines.append(HEAD)
            lines += [
                row(engine, figures([scored[c["name"]] for c in members])) for engine, scored in bench.scored.items()
            ]
    return lines


def language(call: dict) -> str:
    spoken = set(call["languages"].split("+"))
    return (
        "Korean"
        if spoken == {"ko"}
        else "Korean and other"
        if "ko" in spoken
        else "English"
        if spoken == {"en"}
        else "other"
    )


CONDITIONS: dict[str, Callable[[dict], str]] = {
    "language": language,
    "noise": lambda call: "none" if call["snr_db"] is None else f"{call['snr_db']} dB",
    "color of noise": lambda call: call["noise"] or "none",
    "codec": lambda call: call["codec"],
    "far side": lambda call: call["far"]["codec"] if call["far"] else "none",
    "level difference": lambda call: (
        "under 4 dB" if (gap := max(call["levels_db"].values()) - min(call["levels_db"].values())) < 4
        else "4 to 8 dB" if gap < 8 else "over 8 dB"
    ),
}  # fmt: skip


def condition_tables(bench: Bench) -> list[str]:
    """All calls of two speakers, by their conditions."""
    members = [call for call in bench.calls if call["group"] == "two"]
    engines = [engine for engine in bench.scored if engine in (OURS, OURS_KNOWN, BASE, BASE_KNOWN)]
    if not members or not engines:
        return []
    lines = ["\n### Two speakers by condition (all overlaps): DER %, and confusion % in parentheses\n"]
    lines += [f"| condition | calls | {' | '.join(engines)} |", "|---|---|" + "---|" * len(engines)]
    for title, kind in CONDITIONS.items():
        for value in sorted({kind(call) for call in members}):
            those = [call for call in members if kind(call) == value]
            found = [figures([bench.scored[engine][call["name"]] for call in those]) for engine in engines]
            cells = [f"{percent(one['der'])} ({percent(one['confusion'])})" for one in found]
            lines.append(f"| {title}: {value} | {len(those)} | {' | '.join(cells)} |")
    return lines


def details(bench: Bench) -> list[dict]:
    return [
        {
            "engine": engine, "call": name, "der": one.errors.rate, "missed_s": one.errors.missed, "total_s": one.errors.total,
            "false_alarm_s": one.errors.false_alarm, "confusion_s": one.errors.confusion, "speakers": one.speakers,
            "true_speakers": one.call["speakers"], "words": one.words, "wrong_words": one.wrong_words,
            "unknown_words": one.unknown_words, "seconds": one.seconds, "turns": one.turns,
        }
        for engine, scored in bench.scored.items() for name, one in scored.items()
    ]  # fmt: skip


def main() -> None:
    chosen = options()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(chosen, chosen.work or Path(scratch))
        if not chosen.no_program and program.finds_speakers(chosen.earwitness):
            bench.run_program()
        elif not chosen.no_program:
            print(f"earwitness: not run, {chosen.earwitness} has no `--speakers`\n")
        if not chosen.no_baseline:
            bench.run_baseline()
        bench.run_perfect()
    about = f"{machine()}; split `{chosen.split}`, no collar, overlap counts; 95 % by bootstrap over calls"
    text = "\n".join([f"# Diarization, {about}", *group_tables(bench), *condition_tables(bench), ""])
    print(text)
    chosen.results.mkdir(parents=True, exist_ok=True)
    kind = chosen.split if OURS in bench.scored else f"{chosen.split}-baseline"
    (chosen.results / f"{machine().split(',')[0]}-{kind}.md").write_text(text)
    if chosen.json:
        chosen.json.write_text(json.dumps(details(bench), indent=1))


if __name__ == "__main__":
    main()
