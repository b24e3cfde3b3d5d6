"""Audio of the check, cut from the speech of a fixture call: windows of 30 s, and whole calls."""

import wave
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

RATE_HZ = 16_000
WINDOW_S = 30
SEED = 17


def load(path: Path) -> np.ndarray:
    """16 kHz samples of a 16-bit mono WAV file at 8 kHz."""
    with wave.open(str(path)) as source:
        assert (source.getframerate(), source.getsampwidth(), source.getnchannels()) == (RATE_HZ // 2, 2, 1)
        samples = np.frombuffer(source.readframes(source.getnframes()), dtype="<i2")
    return np.interp(np.arange(2 * len(samples)) / 2, np.arange(len(samples)), samples)


def write_windows(speech: np.ndarray, count: int, path: Path) -> None:
    """Writes windows of 30 s as `windows.I`, f32 from -1 to 1."""
    random = np.random.default_rng(SEED)
    windows = [joined_cuts(speech, WINDOW_S * RATE_HZ, random) / 32768 for _ in range(count)]
    save_file({f"windows.{index}": window.astype(np.float32) for index, window in enumerate(windows)}, path)


def write_calls(speech: np.ndarray, folder: Path, count: int, shortest_s: float, longest_s: float) -> float:
    """Writes WAV files of joined random cuts of the speech, all of them different. Returns their total length in
    seconds."""
    folder.mkdir(parents=True)
    random, total_s = np.random.default_rng(SEED), 0.0
    for index in range(count):
        wanted_s = random.uniform(shortest_s, longest_s)
        samples = joined_cuts(speech, int(wanted_s * RATE_HZ), random)
        with wave.open(str(folder / f"call-{index:04}.wav"), "wb") as out:
            out.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            out.writeframes(samples.astype("<i2").tobytes())
        total_s += wanted_s
    return total_s


def joined_cuts(speech: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
    cuts, have = [], 0
    while have < length:
        cut_length = int(random.uniform(1, 5) * RATE_HZ)
        start = random.integers(0, len(speech) - cut_length)
        cuts.append(speech[start:start + cut_length] * random.uniform(0.5, 1.0))
        have += cut_length
    return np.concatenate(cuts)[:length]
