"""The audio of the bench: windows of 30 s from the shared recordings, and their log-mel features."""

from pathlib import Path

import numpy as np

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RATE_HZ = 16_000
WINDOW_S = 30
# Number of windows for the measurement of errors; the first of them are timed.
WINDOWS = 16
RECORDINGS = [
    "en/azure_en.wav", "ko/azure_ko.wav", "phone/conversation_two_speakers.wav", "phone/harvard_8k.wav",
    "diar/dev00.wav", "diar/leopard_two_speakers.wav", "diar/sample.wav", "diar/trn01.wav", "diar/trn02.wav",
    "diar/trn03.wav", "en/jfk.wav",
]


def recording(path: Path) -> np.ndarray:
    """One recording: mono samples of 16 kHz, -1 to 1."""
    import soundfile
    from scipy.signal import resample_poly

    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return resample_poly(samples.mean(axis=1), RATE_HZ, rate_hz).astype(np.float32)


def windows() -> np.ndarray:
    """[WINDOWS, samples of 16 kHz]: all recordings concatenated, cut at equal distances; neighbors overlap."""
    line = np.concatenate([recording(SHARED / name) for name in RECORDINGS])
    length = WINDOW_S * RATE_HZ
    starts = np.linspace(0, len(line) - length, WINDOWS).astype(int)
    return np.stack([line[start:start + length] for start in starts])


def features(samples: np.ndarray) -> np.ndarray:
    """Whisper's log-mel features, [windows, 80, 3000], as transformers computes them."""
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=80)
    return extractor(list(samples), sampling_rate=RATE_HZ, return_tensors="np").input_features.astype(np.float32)
