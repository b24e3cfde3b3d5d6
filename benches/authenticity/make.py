"""Makes untouched and altered calls as WAV files, and appends to `calls.jsonl` one line per call with its truth. Calls
that are listed there are not made again.

    python make.py OUT [--data ../shared/data] [--tuning 100] [--test 200] [--kinds copied,...] [--seed 1]
"""

import argparse
import json
import zlib
from collections.abc import Callable
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import soundfile

import sources
import spoil
from calls import Call, make_call
from encoders import ENCODINGS, RATE, apply, encode, resample

SPOILS = {
    "copied": spoil.copied,
    "hum_jump": spoil.hum_jump,
    "level_step": spoil.level_step,
    "silence": spoil.silence,
    "removed": spoil.removed,
}
# Kinds, and how many times the number asked for of each is made.
KINDS = {
    "untouched": 1.5, "copied": 1, "hum_jump": 1, "level_step": 1, "silence": 1, "removed": 1, "inserted": 1,
    "untouched_aac": 1, "removed_aac": 1, "inserted_aac": 1,
    "single": 1.5, "aac_aac": 1, "mp3_mp3": 1, "mp3_aac": 1, "aac_mp3": 1, "aac_wav": 1, "mp3_wav": 1,
}  # fmt: skip
BITRATES = {16_000: (24_000, 32_000, 48_000, 64_000), 44_100: (48_000, 64_000, 96_000, 128_000)}
CODECS = {"aac": ("mp4", "aac"), "mp3": ("mp3", "libmp3lame")}


def main() -> None:
    options = parser(__doc__, tuning=100, test=200)
    options.add_argument("--kinds", default=",".join(KINDS))
    arguments = options.parse_args()
    jobs = sorted(
        (number, kind, split)
        for kind in arguments.kinds.split(",")
        for split, count in (("tuning", arguments.tuning), ("test", arguments.test))
        for number in range(int(count * KINDS[kind]))
    )
    make_all(arguments, jobs, make)


def parser(description: str, tuning: int, test: int) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "../shared/data")
    options.add_argument("--tuning", type=int, default=tuning)
    options.add_argument("--test", type=int, default=test)
    options.add_argument("--seed", type=int, default=1)
    return options


def make_all(arguments: argparse.Namespace, jobs: list[tuple[int, str, str]], make: Callable) -> None:
    """Makes what `calls.jsonl` does not list yet, and lists it."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    by_split = {"tuning": [], "test": []}
    for recording in sources.load(arguments.data):
        by_split[recording.split].append(recording)
    listed = arguments.out / "calls.jsonl"
    made = {Path(json.loads(line)["path"]).stem for line in listed.read_text().splitlines()} if listed.exists() else set()
    jobs = [(number, kind, split) for number, kind, split in jobs if f"{kind}-{split}-{number}" not in made]
    with Pool(2, share, [by_split]) as pool, open(listed, "a") as lines:
        for line in pool.imap(partial(make, arguments.out, arguments.seed), jobs):
            print(json.dumps(line), file=lines, flush=True)


RECORDINGS = {}


def share(by_split: dict) -> None:
    """Gives a process the recordings of each split once; with each job they would take most of the time."""
    RECORDINGS.update(by_split)


def make(out: Path, seed: int, job: tuple[int, str, str]) -> dict:
    number, kind, split = job
    by_split = RECORDINGS
    rng = np.random.default_rng([seed, zlib.crc32(f"{kind} {split}".encode()), number])
    call = make_call(by_split[split], rng)
    if kind in ("single", "aac_aac", "mp3_mp3", "mp3_aac", "aac_mp3", "aac_wav", "mp3_wav"):
        samples, rate, truth = encoded(kind, call, rng)
    else:
        truth = altered(kind, call, by_split[split], rng)
        truth["encoding"] = list(ENCODINGS)[number % len(ENCODINGS)]
        truth["codec"] = {"p": "pcm", "l": "mp3" if "mp3" in truth["encoding"] else "amr", "a": "aac"}[
            ENCODINGS[truth["encoding"]][1][0]
        ]
        samples, rate = apply(truth["encoding"], call.mixed())
    path = out / f"{kind}-{split}-{number}.wav"
    soundfile.write(path, samples.astype(np.float32), rate, subtype="FLOAT")
    known = {"path": str(path.resolve()), "kind": kind, "split": split, "number": number, "seconds": len(samples) / rate}
    return known | {"recordings": call.recordings, "bed": call.bed, "snr_db": call.snr_db} | call.notes | truth


def altered(kind: str, call: Call, recordings: list, rng: np.random.Generator) -> dict:
    """Alters the call. Kinds that end in `_aac` were encoded with AAC before, as phones do."""
    if kind.endswith("_aac"):
        call.samples, call.hum = encode(call.mixed(), RATE, "mp4", "aac", 32_000), None
        # Whoever edits a file saves it with other delays.
        call.samples = call.samples[int(rng.integers(1, 1024)) :]
    kind = kind.removesuffix("_aac")
    if kind == "untouched":
        return {}
    if kind == "inserted":
        return spoil.inserted(call, make_call(recordings, rng), rng)
    return SPOILS[kind](call, rng)


def encoded(kind: str, call: Call, rng: np.random.Generator) -> tuple[np.ndarray, int, dict]:
    """One or two encodings at one sample rate, the second at another offset and at least the bit rate of the first."""
    rate = int(rng.choice(list(BITRATES)))
    samples = resample(call.mixed(), RATE, rate)
    first_bitrate, second_bitrate = sorted(int(rng.choice(BITRATES[rate])) for _ in range(2))
    truth = {"rate": rate, "first_bitrate": first_bitrate, "second_bitrate": second_bitrate}
    first, second = kind.split("_") if "_" in kind else (None, str(rng.choice(["aac", "mp3", "wav"])))
    if first:
        samples = encode(samples, rate, *CODECS[first], first_bitrate)
        truth["shift"] = int(rng.integers(16, 1008))
        samples = samples[truth["shift"] :]
    if second != "wav":
        samples = encode(samples, rate, *CODECS[second], second_bitrate)
    else:
        samples = np.round(samples * 32768) / 32768
    return samples, rate, truth | {"codec": "pcm" if second == "wav" else second}


if __name__ == "__main__":
    main()
