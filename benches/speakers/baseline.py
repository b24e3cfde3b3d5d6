"""The baseline: Resemblyzer's embeddings of sliding windows, and spectral clustering after Wang et al. 2018.

Q. Wang et al., "Speaker diarization with LSTM", ICASSP 2018: windows of speech are embedded by an LSTM, the affinity
matrix is refined, and the largest ratio of neighboring eigenvalues gives the number of speakers. The clustering is
spectralcluster, by the first author of the paper; Resemblyzer is an implementation of its encoder.
"""

import hashlib
import os
import time
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

import audio
from rttm import Turn

Span = tuple[float, float]

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "earwitness" / "speakers"
ENCODER_RATE = 16000
WINDOW_S = 1.6
MOST_SPEAKERS = 8


@dataclass(frozen=True)
class Settings:
    """The defaults are those with the smallest error on the calls of `dev` (see tune.py)."""

    # Windows per second.
    rate: int = 8
    # Windows over the speech alone, joined, as after Resemblyzer's own trimming; else over the whole recording.
    joined: bool = True
    sigma: float = 2.0
    percentile: float = 0.88

    def embedding_key(self) -> str:
        return f"Resemblyzer 0.1.4, rate {self.rate}, joined {self.joined}"


@cache
def encoder():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from resemblyzer import VoiceEncoder

    torch.set_num_threads(1)
    return VoiceEncoder("cpu", verbose=False)


def prepare(path: Path, spans: list[Span]) -> np.ndarray:
    """16 kHz with Resemblyzer's volume normalization, by the speech."""
    from resemblyzer.audio import normalize_volume
    from resemblyzer.hparams import audio_norm_target_dBFS

    samples = resample_poly(audio.load(path), ENCODER_RATE, audio.RATE)
    speech = np.concatenate([samples[round(a * ENCODER_RATE) : round(b * ENCODER_RATE)] for a, b in spans])
    gain = normalize_volume(speech, audio_norm_target_dBFS, increase_only=True)
    return (samples * (audio.rms(gain) / audio.rms(speech))).astype(np.float32)


def embed_windows(samples: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The embedding of each window and the time of its middle, in seconds."""
    import torch
    from resemblyzer.audio import wav_to_mel_spectrogram

    model = encoder()
    waves, slices = model.compute_partial_slices(len(samples), rate, 0.75)
    mel = wav_to_mel_spectrogram(np.pad(samples, (0, max(0, waves[-1].stop - len(samples)))))
    found = []
    with torch.no_grad():
        for at in range(0, len(slices), 128):
            batch = np.array([mel[part] for part in slices[at : at + 128]])
            found.append(model(torch.from_numpy(batch)).numpy())
    return np.concatenate(found), np.array([(wave.start + wave.stop) / 2 / ENCODER_RATE for wave in waves])


def to_joined(spans: list[Span]) -> list[float]:
    """Where each span starts when the spans are joined."""
    return [0.0, *np.cumsum([end - start for start, end in spans])[:-1]]


def embed(path: Path, spans: list[Span], settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and their times: in the recording, or in the joined speech."""
    samples = prepare(path, spans)
    if settings.joined:
        parts = [samples[round(a * ENCODER_RATE) : round(b * ENCODER_RATE)] for a, b in spans]
        return embed_windows(np.concatenate(parts), settings.rate)
    embeddings, times = embed_windows(samples, settings.rate)
    inside = np.array([any(a <= at <= b for a, b in spans) for at in times])
    return (embeddings[inside], times[inside]) if inside.any() else (embeddings, times)


def cached_embed(path: Path, spans: list[Span], settings: Settings) -> tuple[np.ndarray, np.ndarray, float]:
    """The embeddings, their times and the seconds of one CPU core that they took when they were computed."""
    key = hashlib.sha256(f"{settings.embedding_key()}\n{spans}\n".encode() + path.read_bytes()).hexdigest()[:32]
    stored = FOLDER / f"{key}.npz"
    if not stored.exists():
        encoder()
        start = time.process_time()
        embeddings, times = embed(path, spans, settings)
        seconds = time.process_time() - start
        stored.parent.mkdir(parents=True, exist_ok=True)
        partial = stored.with_name(f"{key}.{os.getpid()}.npz")
        np.savez(partial, embeddings=embeddings, times=times, seconds=seconds)
        partial.rename(stored)
    with np.load(stored) as found:
        return found["embeddings"], found["times"], float(found["seconds"])


def cluster(embeddings: np.ndarray, count: int | None, settings: Settings) -> np.ndarray:
    """A label for each embedding; the number of speakers by the eigengap if it is not given."""
    from spectralcluster import RefinementOptions, SpectralClusterer, ThresholdType
    from spectralcluster.configs import ICASSP2018_REFINEMENT_SEQUENCE
    from threadpoolctl import threadpool_limits

    if len(embeddings) < 2 or count == 1:
        return np.zeros(len(embeddings), int)
    options = RefinementOptions(
        gaussian_blur_sigma=settings.sigma, p_percentile=settings.percentile, thresholding_soft_multiplier=0.01,
        thresholding_type=ThresholdType.RowMax, refinement_sequence=ICASSP2018_REFINEMENT_SEQUENCE,
    )  # fmt: skip
    most = min(MOST_SPEAKERS, len(embeddings) - 1)
    clusterer = SpectralClusterer(
        min_clusters=min(count or 1, len(embeddings)), max_clusters=count or most, refinement_options=options,
        custom_dist="cosine",
    )  # fmt: skip
    # Several threads only wait for each other on matrices of this size.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return np.asarray(clusterer.predict(embeddings.astype(np.float64)))


def turns(labels: np.ndarray, times: np.ndarray, spans: list[Span], joined: bool) -> list[Turn]:
    """Each point of the speech gets the label of the nearest window."""
    edges = [*((times[:-1] + times[1:]) / 2), np.inf]
    offsets = to_joined(spans) if joined else [start for start, _ in spans]
    found: list[Turn] = []
    for (start, end), offset in zip(spans, offsets):
        at, last = offset, offset + end - start
        while at < last - 1e-9:
            index = int(np.searchsorted(edges, at, side="right"))
            until = min(last, edges[index])
            turn = Turn(start + at - offset, start + until - offset, f"B{labels[index] + 1}")
            if found and found[-1].speaker == turn.speaker and abs(found[-1].end_s - turn.start_s) < 1e-6:
                found[-1] = found[-1]._replace(end_s=turn.end_s)
            else:
                found.append(turn)
            at = until
    return found


def diarize(path: Path, spans: list[Span], count: int | None, settings: Settings) -> tuple[list[Turn], float]:
    """Turns, and the CPU seconds for embeddings and clustering. `count` is the number of speakers, if it is known."""
    spans = [(start, end) for start, end in spans if end > start]
    if not spans:
        return [], 0.0
    embeddings, times, seconds = cached_embed(path, spans, settings)
    start = time.process_time()
    labels = cluster(embeddings, count, settings)
    return turns(labels, times, spans, settings.joined), seconds + time.process_time() - start
