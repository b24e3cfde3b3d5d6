"""Times at the end of long recordings: clips joined at known offsets, encoded with telephone codecs, and located again.

    python recordings.py --fsdd ../shared/data/fsdd --earwitness target/release/earwitness --minutes 60 [--words]

Single digits of real speakers, trimmed to their sound, are placed in near silence with pauses of 0.8 to 3 s. The program
decodes and segments each format (`--vad energy`, with frames of 10 ms); the starts of spans are compared with those of the
clips in the first, the middle and the last five minutes; `drift` is the last minus the first. `--words` also runs the m4a
through all stages and compares the starts of the correctly recognized words.
Prints a markdown table.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parents[2] / "fixtures"
sys.path.insert(0, str(FIXTURES))
from make_calls import RATE, encode, read_wav, trim  # noqa: E402

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

PART_S = 300
# It writes digits as words.
MODEL = FIXTURES / "models/test-tiny"
AAC = ["-c:a", "aac", "-b:a", "32k"]
MP3 = ["-c:a", "libmp3lame"]
# Name, suffix, options, and the encoder delay in seconds that the file does not declare.
FORMATS = [
    ("AAC in m4a, 44.1 kHz", "m4a", [*AAC, "-ar", "44100"]),
    ("AAC in m4a, 8 kHz", "m4a", AAC),
    ("AAC in fragmented mp4", "mp4", [*AAC, "-ar", "44100", "-movflags", "frag_keyframe+empty_moov"]),
    ("MP3, constant rate", "mp3", [*MP3, "-b:a", "32k", "-ar", "44100"]),
    ("MP3, variable rate", "mp3", [*MP3, "-q:a", "6", "-ar", "44100"]),
    ("MP3 without the header that states its delay", "mp3", [*MP3, "-b:a", "32k", "-ar", "44100", "-write_xing", "0"]),
    ("Opus in ogg", "ogg", ["-c:a", "libopus", "-b:a", "24k"]),
]
CUT_S = 7.25  # removed from the start by an edit list


def write_recording(fsdd: Path, path: Path, minutes: float) -> list[tuple[str, float]]:
    """A mono file of 8 kHz; each digit with its start in seconds."""
    rng, said, at = np.random.default_rng(60), [], RATE
    speakers = ["george", "jackson", "lucas", "nicolas"]
    clips = [(d, trim(read_wav(fsdd / f"{d}_{s}_{take}.wav")[0], RATE)) for d in range(10) for s in speakers for take in range(5)]
    with wave.open(str(path), "wb") as sink:
        sink.setparams((1, 2, RATE, 0, "NONE", ""))
        silence = lambda length: (rng.normal(0, 3, length)).astype("<i2").tobytes()  # noqa: E731
        sink.writeframes(silence(at))
        while at < minutes * 60 * RATE:
            digit, clip = clips[rng.integers(len(clips))]
            said.append((DIGITS[digit], at / RATE))
            sink.writeframes((clip * 0.5 / np.abs(clip).max() * 32767).astype("<i2").tobytes())
            pause = int(rng.uniform(0.8, 3) * RATE)
            sink.writeframes(silence(pause))
            at += len(clip) + pause
    return said


def run(command: list) -> tuple[str, float, float]:
    """Runs a command. Returns its output, its seconds, and the peak resident size of all child processes so far, in MiB."""
    start = time.monotonic()
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return printed, time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def parts(truth: np.ndarray, found: np.ndarray, minutes: float) -> list[float]:
    """Median of found minus true starts, in ms, in the first, the middle and the last five minutes."""
    nearest = found[np.abs(found[None, :] - truth[:, None]).argmin(axis=1)] - truth
    middles = [PART_S / 2, minutes * 30, minutes * 60 - PART_S / 2]
    within = [np.abs(truth - middle) < PART_S / 2 for middle in middles]
    return [float(np.median(nearest[chosen & (np.abs(nearest) < 0.5)]) * 1000) for chosen in within]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fsdd", type=Path, required=True)
    parser.add_argument("--earwitness", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--words", action="store_true")
    options = parser.parse_args()
    print("| recording | first 5 min | middle | last 5 min | drift | memory, largest so far | time |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        said = write_recording(options.fsdd, folder / "calls.wav", options.minutes)
        truth = np.array([start for _, start in said])
        row = lambda name, times, size, seconds: print(  # noqa: E731
            f"| {name} | {times[0]:+.0f} ms | {times[1]:+.0f} ms | {times[2]:+.0f} ms | {times[2] - times[0]:+.0f} ms "
            f"| {size:.0f} MiB | {seconds:.0f} s |", flush=True)

        def segment(name: str, path: Path, truth: np.ndarray) -> None:
            command = [options.earwitness, "stage", "segment", path, "--out", folder / f"out-{name}", "--vad", "energy"]
            printed, seconds, size = run(command)
            spans = json.loads(printed)["artifact"]["spans"]
            row(name, parts(truth, np.array([span["start_s"] for span in spans]) + 0.15, options.minutes), size, seconds)

        segment("wav, 8 kHz", folder / "calls.wav", truth)
        for name, suffix, arguments in FORMATS:
            path = folder / f"call.{suffix}"
            encode(folder / "calls.wav", path, *arguments)
            segment(name, path, truth)
            if name == FORMATS[0][0]:
                cut = folder / "cut.m4a"
                subprocess.run(["ffmpeg", "-v", "error", "-ss", str(CUT_S), "-i", path, "-c", "copy", cut], check=True)
                segment("the same, its start cut by an edit list", cut, truth[truth > CUT_S + 1] - CUT_S)
                if options.words:
                    out = folder / "words"
                    _, seconds, size = run([options.earwitness, "run", path, "--out", out, "--model", MODEL])
                    words = json.loads((out / "call.json").read_text())["words"]
                    recognized = {text: np.array([w["start_s"] for w in words if w["text"] == text]) for text in DIGITS}
                    right = [(t, min(recognized[text], key=lambda x: abs(x - t))) for text, t in said if len(recognized[text])]
                    times = parts(np.array([t for t, _ in right]), np.array([x for _, x in right]), options.minutes)
                    row("words of the m4a, all stages", times, size, seconds)
            path.unlink()


if __name__ == "__main__":
    main()
