"""Equal error rate of Resemblyzer's embeddings for "the same voice in another call", at 8 kHz.

    .venv-speakers/bin/python benches/speakers/eer.py --prompts CALLS/prompts

Each voice's recordings are cut into sides of a few seconds of speech, which share no speech. Each side gets a level, noise
and a codec of its own, as in another call. Pairs are two sides of one voice, or of two voices.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

import audio
import baseline
from calls import ROOT, SNRS
from sources import Fragment, Speaker, all_speakers, utterance

LENGTHS_S = [3.0, 6.0, 12.0]
MOST_SIDES = 6
ROUNDS = 1000


@dataclass
class Side:
    speaker: Speaker
    fragments: list[Fragment]

    def speech(self) -> np.ndarray:
        cut = [utterance([fragment]) for fragment in self.fragments]
        return np.concatenate([one.audio[one.start : one.end] for one in cut])


def sides(speaker: Speaker, seconds: float) -> list[Side]:
    """Sides of at least this much speech, at most six, from all of the material."""
    found, group = [], []
    for fragment in speaker.fragments:
        group.append(fragment)
        if sum(one.seconds for one in group) >= seconds:
            found.append(Side(speaker, group))
            group = []
    step = max(1, len(found) // MOST_SIDES)
    return found[::step][:MOST_SIDES]


def plain(speech: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return speech * (0.1 / audio.rms(speech))


def telephone(speech: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Telephone band, a level of 0 to -12 dB, noise and a codec."""
    sound = audio.telephone_band(plain(speech, random)) * 10 ** (-random.uniform(0, 12) / 20)
    snr = SNRS[random.integers(len(SNRS))]
    if snr is not None:
        sound = sound + audio.rms(sound) * 10 ** (-snr / 20) * audio.noise(
            random, len(sound), ["white", "pink"][random.integers(2)]
        )
    return audio.encode_decode(np.clip(sound, -1, 1), [*audio.CODECS, "none"][random.integers(len(audio.CODECS) + 1)])


def embedding(sound: np.ndarray) -> np.ndarray:
    from resemblyzer.audio import normalize_volume
    from scipy.signal import resample_poly

    samples = normalize_volume(resample_poly(sound, 2, 1).astype(np.float32), -30, increase_only=True)
    return baseline.encoder().embed_utterance(samples)


def equal_error_rate(
    same: np.ndarray, other: np.ndarray, same_weight: np.ndarray, other_weight: np.ndarray
) -> tuple[float, float]:
    """Where the share of rejected pairs of one voice equals that of accepted pairs of two: the share, and the cosine."""
    scores = np.concatenate([same, other])
    order = np.argsort(scores)
    rejected = np.cumsum(np.concatenate([same_weight, 0 * other_weight])[order]) / same_weight.sum()
    accepted = 1 - np.cumsum(np.concatenate([0 * same_weight, other_weight])[order]) / other_weight.sum()
    at = int(np.argmin(np.abs(rejected - accepted)))
    return float((rejected[at] + accepted[at]) / 2), float(scores[order][at])


def measure(found: list[Side], change: Callable, seed: int) -> dict:
    """The rate, and 95 % when speakers are drawn with replacement."""
    embeddings = [embedding(change(side.speech(), np.random.default_rng([seed, i]))) for i, side in enumerate(found)]
    names = sorted({side.speaker.name for side in found})
    index = [names.index(side.speaker.name) for side in found]
    pairs = [
        (index[a], index[b], float(embeddings[a] @ embeddings[b])) for a, b in combinations(range(len(found)), 2)
        if index[a] == index[b] or not found[a].speaker.kin or found[a].speaker.kin != found[b].speaker.kin
    ]  # fmt: skip
    one, other, scores = (np.array(column) for column in zip(*pairs))
    alike = one == other

    def rate(counts: np.ndarray) -> tuple[float, float]:
        weights = np.where(alike, counts[one], counts[one] * counts[other]).astype(float)
        return equal_error_rate(scores[alike], scores[~alike], weights[alike], weights[~alike])

    random = np.random.default_rng(seed)
    drawn = [np.bincount(random.integers(0, len(names), len(names)), minlength=len(names)) for _ in range(ROUNDS)]
    rates = [rate(counts)[0] for counts in drawn if (counts > 0).sum() > 1]
    low, high = np.percentile(rates, [2.5, 97.5])
    eer, threshold = rate(np.ones(len(names)))
    return {
        "voices": len(names), "sides": len(found), "same": int(alike.sum()), "other": int((~alike).sum()),
        "eer": eer, "threshold": threshold, "low": low, "high": high, "median_same": float(np.median(scores[alike])),
        "median_other": float(np.median(scores[~alike])),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--prompts", type=Path, required=True, help="folder with the extracted Debian packages")
    parser.add_argument("--seed", type=int, default=20261129)
    chosen = parser.parse_args()
    speakers = [one for one in all_speakers(chosen.data, chosen.prompts) if not one.digits and one.language != "ko"]
    print(
        "| voices | sound | speech per side | voices | sides | pairs of one voice | pairs of two | EER % (95 %) | at cosine | median cosine |"
    )
    print("|---" * 10 + "|")
    for title, kept in (("English", [s for s in speakers if s.language == "en"]), ("all but Korean", speakers)):
        for name, change in (("8 kHz", plain), ("telephone", telephone)):
            for seconds in LENGTHS_S:
                several = [side for one in kept if len(own := sides(one, seconds)) > 1 for side in own]
                found = measure(several, change, chosen.seed)
                print(
                    f"| {title} | {name} | {seconds:.0f} s | {found['voices']} | {found['sides']} | {found['same']} | "
                    f"{found['other']} | {100 * found['eer']:.1f} ({100 * found['low']:.1f} to {100 * found['high']:.1f}) | "
                    f"{found['threshold']:.2f} | {found['median_same']:.2f}, {found['median_other']:.2f} |", flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    main()
