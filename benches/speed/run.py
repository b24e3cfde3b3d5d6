"""Compares the end-to-end speed of Earwitness and faster-whisper's batched pipeline, same weights, in alternating runs.

    benches/accuracy/setup
    .venv-accuracy/bin/python benches/speed/run.py --ours default="" --isa avx2 --out speed.json

Prints Markdown. README.md beside this file describes the measurement.
"""

import argparse
import json
import shlex
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "accuracy"))

import machine  # noqa: E402
import models  # noqa: E402
import processes  # noqa: E402
import recordings  # noqa: E402
import sound  # noqa: E402
from engines import THREADS  # noqa: E402

BATCH = 8
CALLS, CALL_S = 200, 5
LONG = {
    "ko": ["ko/azure_ko.wav"],
    "en": [
        "en/azure_en.wav", "phone/harvard_8k.wav", "phone/conversation_two_speakers.wav", "formats/mono.16000.wav",
        "diar/leopard_two_speakers.wav", "diar/dev00.wav", "diar/trn01.wav", "diar/sample.wav", "en/jfk.wav",
        *(f"en/sense_and_sensibility_01_austen_64kb-0{number}.wav" for number in (870, 880, 890)),
    ],
}
# Utterances of each Korean set in the set of whole recordings.
UTTERANCES = 10
# Environment variables that mask instruction sets: ours, and those of CTranslate2's kernels and of oneDNN's and MKL's
# products. The peer's VAD (ONNX Runtime) has no such variable.
ISA = {
    "native": {},
    "portable": {
        "EARWITNESS_CPU": "portable", "CT2_FORCE_CPU_ISA": "GENERIC", "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
    "avx2": {
        "EARWITNESS_CPU": "avx2", "CT2_FORCE_CPU_ISA": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "avxvnni": {
        "EARWITNESS_CPU": "avxvnni", "CT2_FORCE_CPU_ISA": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2_VNNI",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2_E1",
    },
    "avx512": {
        "EARWITNESS_CPU": "avx512", "CT2_FORCE_CPU_ISA": "AVX512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
    },
    "avx512vnni": {
        "EARWITNESS_CPU": "avx512vnni", "CT2_FORCE_CPU_ISA": "AVX512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512_E1",
    },
    "avx512bf16": {
        "EARWITNESS_CPU": "avx512bf16", "CT2_FORCE_CPU_ISA": "AVX512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512_E3",
    },
}


@dataclass
class Row:
    """An engine with its settings, and its runs."""

    name: str
    command: list
    peer: bool
    runs: list[processes.Run] = field(default_factory=list)
    # Seconds of each run without process start and model loading (peers only).
    transcribing_s: list[float] = field(default_factory=list)
    characters: int = 0

    def run(self, files: list[Path], language: str, environment: dict[str, str]) -> None:
        with tempfile.TemporaryDirectory() as out:
            done = processes.run(self.command_line(files, language, out), environment)
            texts = json.loads(done.output) if self.peer else our_texts(Path(out))
        self.runs.append(done)
        self.transcribing_s.append(texts["transcribe_s"] if self.peer else done.wall_s)
        self.characters = sum(len(text) for text in texts["texts"])

    def command_line(self, files: list[Path], language: str, out: str) -> list:
        if not self.peer:
            fixed = ["--out", out, "--language", language, "--progress", "none", "--devices", "cpu"]
            return [self.command[0], "run", *files, *fixed, *self.command[1:]]
        request = json.loads(self.command[2]) | {
            "language": None if language == "auto" else language, "files": [str(file) for file in files]
        }
        return [*self.command[:2], json.dumps(request)]


def our_texts(out: Path) -> dict:
    results = [json.loads(path.read_text()) for path in out.glob("**/*.json")]
    return {"texts": [" ".join(segment["text"] for segment in result["segments"]) for result in results]}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=Path("target/release/earwitness"), help="our program")
    parser.add_argument("--model", help="our model, unless a variant's flags name one; default: embedded")
    parser.add_argument(
        "--ours", action="append", metavar='NAME="FLAGS"',
        help='a variant of ours; may be repeated. Default: beam1="--beam-size 1" and beam5="--beam-size 5"',
    )
    parser.add_argument("--peers", nargs="*", default=["int8:1", "int8:5"], help="PRECISION:BEAM of faster-whisper")
    parser.add_argument("--measure", nargs="+", choices=["recordings", "calls"], default=["recordings", "calls"])
    parser.add_argument("--rounds", type=int, default=3, help="runs of each engine, in turn")
    parser.add_argument(
        "--language", choices=["auto", *LONG], default="auto", help="auto: all recordings; else those in the language"
    )
    parser.add_argument("--isa", choices=ISA, default="native", help="mask instruction sets on both sides")
    parser.add_argument("--out", type=Path, help="write every run as JSON")
    chosen = parser.parse_args()
    chosen.binary = chosen.binary.resolve()
    return chosen


def rows(chosen: argparse.Namespace) -> list[Row]:
    made = []
    for variant in chosen.ours or ["beam1=--beam-size 1", "beam5=--beam-size 5"]:
        name, _, flags = variant.partition("=")
        split = shlex.split(flags)
        model = ["--model", chosen.model] if chosen.model and "--model" not in split else []
        made.append(Row(f"ours {name}", [chosen.binary, *split, *model], peer=False))
    for peer in chosen.peers:
        precision, _, beam = peer.partition(":")
        request = {
            "model": str(models.ctranslate2_folder()), "precision": precision, "threads": THREADS, "beam_size": int(beam),
            "batch_size": BATCH,
        }
        command = [sys.executable, HERE / "peer.py", json.dumps(request)]
        made.append(Row(f"faster-whisper batched {precision}, beam {beam}", command, peer=True))
    return made


def every(items: list, count: int) -> list:
    """`count` items at equal distances, or all items if there are fewer."""
    return [items[index * len(items) // count] for index in range(count)] if count < len(items) else items


def long_recordings(language: str) -> list[Path]:
    """The long recordings in a language, or all."""
    return [recordings.SHARED / name for spoken, names in LONG.items() if language in (spoken, "auto") for name in names]


def utterances(language: str) -> list[list[Path]]:
    """Both sets of Korean utterances, if the language includes Korean."""
    prefixes = ("KaiSpeech_", "wav_") if language in ("ko", "auto") else ()
    return [[recording.path for recording in recordings.korean(prefix)] for prefix in prefixes]


def whole_recordings(language: str) -> list[Path]:
    """Long recordings, and utterances of both Korean sets."""
    return long_recordings(language) + [path for group in utterances(language) for path in every(group, UTTERANCES)]


def calls(folder: Path, language: str) -> list[Path]:
    """Pieces of CALL_S seconds with 50 % overlap, cut from the long recordings and from joined Korean utterances."""
    lines = [sound.read(path) for path in long_recordings(language)]
    lines += [sound.joined([sound.read(path) for path in group]) for group in utterances(language)]
    length = CALL_S * recordings.SAMPLE_RATE_HZ
    pieces = [line[start:start + length] for line in lines for start in range(0, len(line) - length + 1, length // 2)]
    return [sound.write(folder / f"call{index:03}.wav", piece) for index, piece in enumerate(every(pieces, CALLS))]


def measure(title: str, files: list[Path], engines: list[Row], chosen: argparse.Namespace) -> dict:
    """Runs all engines in turn, prints their table, and returns all runs."""
    seconds = sum(len(sound.read(file)) for file in files) / recordings.SAMPLE_RATE_HZ
    for row in engines:
        row.runs, row.transcribing_s = [], []
    for number in range(chosen.rounds):
        for row in engines:
            row.run(files, chosen.language, ISA[chosen.isa])
            print(f"{title}, round {number + 1}: {row.name} {row.runs[-1].wall_s:.1f} s", file=sys.stderr, flush=True)
    print(f"\n### {title}: {len(files)} files, {seconds:.0f} s, `language={chosen.language}`, {chosen.rounds} rounds\n")
    print("| engine | wall s, median (all) | times real time | without start and load s | CPU s | others' CPU % | peak MiB | characters |")
    print("|---|---|---|---|---|---|---|---|")
    for row in engines:
        wall = [run.wall_s for run in row.runs]
        alone = f"{statistics.median(row.transcribing_s):.1f}" if row.peer else "-"
        print(
            f"| {row.name} | {statistics.median(wall):.1f} ({', '.join(f'{s:.1f}' for s in wall)}) "
            f"| {seconds / statistics.median(wall):.1f} | {alone} | {statistics.median(run.cpu_s for run in row.runs):.1f} "
            f"| {100 * statistics.median(run.others for run in row.runs):.0f} "
            f"| {max(run.peak_mib for run in row.runs):.0f} | {row.characters} |"
        )
    print_ratios(engines)
    return {
        "files": [file.name for file in files],
        "seconds": seconds,
        "engines": {
            row.name: {
                **{key: [getattr(run, key) for run in row.runs] for key in ("wall_s", "cpu_s", "others", "peak_mib")},
                "transcribe_s": row.transcribing_s,
            }
            for row in engines
        },
    }


def print_ratios(engines: list[Row]) -> None:
    """Speedup over each peer: median over the rounds of the ratios of neighboring runs."""
    if not all(any(row.peer is peer for row in engines) for peer in (True, False)):
        return
    print("\n| ours | peer | speedup, both whole programs | speedup of our whole program over its transcription |\n|---|---|---|---|")
    for ours in (row for row in engines if not row.peer):
        for peer in (row for row in engines if row.peer):
            whole = statistics.median(p.wall_s / o.wall_s for o, p in zip(ours.runs, peer.runs))
            alone = statistics.median(s / o.wall_s for o, s in zip(ours.runs, peer.transcribing_s))
            print(f"| {ours.name} | {peer.name} | {whole:.2f} | {alone:.2f} |")


def main() -> None:
    chosen = options()
    engines, report = rows(chosen), {"machine": machine.describe(), "isa": ISA[chosen.isa], "measures": {}}
    masks = ", ".join(f"{name}={value}" for name, value in ISA[chosen.isa].items()) or "nothing masked"
    print(f"{machine.today()}, {machine.cpu()}, {THREADS} threads; {chosen.isa}: {masks}")
    with tempfile.TemporaryDirectory() as folder:
        if "recordings" in chosen.measure:
            report["measures"]["recordings"] = measure("Whole recordings", whole_recordings(chosen.language), engines, chosen)
        if "calls" in chosen.measure:
            report["measures"]["calls"] = measure(f"Calls of {CALL_S} s", calls(Path(folder), chosen.language), engines, chosen)
    if chosen.out:
        chosen.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
