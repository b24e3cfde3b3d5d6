"""Variants of recordings that make alignment harder. True times do not change."""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.signal import butter, correlate, resample_poly, sosfiltfilt

from audio import RATE, at_level, load, rms, save
from corpora import Source
from truth import Recording

SNR_DB = 10
SECOND_VOICE_DB = -5
BABBLE_VOICES = 6
TELEPHONE_HZ = (300, 3400)
TELEPHONE_RATE = 8000
# The lag in seconds within which a codec's delay is measured and removed.
LAG_S = 0.1

Change = Callable[[Recording, np.random.Generator], np.ndarray]


def speech_level(recording: Recording) -> float:
    """The root mean square within the utterances."""
    spans = recording.spans.values()
    return rms(np.concatenate([recording.audio[int(a * RATE) : int(b * RATE)] for a, b in spans]))


def changed(recordings: list[Recording], change: Change, seed: int) -> list[Recording]:
    rng = np.random.default_rng(seed)
    return [replace(recording, audio=peak_limited(change(recording, rng))) for recording in recordings]


def peak_limited(audio: np.ndarray) -> np.ndarray:
    return audio / max(1.0, float(np.abs(audio).max()) / 0.99)


def white_noise(recording: Recording, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, 1, len(recording.audio))
    return recording.audio + at_level(noise, speech_level(recording) * 10 ** (-SNR_DB / 20))


def running_voice(sources: list[Source], length: int, rng: np.random.Generator) -> np.ndarray:
    """Utterances in random order, at equal levels, until the length is reached."""
    parts, total = [], 0
    while total < length:
        parts.append(at_level(sources[rng.integers(len(sources))].audio, 0.05))
        total += len(parts[-1])
    return np.concatenate(parts)[:length]


def babble(sources: list[Source]) -> Change:
    """Six voices that say other utterances than the recording."""

    def change(recording: Recording, rng: np.random.Generator) -> np.ndarray:
        others = [source for source in sources if source.name not in recording.sources]
        noise = sum(running_voice(others, len(recording.audio), rng) for _ in range(BABBLE_VOICES))
        return recording.audio + at_level(noise, speech_level(recording) * 10 ** (-SNR_DB / 20))

    return change


def second_voice(sources: list[Source]) -> Change:
    """A second voice over the whole recording, 5 dB weaker, that says other utterances."""

    def change(recording: Recording, rng: np.random.Generator) -> np.ndarray:
        others = [source for source in sources if source.name not in recording.sources]
        voice = running_voice(others, len(recording.audio), rng)
        return recording.audio + at_level(voice, speech_level(recording) * 10 ** (SECOND_VOICE_DB / 20))

    return change


def narrow(audio: np.ndarray) -> np.ndarray:
    """The telephone band at 8 kHz; the filter has no delay."""
    filtered = sosfiltfilt(butter(4, TELEPHONE_HZ, "bandpass", fs=RATE, output="sos"), audio)
    return resample_poly(filtered, TELEPHONE_RATE, RATE)


def coded(codec: str, suffix: str) -> Change:
    """The telephone band through a codec of ffmpeg."""

    def change(recording: Recording, rng: np.random.Generator) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            source, middle, result = (Path(folder) / name for name in ("in.wav", f"coded{suffix}", "out.wav"))
            save(source, resample_poly(peak_limited(narrow(recording.audio)), RATE, TELEPHONE_RATE))
            ffmpeg(source, "-ar", str(TELEPHONE_RATE), "-c:a", codec, middle)
            ffmpeg(middle, "-ar", str(RATE), "-c:a", "pcm_s16le", result)
            return undelayed(load(result), recording.audio)

    return change


def ffmpeg(source: Path, *arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-i", source, *arguments], check=True)


def undelayed(audio: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Removes the delay of a codec, found by cross-correlation, so that the true times remain exact."""
    lag, length = int(LAG_S * RATE), min(len(audio), len(original))
    scores = correlate(audio[:length], original[:length], "full", "fft")
    delay = int(np.argmax(scores[length - 1 - lag : length + lag])) - lag
    shifted = audio[delay:] if delay >= 0 else np.pad(audio, (-delay, 0))
    return np.pad(shifted, (0, len(original)))[: len(original)]
