"""Reads, writes and measures audio: mono, 16 kHz, samples in [-1, 1)."""

from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

RATE = 16000
# Samples in a frame of 10 ms.
FRAME = RATE // 100


def load(path: Path) -> np.ndarray:
    """Reads a mono file and resamples it to 16 kHz."""
    audio, rate = soundfile.read(path, dtype="float64")
    return resample_poly(audio, RATE, rate) if rate != RATE else audio


def save(path: Path, audio: np.ndarray) -> None:
    """Writes 16 bit PCM."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(audio, -1, 1 - 2**-15), RATE, subtype="PCM_16")


def levels_db(audio: np.ndarray) -> np.ndarray:
    """The level of each frame of 10 ms in dBFS, -90 at least."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    return 10 * np.log10((frames**2).mean(1) + 1e-9)


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio)) + 1e-12))


def at_level(audio: np.ndarray, level: float) -> np.ndarray:
    """Scales the audio to a root mean square."""
    return audio * (level / rms(audio))
