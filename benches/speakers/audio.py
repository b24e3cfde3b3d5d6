"""Reads, writes, filters and encodes audio: mono, 8 kHz, samples in [-1, 1)."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, fftconvolve, resample_poly, sosfiltfilt

RATE = 8000
# Samples in a frame of 10 ms.
FRAME = RATE // 100
# Each encoder's file name extension and arguments. sox encodes AMR-NB, because Debian's ffmpeg cannot.
CODECS = {
    "amr-nb": ("amr-nb", ["-C", "5"]),
    "gsm": ("gsm", ["-c:a", "libgsm"]),
    "mu-law": ("wav", ["-c:a", "pcm_mulaw"]),
    "opus-12k": ("opus", ["-c:a", "libopus", "-b:a", "12k"]),
    "mp3-16k": ("mp3", ["-c:a", "libmp3lame", "-b:a", "16k"]),
    "aac-24k": ("m4a", ["-c:a", "aac", "-b:a", "24k"]),
}
# The codecs of telephone networks.
NETWORK = ["gsm", "amr-nb", "mu-law"]


def load(path: Path) -> np.ndarray:
    """Reads a file, mixes its channels and resamples it. libsndfile reads no bare GSM, so ffmpeg decodes that."""
    if path.suffix == ".gsm":
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-"]
        return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2") / 32768
    audio, rate = soundfile.read(path, dtype="float64", always_2d=True)
    audio = audio.mean(1)
    return resample_poly(audio, RATE, rate) if rate != RATE else audio


def save(path: Path, audio: np.ndarray) -> None:
    """Writes 16 bit PCM."""
    soundfile.write(path, np.clip(audio, -1, 1 - 2**-15), RATE, subtype="PCM_16")


def levels_db(audio: np.ndarray) -> np.ndarray:
    """The level of each frame of 10 ms in dBFS, -90 at least."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    return 10 * np.log10((frames**2).mean(1) + 1e-9)


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio)) + 1e-12))


def telephone_band(audio: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz, without delay."""
    return sosfiltfilt(butter(4, [300, 3400], "bandpass", fs=RATE, output="sos"), audio)


def delay(decoded: np.ndarray, audio: np.ndarray) -> int:
    """The lag in samples, up to 0.25 s, at which the decoded audio fits best."""
    limit, count = RATE // 4, min(len(decoded), len(audio))
    product = fftconvolve(decoded[:count], audio[:count][::-1])
    lags = product[count - 1 - limit : count + limit]
    return int(np.argmax(lags)) - limit


def encode_decode(audio: np.ndarray, codec: str) -> np.ndarray:
    """The audio after a codec. The codec's delay is removed, so times stay."""
    if codec == "none":
        return audio
    extension, arguments = CODECS[codec]
    with tempfile.TemporaryDirectory() as folder:
        plain, encoded, decoded = (Path(folder) / name for name in ("in.wav", f"encoded.{extension}", "out.wav"))
        save(plain, audio)
        if codec == "amr-nb":
            subprocess.run(["sox", plain, *arguments, encoded], check=True, capture_output=True)
            subprocess.run(
                ["sox", encoded, "-r", str(RATE), "-c", "1", "-b", "16", decoded], check=True, capture_output=True
            )
        else:
            ffmpeg = ["ffmpeg", "-v", "error", "-y"]
            subprocess.run([*ffmpeg, "-i", plain, *arguments, encoded], check=True)
            subprocess.run([*ffmpeg, "-i", encoded, "-ar", str(RATE), "-ac", "1", decoded], check=True)
        found = load(decoded)
    lag = delay(found, audio)
    found = found[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag), found])
    return np.pad(found, (0, max(0, len(audio) - len(found))))[: len(audio)]


def noise(random: np.random.Generator, count: int, color: str) -> np.ndarray:
    """White or pink noise with a root mean square of 1."""
    white = random.normal(0, 1, count)
    if color == "white":
        return white
    spectrum = np.fft.rfft(white)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20))
    pink = np.fft.irfft(spectrum, count)
    return pink / rms(pink)
