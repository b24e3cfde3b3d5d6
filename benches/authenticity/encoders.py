"""Last encodings: each takes samples at 16 kHz and returns the decoded samples with their rate."""

import io

import av
import numpy as np
from scipy.signal import firwin, oaconvolve, resample_poly

RATE = 16_000
# name: container, encoder, rate, bit/s
ENCODINGS = {
    "wav8": (None, "pcm", 8_000, 0),
    "wav16": (None, "pcm", 16_000, 0),
    "amr12": ("amr", "libopencore_amrnb", 8_000, 12_200),
    "amr8": ("amr", "libopencore_amrnb", 8_000, 7_950),
    "aac8": ("mp4", "aac", 8_000, 24_000),
    "aac16": ("mp4", "aac", 16_000, 32_000),
    "aac44": ("mp4", "aac", 44_100, 64_000),
    "mp3_16": ("mp3", "libmp3lame", 16_000, 32_000),
    "mp3_44": ("mp3", "libmp3lame", 44_100, 64_000),
}


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    divisor = np.gcd(rate, to)
    return samples if rate == to else resample_poly(samples, to // divisor, rate // divisor)


def telephone(samples: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz at 16 kHz, linear phase, delay removed."""
    taps = firwin(511, [300, 3400], pass_zero=False, fs=RATE)
    return oaconvolve(samples, taps, "same")


def to_int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)


def encode(samples: np.ndarray, rate: int, container: str, encoder: str, bitrate: int) -> np.ndarray:
    """Encodes 16 bit samples and decodes them, at `rate`."""
    return decode(io.BytesIO(encode_file(samples, rate, container, encoder, bitrate)))


def encode_file(samples: np.ndarray, rate: int, container: str, encoder: str, bitrate: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(encoder, rate=rate, layout="mono")
        stream.bit_rate = bitrate
        frame = av.AudioFrame.from_ndarray(to_int16(samples)[None, :], format="s16", layout="mono")
        frame.sample_rate = rate
        for part in [frame, None]:
            for packet in stream.encode(part):
                output.mux(packet)
    return buffer.getvalue()


def decode(file: io.BytesIO | str) -> np.ndarray:
    """Samples of a mono file, from -1 to 1. The decoder trims what the container declares."""
    with av.open(file) as source:
        parts = [frame.to_ndarray() for frame in source.decode(audio=0)]
    decoded = np.concatenate([part.reshape(-1) for part in parts])
    return decoded.astype(np.float64) / (32768 if decoded.dtype == np.int16 else 1)


def apply(name: str, samples: np.ndarray) -> tuple[np.ndarray, int]:
    """The decoded samples of an encoding, and their rate."""
    container, encoder, rate, bitrate = ENCODINGS[name]
    return apply_at(samples, container, encoder, rate, bitrate), rate


def apply_at(samples: np.ndarray, container: str | None, encoder: str, rate: int, bitrate: int) -> np.ndarray:
    """`apply` with other values; `samples` are at 16 kHz."""
    at_rate = resample(samples, RATE, rate)
    if container is None:
        return to_int16(at_rate) / 32768.0
    return encode(at_rate, rate, container, encoder, bitrate)
