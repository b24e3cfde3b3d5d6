"""What counts as speech in a clean recording: active frames, trimming, and chunks between silences. Frames last 10 ms."""

from dataclasses import dataclass

import numpy as np

from audio import FRAME, levels_db


@dataclass(frozen=True)
class Rules:
    """Thresholds for activity. `spread` in sets.py varies them, to show how far the truth depends on them."""

    # A frame is active within this many dB of the speech level and this many dB above the noise.
    below_speech_db: float = 25
    above_noise_db: float = 10


RULES = Rules()
# Smallest difference between speech and noise in dB; below it the edges of a recording are unclear.
CLEAR_DB = 20
# An utterance starts and ends with activity of at least 0.1 s that reaches 10 dB below the speech level. Breath, clicks
# and knocks around it are cut off.
FIRM_FRAMES = 10
FIRM_DB = 10
# Activity within this many frames of an utterance belongs to it; if it moves an edge by more than CLEAR_FRAMES, that edge
# is uncertain.
ADJACENT_FRAMES = 30
CLEAR_FRAMES = 3
# Distance in frames between noise samples and any activity, which may fade in and out.
NOISE_FRAMES = 10
# Shortest silence in frames that divides a recording into chunks.
SILENCE_FRAMES = 6


def active(audio: np.ndarray, rules: Rules = RULES) -> tuple[np.ndarray, bool]:
    """The active frames, and whether speech and noise are clearly separated.

    The speech level is the 95th percentile of the frames, the noise level the 5th. Of a frame and its 6 neighbors at
    least 4 must be loud, so that a click does not count as speech.
    """
    levels = levels_db(audio)
    speech, noise = np.percentile(levels, 95), np.percentile(levels, 5)
    loud = levels > max(speech - rules.below_speech_db, noise + rules.above_noise_db)
    return loud & (np.convolve(loud, np.ones(7), "same") >= 4), bool(speech - noise >= CLEAR_DB)


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First frame of each run of true values, and the frame after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


@dataclass(frozen=True)
class Bounds:
    """First frame of an utterance and the frame after its last one, and whether each is certain."""

    start: int
    end: int
    start_clear: bool
    end_clear: bool


def bounds(audio: np.ndarray, rules: Rules = RULES) -> Bounds | None:
    """From the first firm run of speech to the last; None if speech and noise are not clearly separated.

    Activity outside that is at most 0.3 s away may be a weak part of the utterance or a breath. It is included, and the
    edge is then uncertain, unless it moves the edge by 30 ms or less.
    """
    mask, clear = active(audio, rules)
    levels = levels_db(audio)
    speech = np.percentile(levels, 95)
    found = runs(mask)
    firm = [n for n, (a, b) in enumerate(found) if b - a >= FIRM_FRAMES and levels[a:b].max() >= speech - FIRM_DB]
    if not clear or not firm:
        return None
    first, last = firm[0], firm[-1]
    while first > 0 and found[first][0] - found[first - 1][1] <= ADJACENT_FRAMES:
        first -= 1
    while last + 1 < len(found) and found[last + 1][0] - found[last][1] <= ADJACENT_FRAMES:
        last += 1
    start, end = found[first][0], found[last][1]
    moved = found[firm[0]][0] - start, end - found[firm[-1]][1]
    return Bounds(start, end, moved[0] <= CLEAR_FRAMES, moved[1] <= CLEAR_FRAMES)


def noise_of(audio: np.ndarray, start: int, end: int) -> np.ndarray:
    """The samples before and after the frames `start..end` that are at a distance from any activity."""
    mask, _ = active(audio)
    quiet = np.convolve(mask, np.ones(2 * NOISE_FRAMES + 1), "same") == 0
    quiet[start:end] = False
    return audio[: len(quiet) * FRAME][np.repeat(quiet, FRAME)]


def chunks(audio: np.ndarray, found: Bounds, rules: Rules = RULES) -> list[tuple[int, int]]:
    """Frames of the activity within the bounds, divided at silences of at least 60 ms."""
    mask, _ = active(audio, rules)
    inside = mask[found.start : found.end]
    silences = [(a + found.start, b + found.start) for a, b in runs(~inside) if b - a >= SILENCE_FRAMES]
    return list(zip([found.start, *(b for _, b in silences)], [*(a for a, _ in silences), found.end]))
