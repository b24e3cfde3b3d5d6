"""Alterations of a call, each made before the last encoding. Times are in seconds of the altered call."""

import numpy as np

from calls import Call, add_hum
from sources import RATE, frame_levels_db

CROSSFADE = 32  # 2 ms


def join(*parts: np.ndarray) -> np.ndarray:
    """Parts one after the other, with crossfades of 2 ms."""
    ramp = np.linspace(0, 1, CROSSFADE)
    joined = parts[0]
    for part in parts[1:]:
        middle = joined[-CROSSFADE:] * (1 - ramp) + part[:CROSSFADE] * ramp
        joined = np.concatenate([joined[:-CROSSFADE], middle, part[CROSSFADE:]])
    return joined


def place(rng: np.random.Generator, length: int, margin_s: float = 1.0) -> int:
    margin = int(min(margin_s * RATE, length * 0.2))
    return int(rng.integers(margin, length - margin))


def loud_start(samples: np.ndarray, length: int, rng: np.random.Generator) -> int:
    """Start of an excerpt of which at least half is speech, if one of 30 tries has it."""
    threshold = np.percentile(frame_levels_db(samples), 90) - 15
    start = 0
    for _ in range(30):
        start = int(rng.integers(0, len(samples) - length))
        if np.mean(frame_levels_db(samples[start : start + length]) > threshold) > 0.5:
            break
    return start


def copied(call: Call, rng: np.random.Generator) -> dict:
    """A part with speech of 0.5 to 2 s replaces another place, or is inserted there, at up to 3 dB more or less."""
    x = call.mixed()
    length = int(rng.uniform(0.52, min(2.0, len(x) / RATE / 4)) * RATE)
    start = loud_start(x, length, rng)
    part = x[start : start + length] * 10 ** (rng.uniform(-3, 3) / 20)
    while True:
        at = place(rng, len(x), 0.3)
        if abs(at - start) > length + 0.3 * RATE and at + length < len(x) - CROSSFADE:
            break
    if rng.random() < 0.5:
        call.samples = join(x[:at], part, x[at + length :])
    else:
        call.samples = join(x[:at], part, x[at:])
        start += length * (start > at)
    call.hum = None
    return {"at_s": at / RATE, "other_s": start / RATE, "length_s": length / RATE}


def hum_jump(call: Call, rng: np.random.Generator) -> dict:
    """Hum of 20 dB, and a removed part that turns the phase of its fundamental by 30 to 180 degrees."""
    band = (300, 3400) if call.notes.get("band") else (0, 8000)
    add_hum(call, 20.0, rng, band)
    x = call.mixed()
    degrees = rng.uniform(30, 180)
    sign = rng.choice([-1, 1])
    period = RATE / call.hum.mains_hz
    removed = int((rng.integers(3, 40) + sign * degrees / 360) * period)
    at = place(rng, len(x) - removed, 2.0)
    call.samples, call.hum = join(x[:at], x[at + removed - CROSSFADE :]), None
    return {"at_s": at / RATE, "degrees": degrees}


def level_step(call: Call, rng: np.random.Generator) -> dict:
    """A gain of 3 to 12 dB up or down, within 5 ms, to the end or for 2 s or more."""
    x = call.mixed()
    at = place(rng, len(x), 2.0)
    gain_db = rng.uniform(3, 12) * rng.choice([-1, 1])
    ramp = np.clip((np.arange(len(x)) - at) / (0.005 * RATE), 0, 1)
    if rng.random() < 0.4 and len(x) - at > 4 * RATE:
        end = int(rng.integers(at + 2 * RATE, len(x) - RATE))
        ramp = np.minimum(ramp, np.clip((end - np.arange(len(x))) / (0.005 * RATE), 0, 1))
    y = x * 10 ** (gain_db * ramp / 20)
    call.samples, call.hum = y * min(1, 0.95 / np.abs(y).max()), None
    return {"at_s": at / RATE, "gain_db": gain_db}


def silence(call: Call, rng: np.random.Generator) -> dict:
    """50 to 1000 ms set to zero."""
    x = call.mixed()
    at, length = place(rng, len(x) - RATE), int(rng.uniform(0.05, 1.0) * RATE)
    x = x.copy()
    x[at : at + length] = 0
    call.samples, call.hum = x, None
    return {"at_s": at / RATE, "length_s": length / RATE}


def removed(call: Call, rng: np.random.Generator) -> dict:
    """50 to 1000 ms cut out."""
    x = call.mixed()
    length = int(rng.uniform(0.05, 1.0) * RATE)
    at = place(rng, len(x) - length)
    call.samples, call.hum = join(x[:at], x[at + length :]), None
    return {"at_s": at / RATE, "length_s": length / RATE}


def inserted(call: Call, other: Call, rng: np.random.Generator) -> dict:
    """50 to 1000 ms of another call put in, at the same speech level."""
    x, y = call.mixed(), other.mixed()
    length = int(rng.uniform(0.05, 1.0) * RATE)
    start = int(rng.integers(0, len(y) - length))
    at = place(rng, len(x))
    call.samples, call.hum = join(x[:at], y[start : start + length], x[at:]), None
    return {"at_s": at / RATE, "length_s": length / RATE}
