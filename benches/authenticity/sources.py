"""Recordings of speech, split by recording, and background noise made from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import lfilter, resample_poly

RATE = 16_000
# Recordings whose pauses are digital silence: used over a noise bed only.
GATED = {"azure_ko", "azure_en"}
FOLDERS = {
    "ko/talk": "*.wav",
    "ko": "azure_ko.wav",
    "en": "*.wav",
    "phone": "*.wav",
    "diar": "*.wav",
    "vad": "[ct]*t*.wav",
    "formats": "mono.16000.wav",
}
# Recordings of one source stay in one split.
KIN = {"sense_and_sensibility": "sense", "mono.16000": "sonnets"}


@dataclass
class Recording:
    """`samples` are mono at 16 kHz. `split` is `tuning` or `test`."""

    name: str
    split: str
    samples: np.ndarray

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


def load(data: Path) -> list[Recording]:
    """All recordings of at least 1 s; two of five families are for tuning."""
    paths = sorted(path for folder, pattern in FOLDERS.items() for path in (data / folder).glob(pattern))
    families = sorted({family(path.stem) for path in paths})
    split = {name: "tuning" if at % 5 in (0, 2) else "test" for at, name in enumerate(families)}
    recordings = [Recording(path.stem, split[family(path.stem)], read(path)) for path in paths]
    return [recording for recording in recordings if recording.seconds >= 1.0]


def family(stem: str) -> str:
    return next((name for start, name in KIN.items() if stem.startswith(start)), stem)


def read(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    samples = samples.mean(axis=1)
    divisor = np.gcd(rate, RATE)
    return samples if rate == RATE else resample_poly(samples, RATE // divisor, rate // divisor)


def frame_levels_db(samples: np.ndarray, frame: int = 320) -> np.ndarray:
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return 10 * np.log10((frames**2).mean(axis=1) + 1e-12)


def speech_level_db(samples: np.ndarray) -> float:
    """Mean power of the frames within 20 dB of the 95th percentile."""
    levels = frame_levels_db(samples)
    active = levels[levels > np.percentile(levels, 95) - 20]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def noise_like(samples: np.ndarray, length: int, rng: np.random.Generator, order: int = 16) -> np.ndarray:
    """Noise with the spectrum of the quietest tenth of a recording (linear prediction of the mean autocorrelation)."""
    frames = samples[: len(samples) // 512 * 512].reshape(-1, 512)
    power = (frames**2).mean(axis=1)
    quiet = frames[(power <= np.percentile(power, 15)) & (power > 1e-10)]
    if len(quiet) < 3:
        return rng.standard_normal(length)
    spectrum = (np.abs(np.fft.rfft(quiet * np.hanning(512), 1024)) ** 2).mean(axis=0)
    r = np.fft.irfft(spectrum)[: order + 1]
    r[0] *= 1.0001
    from scipy.linalg import solve_toeplitz

    a = np.concatenate([[1.0], -solve_toeplitz(r[:-1], r[1:])])
    return lfilter([1.0], a, rng.standard_normal(length + 2048))[2048:]
