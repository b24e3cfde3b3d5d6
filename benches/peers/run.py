"""Compares Earwitness, CTranslate2 and whisper.cpp: same weights, same windows, same threads, same number of tokens.

    python run.py [--models tiny base small] [--threads 2] [--rounds 5] [--engines ours:f32 ct2:int8 ...] [--no-errors]

Each row of the table is a separate process that lasts for all rounds. In each round every process in turn decodes the same
8 windows of 30 s, so that other load on the machine affects all alike. It decodes them twice, and the second pass counts,
because the first one runs with cold caches. Features are precomputed: times cover encoder and decoder. Build ours first:

    cargo build --release -p transcribe --example peers_ours
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import audio
import model
import quality
from worker import TIMED

HERE = Path(__file__).resolve().parent
ENGINES = [
    "ours:f32", "ours:bf16", "ours:int8", "ct2:float32", "ct2:int8",
    "whispercpp:f16", "whispercpp:q8_0", "whispercpp:f16-plain", "whispercpp:q8_0-plain",
]
BATCHES = {"ours": [1, 8], "ct2": [1, 8], "whispercpp": [1]}


class Worker:
    """One engine with one model in its own process."""

    def __init__(self, process: subprocess.Popen, idle_mib: float):
        self.process, self.idle_mib = process, idle_mib
        self.seconds, self.tokens, self.peak_mib = [], [], 0.0

    @classmethod
    def start(cls, engine: str, precision: str, folder: Path, options) -> "Worker | None":
        """Starts a worker. Prints the reason and returns None if the engine is unavailable."""
        program = [options.ours] if engine == "ours" else [sys.executable, HERE / f"{engine}.py"]
        threads = str(options.threads)
        environment = os.environ | {"OMP_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads}
        try:
            process = subprocess.Popen(
                [*map(str, program), str(folder), precision, threads], env=environment, text=True, bufsize=1,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None if options.verbose else subprocess.DEVNULL,
            )
            worker = cls(process, 0.0)
            worker.idle_mib = worker.read()["idle_mib"]
        except (OSError, RuntimeError) as reason:
            print(f"left out: {engine} {precision}: {reason}", file=sys.stderr)
            return None
        return worker

    def ask(self, request: dict) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        return self.read()

    def read(self) -> dict:
        line = self.process.stdout.readline()
        reply = json.loads(line) if line else {"error": "the process has ended (--verbose shows why)"}
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def time(self, batch: int) -> None:
        """Times two passes and keeps the second, because the caches are cold after another process ran."""
        self.ask({"do": "time", "batch": batch})
        reply = self.ask({"do": "time", "batch": batch})
        self.seconds.append(reply["seconds"])
        self.tokens, self.peak_mib = reply["tokens"], reply["peak_mib"]

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def options(description: str):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target"))
    parser.add_argument("--models", nargs="+", choices=model.SIZES, default=list(model.SIZES))
    parser.add_argument("--engines", nargs="+", default=ENGINES, help="ENGINE:PRECISION, of: " + " ".join(ENGINES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ours", type=Path, default=target / "release/examples/peers_ours", help="our program")
    parser.add_argument("--no-errors", action="store_true", help="times only")
    parser.add_argument("--verbose", action="store_true", help="show output of the engines")
    chosen = parser.parse_args()
    chosen.engines = [tuple(engine.split(":")) for engine in chosen.engines]
    return chosen


def measure(size: str, options) -> None:
    folder = model.ensure(size)
    rows = {
        (engine, precision, batch): Worker.start(engine, precision, folder, options)
        for engine, precision in options.engines for batch in BATCHES[engine]
    }
    rows = {row: worker for row, worker in rows.items() if worker}
    for _ in range(options.rounds):
        for (_, _, batch), worker in rows.items():
            worker.time(batch)
    check(size, folder, rows)
    shown = {}
    for (engine, precision, batch), worker in rows.items():
        if (engine, precision) not in shown and not options.no_errors:
            shown[engine, precision] = show_errors(folder, worker)
        speeds = [TIMED * audio.WINDOW_S / time(worker.seconds) for time in (statistics.median, min)]
        print(
            f"{engine:<12} {precision:<12} {size:<6} {batch:>5} {speeds[0]:>9.1f} {speeds[1]:>9.1f} "
            f"{worker.peak_mib:>9.0f} {worker.idle_mib:>9.0f} {shown.get((engine, precision), '')}", flush=True,
        )
        worker.stop()


def check(size: str, folder: Path, rows: dict) -> None:
    """In f32, every engine decodes the reference text: the weights and the audio are the same."""
    truth = quality.load_file(folder / "teacher.safetensors")
    expected = [truth[f"tokens.{index}"].tolist() for index in range(TIMED)]
    for (engine, precision, batch), worker in rows.items():
        if precision in ("f32", "float32"):
            agreed = [same_start(ours, theirs) for ours, theirs in zip(worker.tokens, expected)]
            # Rounding may reverse a near-tie, after which the texts differ.
            if statistics.median(agreed) < model.TOKENS // 2:
                sys.exit(f"{engine} {precision} {size} batch {batch}: differs from the reference text after {agreed} tokens")


def same_start(a: list[int], b: list[int]) -> int:
    return next((index for index, pair in enumerate(zip(a, b)) if pair[0] != pair[1]), len(a))


def show_errors(folder: Path, worker: Worker) -> str:
    try:
        same, divergence = quality.errors(folder, worker)
    except RuntimeError as reason:
        return f"{'-':>12} {'-':>12}  ({reason})"
    return f"{100 * same:>12.1f} {divergence:>12.6f}"


def main() -> None:
    chosen = options(__doc__)
    print(
        f"{'engine':<12} {'precision':<12} {'model':<6} {'batch':>5} {'median x':>9} {'best x':>9} {'peak MiB':>9} "
        f"{'idle MiB':>9} {'same best %':>12} {'KL nats':>12}"
    )
    for size in chosen.models:
        measure(size, chosen)


if __name__ == "__main__":
    main()
