"""Makes long recordings, untouched and altered, as encoded files, and appends to `calls.jsonl` one line per recording.

    python long.py OUT [--data ../shared/data] [--tuning 52] [--test 52] [--altered 6] [--seed 1]

Each is one channel of a call of 2 to 10 minutes: different utterances, none of them twice,
with pauses between them in which the other party would speak, over one noise without a gap. An altered one has three
alterations at different places: a copied segment, a level step and digital silence.
"""

from pathlib import Path

import numpy as np
import soundfile

import sources
import spoil
from calls import Call, add_hum, leveled, make_bed
from encoders import ENCODINGS, RATE, decode, encode, encode_file, resample, telephone, to_int16
from make import RECORDINGS, make_all, parser

# Shortest and longest; and the longest of those after the first few of each kind, most of which are shorter to save time.
SECONDS = (120, 600)
FEW = 6
SHORTER_S = 240
# Without 44.1 kHz, which takes most of the time and changes the band of 16 kHz the least.
LAST = [name for name, (_, _, rate, _) in ENCODINGS.items() if rate <= RATE]
# Noise of a recording is at least this far below the noise added to all of them, so that their edges leave no trace.
COVERED_DB = 6.0
# Alterations are at least this far apart, in seconds.
APART_S = 6.0
EXTENSIONS = {None: "wav", "amr": "amr", "mp4": "m4a", "mp3": "mp3"}


def main() -> None:
    options = parser(__doc__, tuning=52, test=52)
    options.add_argument("--altered", type=int, default=6)
    arguments = options.parse_args()
    counts = {("untouched", "tuning"): arguments.tuning, ("untouched", "test"): arguments.test}
    counts[("altered", "test")] = arguments.altered
    make_all(arguments, sorted((number, *kind) for kind, count in counts.items() for number in range(count)), make)


def make(out: Path, seed: int, job: tuple[int, str, str]) -> dict:
    number, kind, split = job
    rng = np.random.default_rng([seed, len(kind), len(split), number])
    call = long_call(RECORDINGS[split], seconds_of(number, rng), rng)
    alterations = altered(call, rng) if kind == "altered" else []
    name = LAST[number % len(LAST)]
    container, encoder, rate, bitrate = ENCODINGS[name]
    samples = resample(call.mixed(), RATE, rate)
    path = out / f"{kind}-{split}-{number}.{EXTENSIONS[container]}"
    if container is None:
        soundfile.write(path, to_int16(samples), rate, subtype="PCM_16")
    else:
        path.write_bytes(encode_file(samples, rate, container, encoder, bitrate))
    known = {"path": str(path.resolve()), "kind": kind, "split": split, "rate": rate, "seconds": len(samples) / rate}
    known["noise_below_db"] = noise_below_db(decode(str(path)), rate)
    known |= {"encoding": name, "codec": EXTENSIONS[container].replace("m4a", "aac").replace("wav", "pcm")}
    return known | {"bed": call.bed, "snr_db": call.snr_db} | call.notes | {"alterations": alterations}


def noise_below_db(samples: np.ndarray, rate: int) -> float:
    """Distance of the noise from the speech in the finished recording, which its band changes."""
    noise_db = np.percentile(sources.frame_levels_db(samples, rate // 50), 10)
    return float(sources.speech_level_db(samples) - noise_db)


def seconds_of(number: int, rng: np.random.Generator) -> float:
    """Of the first few recordings a third has the full length, of the others an eighth."""
    share, longest = (1 / 3, SECONDS[1]) if number < FEW else (1 / 8, SHORTER_S)
    seconds = SECONDS[1] if rng.random() < share else rng.uniform(SECONDS[0], longest)
    return seconds if number < FEW else round(seconds)


def long_call(recordings: list[sources.Recording], seconds: float, rng: np.random.Generator) -> Call:
    """One channel of a call. A quarter has hum, two thirds have the telephone band, half of these after AMR."""
    length = int(seconds * RATE)
    parts, snr_db = covered([leveled(recording.samples, rng, 2) for recording in recordings], seconds, rng)
    speech = in_turns(parts, length, rng)
    bed_kind = str(rng.choice(["white", "pink", "room", "room", "real", "real", "real"]))
    bed = make_bed(bed_kind, length, recordings, rng)
    bed *= 10 ** ((sources.speech_level_db(speech) - snr_db) / 20) / np.sqrt(np.mean(bed**2))
    samples = speech + bed
    call = Call(samples * min(1, 0.95 / np.abs(samples).max()), [], bed_kind, snr_db)
    chain = str(rng.choice(["wide", "telephone", "amr"]))
    call.notes["chain"] = chain
    if chain != "wide":
        call.samples = telephone(call.samples)
    if rng.random() < 0.25:
        add_hum(call, float(rng.uniform(10, 30)), rng, (0, 8000) if chain == "wide" else (300, 3400))
        call.hum.wander = wander(seconds, rng)
    if chain == "amr":
        narrow = encode(resample(call.mixed(), RATE, 8_000), 8_000, "amr", "libopencore_amrnb", 12_200)
        call.samples, call.hum = resample(narrow, 8_000, RATE), None
    return call


def covered(parts: list[np.ndarray], seconds: float, rng: np.random.Generator) -> tuple[list[np.ndarray], float]:
    """The parts whose own noise a noise of some speech-to-noise ratio covers, and that ratio: as high as it was drawn, or
    as the parts allow if they shall fill a third of the recording."""
    own_db = np.array([sources.speech_level_db(part) - np.percentile(sources.frame_levels_db(part), 5) for part in parts])
    snr_db = float(rng.uniform(5, 20))
    while True:
        chosen = [part for part, own in zip(parts, own_db) if own > snr_db + COVERED_DB]
        if snr_db < 3 or sum(map(len, chosen)) > seconds * RATE / 3:
            return chosen, snr_db
        snr_db -= 0.5


def in_turns(parts: list[np.ndarray], length: int, rng: np.random.Generator) -> np.ndarray:
    """The parts in random order, each once, in turns of up to 12 s, with pauses that fill what they leave."""
    turns = []
    for at in rng.permutation(len(parts)):
        part = parts[at]
        while len(part) > RATE // 2:
            take = min(len(part), int(rng.uniform(3, 12) * RATE))
            turns.append(part[:take])
            part = part[take:]
    order = rng.permutation(len(turns))
    pause = np.clip(length / RATE - sum(map(len, turns)) / RATE, 0, None) / len(turns)
    speech, at = np.zeros(length), int(rng.uniform(0.3, 2.0) * RATE)
    for turn in order:
        part = turns[turn][: max(0, length - RATE // 2 - at)]
        if len(part) < RATE // 2:
            break
        ramp = np.minimum(np.arange(len(part)), np.arange(len(part))[::-1]) / (0.05 * RATE)
        speech[at : at + len(part)] += part * np.minimum(1, ramp)
        at += len(part) + int((0.2 + rng.exponential(max(pause, 0.5))) * RATE)
    return speech


def wander(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Deviation of the frequency of a power grid, one value per second: some mHz per second, and back to 0 in a minute."""
    values = [rng.uniform(-0.03, 0.03)]
    for step in rng.normal(0, 0.003, int(seconds) + 1):
        values.append(0.98 * values[-1] + step)
    return np.array(values)


def altered(call: Call, rng: np.random.Generator) -> list[dict]:
    """A copied segment, then a level step, then digital silence, which move nothing that was altered before."""
    alterations = [{"kind": "copied"} | spoil.copied(call, rng)]
    for kind, spoiler in (("level_step", spoil.level_step), ("silence", spoil.silence)):
        samples = call.samples
        while True:
            truth = spoiler(call, rng)
            places = [place[key] for place in alterations for key in ("at_s", "other_s") if key in place]
            if all(abs(truth["at_s"] - place) > APART_S for place in places):
                break
            call.samples = samples
        alterations.append({"kind": kind} | truth)
    return alterations


if __name__ == "__main__":
    main()
