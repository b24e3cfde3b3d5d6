"""Finds what the sources of untouched calls already have: a part that occurs twice, and digital silence. A cue for these is
right, so that such a call does not count as untouched for the cue. Writes `traces.jsonl`, one line per untouched call.

    python traces.py CALLS [--data ../shared/data] [--seed 1]

The calls are made again from their random numbers, up to their encoding, to know which parts of which recordings they have.
Only the sources are examined, never the calls.
"""

import argparse
import json
import zlib
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, resample_poly, sosfiltfilt

import sources
from calls import Part, make_call
from sources import RATE, Recording

KINDS = ("untouched", "untouched_aac", "single")
# A part of this length counts as copied, if its waveform has this correlation with another.
COPY_S = 0.3
CORRELATION = 0.95
# Rate at which waveforms are correlated, and the band.
LOW_RATE = 2_000
BAND_HZ = (300, 950)
# Samples of one value for this long are digital silence; the values of quiet parts of 8 bit telephone sound alternate.
SILENCE_S = 0.025


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "../shared/data")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    recordings = sources.load(arguments.data)
    by_split = {split: [r for r in recordings if r.split == split] for split in ("tuning", "test")}
    shared = {split: repeats(of_split) for split, of_split in by_split.items()}
    silent = {recording.name for recording in recordings if has_digital_silence(recording)}
    listed = [json.loads(line) for line in (arguments.calls / "calls.jsonl").read_text().splitlines()]
    with open(arguments.calls / "traces.jsonl", "w") as output:
        for call in listed:
            if call["kind"] not in KINDS:
                continue
            rng = np.random.default_rng([arguments.seed, zlib.crc32(f"{call['kind']} {call['split']}".encode()), call["number"]])
            parts = make_call(by_split[call["split"]], rng).parts
            assert sorted({part.name for part in parts}) == call["recordings"], call["path"]
            # Noise that is added covers the silence of a recording.
            traces = {"CopiedSegment": has_copy(parts, shared[call["split"]])}
            traces["DigitalSilence"] = traces["NoiseGap"] = call["bed"] == "own" and parts[0].name in silent
            print(json.dumps({"path": call["path"]} | traces), file=output)


def has_digital_silence(recording: Recording) -> bool:
    values = np.round(recording.samples * 32_768)
    windows = sliding_window_view(values, int(SILENCE_S * RATE))[:: RATE // 200]
    return bool((windows.max(axis=1) == windows.min(axis=1)).any())


def repeats(recordings: list[Recording]) -> list[tuple[str, float, str, float]]:
    """Pairs of a recording and a second from which on [`COPY_S`] have the same waveform."""
    sos = butter(4, BAND_HZ, "bandpass", fs=LOW_RATE, output="sos")
    low = {r.name: sosfiltfilt(sos, resample_poly(r.samples, LOW_RATE, RATE)) for r in recordings}
    starts = np.cumsum([0] + [len(samples) for samples in low.values()])
    names, line = list(low), np.concatenate(list(low.values())).astype(np.float32)
    length = int(COPY_S * LOW_RATE)
    squares = np.cumsum(np.concatenate([[0], line.astype(np.float64) ** 2]))
    energy = squares[length:] - squares[:-length]
    loud = np.quantile(energy, 0.5)
    scale = np.where(energy > 0.1 * loud, 1 / np.sqrt(energy + 1e-12), 0).astype(np.float32)
    size = next_fast_len(len(line), real=True)
    spectrum = rfft(line, size)
    pairs = []
    for at in range(0, len(line) - length, length // 2):
        if energy[at] < loud:
            continue
        products = irfft(spectrum * np.conj(rfft(line[at : at + length], size)), size)[: len(energy)]
        correlation = products * scale * scale[at]
        correlation[max(0, at - length) : at + length] = 0
        for other in np.flatnonzero(correlation > CORRELATION):
            a, b = (np.searchsorted(starts, place, "right") - 1 for place in (at, other))
            pairs.append((names[a], (at - starts[a]) / LOW_RATE, names[b], (other - starts[b]) / LOW_RATE))
    return pairs


def has_copy(parts: list[Part], shared: list[tuple[str, float, str, float]]) -> bool:
    """Whether two parts overlap, or have parts that are known to be the same."""
    for at, part in enumerate(parts):
        for other in parts[:at]:
            overlap = min(part.end_s, other.end_s) - max(part.start_s, other.start_s)
            if part.name == other.name and overlap >= COPY_S:
                return True
    holds = lambda name, second: any(p.name == name and p.start_s <= second <= p.end_s - COPY_S for p in parts)  # noqa: E731
    return any(holds(a, second) and holds(b, other) for a, second, b, other in shared)


if __name__ == "__main__":
    main()
