"""Untouched calls: a recording as it is, or several over one continuous noise bed of known ratio, with or without hum."""

from dataclasses import dataclass, field

import numpy as np
from scipy.signal import butter, sosfilt

from encoders import telephone
from sources import GATED, RATE, Recording, frame_levels_db, noise_like, speech_level_db


@dataclass
class Part:
    """From where to where a recording is in a call, in seconds of the recording."""

    name: str
    start_s: float
    end_s: float


@dataclass
class Call:
    """Samples at 16 kHz without hum, and what is known of them."""

    samples: np.ndarray
    parts: list[Part]
    bed: str
    snr_db: float | None
    hum: "Hum | None" = None
    notes: dict = field(default_factory=dict)

    @property
    def recordings(self) -> list[str]:
        return sorted({part.name for part in self.parts})

    def mixed(self) -> np.ndarray:
        return self.samples if self.hum is None else self.samples + self.hum.samples(len(self.samples))


@dataclass
class Hum:
    """Mains hum with harmonics, whose frequency wanders. `level` is the amplitude of the strongest harmonic; `jumps` are
    pairs of a sample and the phase of the fundamental (radians) added from there on."""

    mains_hz: float
    level: float
    harmonics: np.ndarray
    phases: np.ndarray
    wander: np.ndarray
    jumps: list[tuple[int, float]] = field(default_factory=list)

    def samples(self, length: int) -> np.ndarray:
        points = np.linspace(0, length - 1, len(self.wander))
        hz = self.mains_hz + np.interp(np.arange(length), points, self.wander)
        phase = 2 * np.pi * np.cumsum(hz) / RATE
        for at, jump in self.jumps:
            phase[at:] += jump
        orders = np.arange(1, len(self.harmonics) + 1)
        parts = [a * np.cos(k * phase + p) for k, a, p in zip(orders, self.harmonics, self.phases)]
        return self.level * np.sum(parts, axis=0)


def make_hum(rng: np.random.Generator, mains_hz: float | None = None) -> Hum:
    """Hum of level 1. The strongest harmonic is the first or the second, as rectifiers and transformers give."""
    mains_hz = mains_hz or float(rng.choice([50.0, 60.0]))
    harmonics = rng.uniform(0.05, 0.6, 10) / np.arange(1, 11) ** 0.5
    harmonics[rng.integers(0, 2)] = 1.0
    wander = rng.uniform(-0.04, 0.04) + np.cumsum(rng.normal(0, 0.003, 12))
    return Hum(mains_hz, 1.0, harmonics, rng.uniform(0, 2 * np.pi, 10), wander)


def band_level(samples: np.ndarray, hz: float, width_hz: float) -> float:
    """Root mean square within `width_hz` around `hz`."""
    sos = butter(2, [hz - width_hz / 2, hz + width_hz / 2], "bandpass", fs=RATE, output="sos")
    return float(np.sqrt(np.mean(sosfilt(sos, samples) ** 2)))


def add_hum(call: Call, ratio_db: float, rng: np.random.Generator, band: tuple[float, float] = (0, 8000)) -> None:
    """Adds hum whose strongest audible harmonic is `ratio_db` above everything else within 10 Hz around it."""
    hum = make_hum(rng)
    orders = np.arange(1, 11)
    audible = (orders * hum.mains_hz > band[0]) & (orders * hum.mains_hz < band[1])
    hum.harmonics = hum.harmonics / hum.harmonics[audible].max()
    strongest = int(np.argmax(np.where(audible, hum.harmonics, 0)))
    noise = band_level(call.samples, (strongest + 1) * hum.mains_hz, 10.0)
    hum.level = np.sqrt(2) * noise * 10 ** (ratio_db / 20)
    call.hum = hum
    call.notes |= {"mains_hz": hum.mains_hz, "hum_ratio_db": ratio_db}


def native(recordings: list[Recording], rng: np.random.Generator) -> Call:
    """An excerpt of one recording, with its own noise."""
    usable = [r for r in recordings if r.seconds >= 4 and r.name not in GATED]
    recording = usable[rng.integers(len(usable))]
    length = int(min(recording.seconds, rng.uniform(6, 14)) * RATE)
    start = rng.integers(0, len(recording.samples) - length + 1)
    part = Part(recording.name, start / RATE, (start + length) / RATE)
    return Call(leveled(recording.samples[start : start + length], rng), [part], "own", None)


def leveled(samples: np.ndarray, rng: np.random.Generator, spread_db: float = 5) -> np.ndarray:
    gain_db = -24 + rng.uniform(-spread_db, spread_db) - speech_level_db(samples)
    return samples * min(10 ** (gain_db / 20), 0.95 / np.abs(samples).max())


def over_bed(recordings: list[Recording], rng: np.random.Generator) -> Call:
    """Several recordings with pauses between them, faded in and out, over a bed 5 to 20 dB below the speech."""
    length = int(rng.uniform(9, 18) * RATE)
    speech, parts = np.zeros(length), []
    at, floors = int(rng.uniform(0.3, 2.0) * RATE), []
    while at < length - RATE:
        recording = recordings[rng.integers(len(recordings))]
        take = min(int(rng.uniform(2, 6) * RATE), len(recording.samples), length - at)
        start = rng.integers(0, len(recording.samples) - take + 1)
        part = leveled(recording.samples[start : start + take], rng, 2)
        floors.append(np.percentile(frame_levels_db(part), 5))
        fade = int(0.05 * RATE)
        window = np.minimum(1, np.minimum(np.arange(take), np.arange(take)[::-1]) / fade)
        speech[at : at + take] += part * window
        parts.append(Part(recording.name, start / RATE, (start + take) / RATE))
        at += take + int(rng.uniform(0.2, 1.5) * RATE)
    level = speech_level_db(speech)
    snr_db = float(rng.uniform(5, 20))
    # The bed covers the noise of the recordings, so that their edges leave no trace.
    snr_db = float(np.clip(level - max(floors) - 6, 3, snr_db))
    kind = str(rng.choice(["white", "pink", "room", "room", "real", "real", "real"]))
    bed = make_bed(kind, length, recordings, rng)
    bed *= 10 ** ((level - snr_db) / 20) / np.sqrt(np.mean(bed**2))
    samples = speech + bed
    return Call(samples * min(1, 0.95 / np.abs(samples).max()), parts, kind, snr_db)


def make_bed(kind: str, length: int, recordings: list[Recording], rng: np.random.Generator) -> np.ndarray:
    if kind == "white":
        return rng.standard_normal(length)
    if kind == "real":
        return noise_like(recordings[rng.integers(len(recordings))].samples, length, rng) * breathing(length, rng)
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hz = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 30)
    slope = 0.5 if kind == "pink" else 0.9
    pink = np.fft.irfft(spectrum / hz**slope, length)
    return pink if kind == "pink" else pink * breathing(length, rng)


def breathing(length: int, rng: np.random.Generator) -> np.ndarray:
    """A gain that wanders by 0.5 to 2 dB over seconds, as the noise of rooms and streets does."""
    points = max(4, int(length / RATE / rng.uniform(1.0, 3.0)))
    gain_db = rng.normal(0, rng.uniform(0.2, 1.0), points)
    return 10 ** (np.interp(np.arange(length), np.linspace(0, length - 1, points), gain_db) / 20)


def make_call(recordings: list[Recording], rng: np.random.Generator) -> Call:
    """A third are recordings as they are; a quarter has hum."""
    call = native(recordings, rng) if rng.random() < 0.35 else over_bed(recordings, rng)
    if rng.random() < 0.6:
        call.samples = telephone(call.samples)
        call.notes["band"] = "telephone"
    if rng.random() < 0.25:
        add_hum(call, float(rng.uniform(10, 30)), rng, (300, 3400) if "band" in call.notes else (0, 8000))
    return call
