"""Errors of word times: our program and aligner, compared with peers and tools, on sets with known edges.

    benches/words/setup
    .venv-words/bin/python benches/words/run.py --json words.json

Prints Markdown. README.md beside this file describes the sets, their truth and the engines.
"""

import argparse
import importlib.util
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import agreement
import drift
import report
from audio import RATE, save
from calibration import calibration
from engines import AlignText, Program, Result
from measure import Comparison, compare, summary
from peers import FasterWhisper
from sets import GIVEN, PEER, PROGRAM, TOOLS, Corpus, TestSet, spread, test_sets
from wav2vec2 import Torchaudio

ROOT = Path(__file__).resolve().parents[2]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earwitness", type=Path, default=ROOT / "target/release/earwitness")
    parser.add_argument("--align-text", type=Path, default=ROOT / "target/release/examples/align_text")
    parser.add_argument("--aligners", nargs="*", default=["attention", "phones"], help="of the whole program")
    parser.add_argument("--given", nargs="*", default=["attention", "phones"], help="aligners with the text given")
    parser.add_argument("--model", default="embedded", help="the whole program's speech recognition model")
    parser.add_argument("--wav2vec2", type=Path, metavar="DIR", help="a Wav2Vec2ForCTC for torchaudio's forced_align")
    parser.add_argument("--no-peers", action="store_true", help="neither peers nor tools")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--sets", nargs="*", default=[], help="only those whose name contains one of these (see --list)")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--half", type=int, choices=[1, 2], help="use only this half of the recordings")
    parser.add_argument("--rounds", type=int, default=1, help="how often the joined sets use each recording")
    parser.add_argument("--long", action="store_true", help="also 60 minutes in one recording")
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--work", type=Path, help="keep recordings and results here")
    parser.add_argument("--json", type=Path, help="write all figures, and the error of each edge")
    parser.add_argument("more", nargs="*", help="after --: arguments of `earwitness run`")
    return parser.parse_args()


def machine() -> str:
    """Date, CPU and instruction set, from benches/accuracy."""
    spec = importlib.util.spec_from_file_location("accuracy_machine", ROOT / "benches/accuracy/machine.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    level = os.environ.get("EARWITNESS_CPU", "its best instruction set")
    return f"{module.today()}, {module.cpu()}, {len(os.sched_getaffinity(0))} cores, {level}"


def engines(chosen: argparse.Namespace, corpus: Corpus) -> dict[str, list]:
    """The engines of each kind. What is missing is left out, with a note."""
    made: dict[str, list] = {kind: [] for kind in (PROGRAM, GIVEN, PEER, TOOLS)}
    if chosen.earwitness.exists():
        made[PROGRAM] = [Program(chosen.earwitness.resolve(), aligner, chosen.model, chosen.more) for aligner in chosen.aligners]
    elif chosen.aligners:
        print(f"\nearwitness: not run, {chosen.earwitness} does not exist")
    if chosen.align_text.exists():
        made[GIVEN] = [AlignText(chosen.align_text.resolve(), aligner) for aligner in chosen.given]
    elif chosen.given:
        print(f"\nearwitness, text given: not run, {chosen.align_text} does not exist")
    if not chosen.no_peers:
        made[PEER] = [FasterWhisper()]
        made[TOOLS] = [corpus.attention, corpus.sphinx, corpus.vosk]
        if chosen.wav2vec2:
            made[TOOLS].append(Torchaudio(chosen.wav2vec2))
        else:
            print("\ntorchaudio forced_align: not run, no weights (--wav2vec2 DIR)")
    return made


def write(one: TestSet, work: Path) -> None:
    """Writes the recordings of a set; removes the results and the store of an earlier run."""
    shutil.rmtree(work / one.name, ignore_errors=True)
    for recording in one.recordings:
        recording.path = work / one.name / "wav" / f"{recording.name}.wav"
        save(recording.path, recording.audio)


def measure(one: TestSet, engine, seconds: float) -> tuple[Result, list[Comparison], dict]:
    result = engine.run(one.recordings)
    made = [compare(recording, words) for recording, words in zip(one.recordings, result.words)]
    figures = summary(made)
    figures["speed"] = seconds / result.seconds if result.seconds else None
    return result, made, figures


def run_set(one: TestSet, kinds: dict[str, list], work: Path) -> dict:
    """Prints the table of a set; returns what each engine found."""
    write(one, work)
    seconds = sum(len(recording.audio) for recording in one.recordings) / RATE
    print(f"\n### {one.title} (`{one.name}`: {len(one.recordings)} recordings, {seconds:.0f} s)\n{report.HEAD}")
    found = {}
    for kind in (PROGRAM, PEER, GIVEN, TOOLS):
        for engine in kinds[kind] if kind in one.engines else []:
            if one.language in engine.languages:
                found[engine.name] = measure(one, engine, seconds)
                print(report.row(engine.name, found[engine.name][2]), flush=True)
    return found


def details(one: TestSet, made: list[Comparison]) -> list[dict]:
    """Every edge of every recording, in ms."""
    return [
        {
            "recording": recording.name, "word": recording.words[edge.true].text, "edge": "start" if edge.start else "end",
            "error_ms": round(1000 * edge.error_s, 1), "found": compared.words[edge.found].text,
            "expected_error_s": compared.words[edge.found].expected_error_s, "uncertain": compared.words[edge.found].uncertain,
            "fallback": compared.words[edge.found].fallback,
        }
        for recording, compared in zip(one.recordings, made) for edge in compared.edges
    ]  # fmt: skip


def print_calibrations(found: dict[str, list[Comparison]]) -> dict[str, dict]:
    made = {name: calibrated for name, compared in found.items() if (calibrated := calibration(compared))}
    for name, calibrated in made.items():
        report.print_calibration(name, calibrated)
    return made


def print_header(corpus: Corpus, chosen: argparse.Namespace) -> dict:
    print(f"{machine()}, seed {chosen.seed}, {f'half {chosen.half}' if chosen.half else 'all recordings'}")
    moved = spread(corpus)
    for language, (count, median, p95) in moved.items():
        print(f"\nOther thresholds of activity move the edges of `{language}` by {median:.0f} ms, {p95:.0f} ms (95 %; {count}).")
    return moved


def main() -> None:
    chosen = options()
    report_json: dict = {"machine": machine(), "seed": chosen.seed, "half": chosen.half, "sets": {}}
    by_engine: dict[str, list[Comparison]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = chosen.work or Path(scratch)
        corpus = Corpus(chosen.data, chosen.half, work / "sources")
        sets = [one for one in test_sets(corpus, chosen.seed, chosen.rounds, chosen.long)]
        wanted = [one for one in sets if not chosen.sets or any(part in one.name for part in chosen.sets)]
        if chosen.list:
            print(*(f"{one.name}: {one.title}" for one in wanted), sep="\n")
            return
        report_json["spread_ms"] = print_header(corpus, chosen)
        kinds, agreements, drifts = engines(chosen, corpus), {}, []
        for one in wanted:
            start = time.perf_counter()
            found = run_set(one, kinds, work)
            agreements |= agreement.of_set(one, {name: result for name, (result, _, _) in found.items()})
            drifts += drift.of_set(one, {name: made for name, (_, made, _) in found.items()})
            for name, (_, made, _) in found.items():
                by_engine.setdefault(name, []).extend(made)
            report_json["sets"][one.name] = {
                name: figures | {"edges": details(one, made)} for name, (_, made, figures) in found.items()
            }  # fmt: skip
            one.release()
            print(f"\n{time.perf_counter() - start:.0f} s")
        for title, rows in agreements.items():
            report.print_agreement(title, rows)
        if drifts:
            report.print_drift(drifts)
        report_json |= {"calibration": print_calibrations(by_engine), "agreement": agreements, "drift": drifts}
    if chosen.json:
        chosen.json.write_text(json.dumps(report_json, ensure_ascii=False, indent=1, default=float))


if __name__ == "__main__":
    main()
