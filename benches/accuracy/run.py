"""Compares errors of Earwitness, faster-whisper and openai-whisper on real recordings, with the same weights.

    benches/accuracy/setup
    .venv-accuracy/bin/python benches/accuracy/run.py --ours default="" --ours greedy="--beam-size 1" --out errors.json

Prints Markdown. README.md beside this file describes the measurement.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import hostile
import machine
import recordings
import score
from engines import THREADS, FasterWhisper, OpenAiWhisper, Ours, transcripts

PEERS = {
    "faster-whisper": lambda _: FasterWhisper("int8", vad=False),
    "faster-whisper-vad": lambda _: FasterWhisper("int8", vad=True),
    "faster-whisper-f32": lambda _: FasterWhisper("float32", vad=False),
    "faster-whisper-f32-vad": lambda _: FasterWhisper("float32", vad=True),
    "openai-whisper": lambda options: OpenAiWhisper(options.openai_model),
}
DEFAULT_PEERS = ["faster-whisper", "faster-whisper-vad", "openai-whisper"]


def options() -> argparse.Namespace:
    names = [group.name for group in recordings.sets()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=Path("target/release/earwitness"), help="our program")
    parser.add_argument("--model", help="our model, unless a variant's flags name one; default: embedded")
    parser.add_argument("--ours", action="append", metavar='NAME="FLAGS"', help="a variant of ours; may be repeated")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=DEFAULT_PEERS)
    parser.add_argument("--openai-model", type=Path, help="a folder in the Hugging Face layout for openai-whisper")
    parser.add_argument("--sets", nargs="*", choices=names, default=names)
    parser.add_argument("--hostile", action="store_true", help="also transcribe sound without intelligible speech")
    parser.add_argument("--fresh", action="store_true", help="run the peers again and ignore the cache")
    parser.add_argument("--out", type=Path, help="write all results, including each utterance, as JSON")
    chosen = parser.parse_args()
    chosen.binary = chosen.binary.resolve()
    return chosen


def measure(group: recordings.Set, engine, fresh: bool) -> dict:
    """An engine's results on a set, with its edits per utterance."""
    made = transcripts(engine, [recording.path for recording in group.recordings], group.language, fresh)
    edits = [
        score.count(recording.sentences, transcript.text, group.measure)
        for recording, transcript in zip(group.recordings, made)
    ]
    split = score.UNITS[group.measure]
    written = sum(len(split(transcript.text)) for transcript in made)
    confident = sum(len(split(transcript.confident())) for transcript in made)
    flat = [sentence for recording in edits for sentence in recording]
    return {
        "rate": score.rate(flat),
        "interval": score.interval(score.resampled_rates(flat)),
        "inserted": sum(e.inserted for e in flat),
        "deleted": sum(e.deleted for e in flat),
        "substituted": sum(e.substituted for e in flat),
        "units": sum(e.inputs for e in flat),
        "empty": sum(not split(transcript.text) for transcript in made),
        "low_confidence": 1 - confident / written if written else 0.0,
        "settings": engine.settings(),
        "utterances": [
            {
                "name": recording.name,
                "reference": recording.sentences,
                "hypothesis": transcript.text,
                "parts": [asdict(part) for part in transcript.parts],
                "edits": [asdict(e) for e in sentences],
            }
            for recording, transcript, sentences in zip(group.recordings, made, edits)
        ],
    }


def edits(result: dict) -> list[score.Edits]:
    return [score.Edits(**e) for utterance in result["utterances"] for e in utterance["edits"]]


def difference(first: dict, second: dict) -> tuple[float, tuple[float, float]]:
    """The rate of the first engine minus that of the second, in percentage points, with its paired interval."""
    resampled = score.resampled_rates(edits(first)) - score.resampled_rates(edits(second))
    return first["rate"] - second["rate"], score.interval(resampled)


def differences(results: dict[str, dict], engines: list) -> list[dict]:
    """Compares each of our variants with each peer, and the first variant with the others."""
    ours = [engine.name for engine in engines if not engine.peer]
    pairs = [(variant, engine.name) for variant in ours for engine in engines if engine.peer]
    pairs += [(ours[0], other) for other in ours[1:]] if ours else []
    found = []
    for first, second in pairs:
        points, bounds = difference(results[first], results[second])
        found.append({"first": first, "second": second, "points": points, "interval": bounds})
    return found


def pooled(sets: list[dict[str, dict]]) -> dict[str, dict]:
    """Merges the results of several sets into one."""
    joined = {}
    for name in sets[0]:
        utterances = [utterance for results in sets for utterance in results[name]["utterances"]]
        joined[name] = {"utterances": utterances}
        joined[name]["rate"] = score.rate(edits(joined[name]))
    return joined


def print_differences(compared: list[dict]) -> None:
    if compared:
        print("\n| difference | points | 95 % |\n|---|---|---|")
    for pair in compared:
        print(f"| {pair['first']} - {pair['second']} | {pair['points']:+.1f} | {show(pair['interval'], '+.1f')} |")


def print_set(group: recordings.Set, results: dict[str, dict], compared: list[dict]) -> None:
    units = next(iter(results.values()))["units"]
    kind = {"CER": "characters", "WER": "words"}[group.measure]
    print(f"\n### {group.title} ({len(group.recordings)} recordings, {units} {kind}, `language={group.language}`)\n")
    print(f"| engine | {group.measure} % | 95 % | inserted | deleted | substituted | empty | low confidence % |")
    print("|---|---|---|---|---|---|---|---|")
    for name, r in results.items():
        print(
            f"| {name} | {r['rate']:.1f} | {show(r['interval'])} | {r['inserted']} | {r['deleted']} | {r['substituted']} "
            f"| {r['empty']} | {100 * r['low_confidence']:.1f} |"
        )
    print_differences(compared)


def show(bounds: tuple[float, float], form: str = ".1f") -> str:
    low, high = bounds
    return f"{low:{form}} to {high:{form}}"


def print_texts(groups: list[recordings.Set]) -> None:
    """Prints the English recordings with their word counts and the sources of their texts."""
    for group in groups:
        if group.measure == "WER":
            print("\n| recording | words | sentences | text from |\n|---|---|---|---|")
            for recording in group.recordings:
                words = sum(len(score.words(sentence)) for sentence in recording.sentences)
                print(f"| {recording.path.name} | {words} | {len(recording.sentences)} | {recording.truth} |")


def main() -> None:
    chosen = options()
    variants = [variant.partition("=") for variant in chosen.ours or ["="]]
    engines = [Ours(name, chosen.binary, flags, chosen.model) for name, _, flags in variants]
    engines += [PEERS[name](chosen) for name in chosen.peers]
    groups = [group for group in recordings.sets() if group.name in chosen.sets]
    print(f"{machine.today()}, {machine.cpu()}, {THREADS} threads")
    for measure_name, text in score.NORMALIZERS.items():
        print(f"\n{measure_name}: {text}.")
    print(f"\nIntervals: paired bootstrap by utterance (English: by sentence), {score.RESAMPLES} resamples, seed {score.SEED}.")
    print_texts(groups)
    report = {"machine": machine.describe(), "normalizers": score.NORMALIZERS, "sets": {}}
    for group in groups:
        results = {engine.name: measure(group, engine, chosen.fresh) for engine in engines}
        compared = differences(results, engines)
        report["sets"][group.name] = {"engines": results, "differences": compared}
        print_set(group, results, compared)
    if len(groups) > 1:
        sets = [entry["engines"] for entry in report["sets"].values()]
        report["together"] = differences(pooled(sets), engines)
        print(f"\n### All {len(groups)} sets together, characters and words counted alike")
        print_differences(report["together"])
    if chosen.hostile:
        report["hostile"] = hostile.run(engines, chosen.fresh)
    if chosen.out:
        chosen.out.write_text(json.dumps(report, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
