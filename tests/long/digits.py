"""Digit error rate and word times of the whole pipeline on the speaker that the embedded model was not trained on.

    python tests/long/digits.py --fsdd ../shared/data/fsdd --earwitness target/release/earwitness --calls 60

Joins digits of one speaker into stereo telephone calls (known pauses, exact joints), encodes them as m4a, runs the
executable over the folder and compares. Prints one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from make_calls import encode, say_digits, telephone_band, write_wav, RATE  # noqa: E402

SPOKEN = {"oh": "zero"}


def make_call(fsdd, speaker, folder, name, rng, gap_s):
    """A stereo m4a in which the speaker says one string a channel. Returns the words of each channel."""
    channels, truth = [], []
    for start_s in rng.uniform(0.3, 1.5, 2):
        digits = "".join(str(d) for d in rng.integers(0, 10, rng.integers(4, 12)))
        takes = rng.integers(0, 50, len(digits))
        channel, words = say_digits(fsdd, speaker, digits, takes, rng, start_s, 16.0, gap_s)
        channels.append(telephone_band(channel))
        truth.append(words)
    write_wav(folder / "call.wav", channels, RATE)
    encode(folder / "call.wav", folder / "calls" / f"{name}.m4a", "-c:a", "aac", "-b:a", "48k")
    return truth


def align(said, heard):
    """Edit distance between two lists of words; returns (errors, pairs of indices that match)."""
    cost = np.zeros((len(said) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0, :] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i, a in enumerate(said):
        for j, b in enumerate(heard):
            cost[i + 1, j + 1] = min(cost[i, j] + (a != b), cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    pairs, i, j = [], len(said), len(heard)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            if said[i] == heard[j]:
                pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return cost[-1, -1], pairs


def compare(truth, document):
    """Errors, words said, and the boundary errors in seconds of the words that were heard right."""
    errors, said_words, boundaries_s = 0, 0, []
    for channel, said in enumerate(truth):
        heard = [word for word in document["words"] if word["channel"] == channel]
        texts = [word["text"].strip(".,?!").lower() for word in heard]
        wrong, pairs = align([word["text"] for word in said], [SPOKEN.get(text, text) for text in texts])
        errors, said_words = errors + int(wrong), said_words + len(said)
        for i, j in pairs:
            boundaries_s += [abs(said[i][edge] - heard[j][edge]) for edge in ("start_s", "end_s")]
    return errors, said_words, boundaries_s


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fsdd", type=Path, required=True)
    parser.add_argument("--earwitness", type=Path, required=True)
    parser.add_argument("--speaker", default="george")
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--gap-s", type=float, nargs=2, default=(0.05, 0.45), help="shortest and longest pause")
    parser.add_argument("more", nargs="*", help="behind --: for `earwitness run`")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        (folder / "calls").mkdir()
        names = [f"call-{index:03}" for index in range(options.calls)]
        truths = [make_call(options.fsdd, options.speaker, folder, name, rng, options.gap_s) for name in names]
        run = [options.earwitness, "run", folder / "calls", "--out", folder / "out", "--progress", "none", *options.more]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        results = [compare(t, json.loads((folder / "out" / f"{n}.json").read_text())) for t, n in zip(truths, names)]
    boundaries_s = np.concatenate([result[2] for result in results])
    words = sum(result[1] for result in results)
    print(json.dumps({
        "speaker": options.speaker,
        "digits": words,
        "digit_error_rate": round(sum(result[0] for result in results) / words, 4),
        "boundary_error_median_s": round(float(np.median(boundaries_s)), 4),
        "boundary_error_p95_s": round(float(np.percentile(boundaries_s, 95)), 4),
        "share_within_100_ms": round(float((boundaries_s <= 0.1).mean()), 4),
    }))


if __name__ == "__main__":
    main()
