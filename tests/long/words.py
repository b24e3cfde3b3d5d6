"""Word times of the program on real speech: joined utterances with exact edges, and read English.

    .venv/bin/python tests/long/words.py --earwitness target/release/earwitness --aligners embedded attention

*Joined*: each recording is trimmed to its speech (see `trimmed`) and joined with others at its own level, with gaps of 0.3 to
1.5 s. A gap contains white noise of -66 dBFS ("quiet gaps") or the noise of the two adjacent recordings ("their own
noise"). The start of an utterance's first word and the end of its last one are therefore known to a frame of 10 ms. A word
belongs to the utterance of most of its matched characters; an edge counts if its character was recognized. *Read*:
recognized words, compared with the times of another tool (`.json` beside the wav).

Prints markdown tables; `--json FILE` writes the figures too.
"""

import argparse
import json
import re
import subprocess
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from pairing import pair

ROOT = Path(__file__).parents[2]
RATE = 16000
FRAME = RATE // 100
GAP_S = (0.3, 1.5)
QUIET_DBFS = -66
# Smallest difference between speech and noise in dB; below it the edges of a recording are unclear.
CLEAR_DB = 20
# A frame is active within this many dB of the speech level and this many dB above the noise, for 3 frames of 4.
BELOW_SPEECH_DB = 25
ABOVE_NOISE_DB = 10
# An utterance starts and ends with activity of at least 0.1 s that reaches 10 dB below the speech level. Breath, clicks
# and knocks around it are cut off.
FIRM_FRAMES = 10
FIRM_DB = 10
# Distance in frames between noise samples and any activity, which may fade in and out.
NOISE_FRAMES = 10
# A word counts as covering a gap if it covers more of the gap than this.
OVER_GAP_S = 0.05


def load(path):
    audio, rate = soundfile.read(path, dtype="float64")
    return resample_poly(audio, RATE, rate) if rate != RATE else audio


def levels_db(audio):
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    return 10 * np.log10((frames**2).mean(1) + 1e-9)


def sounding(audio):
    """The active frames of 10 ms, and whether speech and noise are clearly separated.

    The speech level is the 95th percentile of the frames, the noise level the 5th. Three of four frames must be loud, so
    that a click does not count as speech.
    """
    levels = levels_db(audio)
    speech, noise = np.percentile(levels, 95), np.percentile(levels, 5)
    loud = levels > max(speech - BELOW_SPEECH_DB, noise + ABOVE_NOISE_DB)
    return loud & (np.convolve(loud, np.ones(7), "same") >= 4), speech - noise >= CLEAR_DB


def runs(loud):
    """First frame of each run of sound, and the frame after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    return edges.reshape(-1, 2)


def trimmed(audio):
    """The samples from the first firm run of sound to the last, and the noise outside; None where no edge is clear."""
    loud, clear = sounding(audio)
    levels = levels_db(audio)
    speech = np.percentile(levels, 95)
    firm = [(a, b) for a, b in runs(loud) if b - a >= FIRM_FRAMES and levels[a:b].max() >= speech - FIRM_DB]
    if not clear or not firm:
        return None
    start, end = firm[0][0] * FRAME, firm[-1][1] * FRAME
    quiet = np.convolve(loud, np.ones(2 * NOISE_FRAMES + 1), "same") == 0
    outside = np.repeat(quiet, FRAME)
    outside[start:end] = False
    return audio[start:end], audio[: len(outside)][outside]


def phrases(audio, texts, by_length=False):
    """A recording of several sentences, cut in the middle of its longest silences; by length at those of 0.2 s or more
    that are nearest to where the sentences would end if all letters took as long."""
    loud, _ = sounding(audio)
    silences = [(b - a, (a + b) // 2 * FRAME) for a, b in runs(~loud) if a > 0 and b < len(loud)]
    if by_length:
        ends = np.cumsum([len(text) for text in texts])[:-1] / sum(map(len, texts)) * len(audio)
        long = np.array([middle for length, middle in silences if length >= 20])
        cuts = [int(long[np.abs(long - end).argmin()]) for end in ends]
    else:
        cuts = sorted(middle for _, middle in sorted(silences)[-(len(texts) - 1) :])
    return list(zip(np.split(audio, cuts), texts))


def sentences(text):
    return re.findall(r"[^.?!]+[.?!]+", text)


def korean(data):
    lines = (data / "ko/talk/truth.tsv").read_text().splitlines()
    return [(load(data / f"ko/talk/{name}.wav"), text) for name, text in (line.split("\t") for line in lines)]


def english(data):
    said = [(load(path.with_suffix(".wav")), path.read_text()) for path in sorted((data / "en").glob("sense*.txt"))]
    asked = "And so my fellow Americans|ask not|what your country can do for you|ask what you can do for your country"
    said += phrases(load(data / "en/jfk.wav"), asked.split("|"))
    instructions = (data / "en/azure_en.txt").read_text().split("\t")[1]
    said += phrases(load(data / "en/azure_en.wav"), sentences(instructions), by_length=True)
    harvard = json.loads((data / "phone/harvard_8k.json").read_text())[0]["transcription"]
    return said + phrases(load(data / "phone/harvard_8k.wav"), sentences(harvard))


def joined(recordings, rounds, per_file, own_noise, rng):
    """Utterances joined, in another order each round: `(audio, [(text, start_s, end_s)])`."""
    cut = [(part, text) for part, text in ((trimmed(audio), text) for audio, text in recordings) if part]
    for _ in range(rounds):
        order = rng.permutation(len(cut))
        for first in range(0, len(order), per_file):
            parts, truth, at = [], [], 0
            chosen = [cut[index] for index in order[first : first + per_file]]
            noises = [np.zeros(0), *(noise for (_, noise), _ in chosen), np.zeros(0)]
            for place in range(len(chosen) + 1):
                length = int(rng.uniform(*GAP_S) * RATE)
                gap = gap_of(noises[place : place + 2], length, own_noise, rng)
                parts.append(gap)
                at += length
                if place < len(chosen):
                    (speech, _), text = chosen[place]
                    parts.append(speech)
                    truth.append((text, at / RATE, (at + len(speech)) / RATE))
                    at += len(speech)
            yield np.concatenate(parts), truth


def gap_of(noises, length, own_noise, rng):
    """White noise, or half of either recording's noise where it has at least 0.2 s of it."""
    quiet = rng.normal(0, 10 ** (QUIET_DBFS / 20), length)
    if own_noise:
        halves = np.split(quiet, [length // 2])
        for half, noise in zip(halves, noises):
            if len(noise) >= RATE // 5:
                half[:] = np.resize(noise, len(half))
        quiet = np.concatenate(halves)
    return quiet


def characters(text):
    return [c for c in unicodedata.normalize("NFC", text).lower() if c.isalnum()]


def edges(truth, words):
    """Signed errors of the utterances' starts and ends, words over gaps, words in another utterance, matched words."""
    said = [(c, place) for place, (text, *_) in enumerate(truth) for c in characters(text)]
    recognized = [(c, index) for index, word in enumerate(words) for c in characters(word["text"])]
    pairs = pair([c for c, _ in said], [c for c, _ in recognized])[1][::-1]
    votes = [Counter() for _ in words]
    for i, j in pairs:
        votes[recognized[j][1]][said[i][1]] += 1
    lengths = Counter(index for _, index in recognized)
    owner = [
        vote.most_common(1)[0][0] if vote and 2 * vote.total() >= lengths[index] else None for index, vote in enumerate(votes)
    ]
    word_of = {i: recognized[j][1] for i, j in pairs}
    found = {"starts": [], "ends": [], "words": len(words), "matched": 0, "over": 0, "jumped": 0}
    for place, (_, start_s, end_s) in enumerate(truth):
        own = [i for i, (_, of) in enumerate(said) if of == place]
        first, last = word_of.get(own[0]), word_of.get(own[-1])
        if first is not None and owner[first] == place:
            found["starts"].append(words[first]["start_s"] - start_s)
        if last is not None and owner[last] == place:
            found["ends"].append(words[last]["end_s"] - end_s)
    gaps = list(zip([0, *(end for *_, end in truth)], [*(start for _, start, _ in truth), 1e9]))
    for word, place in zip(words, owner):
        over = max(min(word["end_s"], b) - max(word["start_s"], a) for a, b in gaps)
        found["over"] += over > OVER_GAP_S
        middle = (word["start_s"] + word["end_s"]) / 2
        inside = [at for at, (_, a, b) in enumerate(truth) if a <= middle < b]
        found["matched"] += place is not None
        found["jumped"] += place is not None and inside not in ([], [place])
    return found


def read_words(truth, words):
    pairs = pair([word for word, *_ in truth], ["".join(characters(word["text"])) for word in words])[1][::-1]
    starts = [words[j]["start_s"] - truth[i][1] for i, j in pairs]
    ends = [words[j]["end_s"] - truth[i][2] for i, j in pairs]
    return {"starts": starts, "ends": ends, "words": len(words), "matched": len(pairs), "over": 0, "jumped": 0}


def readings(data):
    for path in sorted((data / "en").glob("*.json")):
        if not path.name.endswith(".phone.json"):
            words = [word for word in json.loads(path.read_text())["w"] if "<" not in word["t"]]
            yield load(path.with_suffix(".wav")), [(word["t"].split("(")[0], word["b"], word["b"] + word["d"]) for word in words]


def sets(data, seed, rounds):
    yield "joined Korean, quiet gaps", "ko", edges, list(joined(korean(data), rounds, 8, False, np.random.default_rng(seed)))
    yield "joined Korean, their own noise", "ko", edges, list(joined(korean(data), rounds, 8, True, np.random.default_rng(seed)))
    yield "joined English, quiet gaps", "en", edges, list(joined(english(data), 3 * rounds, 8, False, np.random.default_rng(seed)))
    yield "read English, truth by another tool", "en", read_words, list(readings(data))


def run(options, folder, language, aligner):
    """The words of every recording in the folder."""
    out = folder / f"out-{Path(aligner).name}"
    command = [options.earwitness, "run", folder / "wav", "--out", out, "--store", f"sqlite:{folder}/store.db"]
    command += ["--model", options.model, "--language", language, "--aligner", aligner, "--progress", "none", *options.more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [json.loads((out / f"{path.stem}.json").read_text())["words"] for path in sorted((folder / "wav").glob("*.wav"))]


def summary(parts):
    total = Counter()
    for part in parts:
        total.update({key: part[key] for key in ("words", "matched", "over", "jumped")})
    figures = dict(total)
    for edge in ("starts", "ends"):
        errors = 1000 * np.array([error for part in parts for error in part[edge]])
        p50, p95 = np.percentile(np.abs(errors), [50, 95])
        figures[edge] = {"count": len(errors), "median": p50, "p95": p95, "bias": np.median(errors)}
        figures[edge]["within_100"] = 100 * (np.abs(errors) <= 100).mean()
    return figures


def row(name, figures):
    cells = [name, f"{figures['words']} / {figures['matched']}"]
    for edge in ("starts", "ends"):
        values = figures[edge]
        cells.append(f"{values['median']:.0f}, {values['p95']:.0f} ({values['count']})")
    cells += [f"{figures[edge]['bias']:+.0f}" for edge in ("starts", "ends")]
    cells += [f"{figures[edge]['within_100']:.0f}" for edge in ("starts", "ends")]
    cells += [f"{100 * figures['over'] / figures['words']:.1f}", f"{100 * figures['jumped'] / figures['matched']:.1f}"]
    return "| " + " | ".join(cells) + " |"


HEAD = """
| aligner | words / matched | starts: median, 95 % (n) | ends: median, 95 % (n) | start bias | end bias | starts within 100 ms, % | ends, % | over a gap, % | in another utterance, % |
|---|---|---|---|---|---|---|---|---|---|"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earwitness", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--aligners", nargs="+", default=["embedded", "attention"])
    parser.add_argument("--sets", default="", help="only those whose name contains this")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--work", type=Path, help="keep recordings and results here")
    parser.add_argument("--json", type=Path)
    parser.add_argument("more", nargs="*", help="after --: arguments of `earwitness run`")
    options = parser.parse_args()
    all_figures = {}
    with tempfile.TemporaryDirectory() as tmp:
        work = options.work or Path(tmp)
        for index, (title, language, compare, recordings) in enumerate(sets(options.data, options.seed, options.rounds)):
            if options.sets not in title:
                continue
            folder = work / str(index)
            (folder / "wav").mkdir(parents=True, exist_ok=True)
            for number, (audio, _) in enumerate(recordings):
                soundfile.write(folder / f"wav/r{number:03}.wav", audio, RATE, subtype="PCM_16")
            print(f"\n{title}: {len(recordings)} recordings, {sum(len(a) for a, _ in recordings) / RATE:.0f} s\n{HEAD}")
            for aligner in options.aligners:
                found = run(options, folder, language, aligner)
                figures = summary([compare(truth, words) for (_, truth), words in zip(recordings, found)])
                print(row(aligner, figures), flush=True)
                all_figures[f"{title}, {aligner}"] = figures
    if options.json:
        options.json.write_text(json.dumps(all_figures, indent=1))


if __name__ == "__main__":
    main()
