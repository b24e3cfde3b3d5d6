"""Reads recordings and generates sounds: 16 kHz mono, samples from -1 to 1. All randomness has a fixed seed."""

import wave
from pathlib import Path

import numpy as np

from recordings import SAMPLE_RATE_HZ


def read(path: Path) -> np.ndarray:
    """Reads a recording in any format and averages its channels."""
    from faster_whisper import decode_audio

    return decode_audio(str(path), sampling_rate=SAMPLE_RATE_HZ)


def write(path: Path, samples: np.ndarray) -> Path:
    """Writes a 16-bit WAV file; samples beyond full scale are clipped."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return path


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def at_level(samples: np.ndarray, dbfs: float) -> np.ndarray:
    """Scales samples to a root mean square in dB relative to 1."""
    return samples * (10 ** (dbfs / 20) / rms(samples))


def mixed(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Mixes speech with noise of the same length at a ratio of their mean powers, scaled down if it would clip."""
    sound = speech + at_level(noise[:len(speech)], 20 * np.log10(rms(speech)) - snr_db)
    return sound / max(1.0, np.abs(sound).max() / 0.99)


def joined(parts: list[np.ndarray], pause_s: float = 0.3) -> np.ndarray:
    """Concatenates sounds with silence between them."""
    pause = np.zeros(int(pause_s * SAMPLE_RATE_HZ), dtype=np.float32)
    return np.concatenate([piece for part in parts for piece in (part, pause)])


def white(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE_HZ))


def pink(seconds: float, seed: int) -> np.ndarray:
    """Pink noise: the power is inversely proportional to the frequency, above 20 Hz."""
    spectrum = np.fft.rfft(white(seconds, seed))
    hz = np.fft.rfftfreq(int(seconds * SAMPLE_RATE_HZ), 1 / SAMPLE_RATE_HZ)
    spectrum[hz < 20] = 0
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 20)), int(seconds * SAMPLE_RATE_HZ))


def music(seconds: float, seed: int) -> np.ndarray:
    """Plucked tones: chords of a common progression under a random melody of the same scale."""
    generator = np.random.default_rng(seed)
    sound = np.zeros(int(seconds * SAMPLE_RATE_HZ))
    root_hz, beat_s = 110 * 2 ** (generator.integers(0, 12) / 12), generator.uniform(0.3, 0.6)
    scale = [0, 2, 4, 5, 7, 9, 11]
    for beat in range(int(seconds / beat_s)):
        degree = [0, 4, 5, 3][beat // 4 % 4]
        notes = [12 + scale[generator.integers(0, 7)]]
        if beat % 4 == 0:
            notes += [scale[(degree + step) % 7] + 12 * ((degree + step) // 7) for step in (0, 2, 4)]
        for note in notes:
            add_tone(sound, beat * beat_s, root_hz * 2 ** (note / 12), 4 * beat_s)
    return sound


def add_tone(sound: np.ndarray, start_s: float, hz: float, length_s: float) -> None:
    """Adds a decaying tone with six harmonics, cut at the end of the sound."""
    start = int(start_s * SAMPLE_RATE_HZ)
    time_s = np.arange(min(int(length_s * SAMPLE_RATE_HZ), len(sound) - start)) / SAMPLE_RATE_HZ
    harmonics = sum(np.sin(2 * np.pi * hz * n * time_s) / n**1.5 for n in range(1, 7) if hz * n < SAMPLE_RATE_HZ / 2)
    sound[start:start + len(time_s)] += harmonics * np.exp(-3 * time_s / length_s) * np.minimum(1, time_s / 0.01)


def babble(voices: list[np.ndarray], seconds: float, seed: int, count: int = 8) -> np.ndarray:
    """Mixes several voices at equal level, each repeated from a random position."""
    generator = np.random.default_rng(seed)
    length = int(seconds * SAMPLE_RATE_HZ)
    chosen = generator.choice(len(voices), count, replace=False)
    sound = np.zeros(length)
    for index in chosen:
        voice = np.roll(voices[index], generator.integers(0, len(voices[index])))
        sound += at_level(np.tile(voice, -(-length // len(voice)))[:length], -20)
    return sound
