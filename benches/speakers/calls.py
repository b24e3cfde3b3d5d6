"""Makes calls with known turns: WAV (16 bit, mono, 8 kHz), RTTM, and calls.json. Same seed, same calls.

    .venv-speakers/bin/python benches/speakers/calls.py OUT [--data DIR] [--prompts DIR] [--seed N]

README.md beside this file describes the groups.
"""

import argparse
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from itertools import combinations, cycle
from pathlib import Path

import numpy as np

import audio
import rttm
from audio import RATE
from sources import DIALOGUES, Part, Speaker, Utterance, all_speakers, find_fragments, may_share_a_call, utterances

ROOT = Path(__file__).resolve().parents[2]
SHORTEST_CALL_S = 20
# A pause of one speaker that is longer separates two turns of the reference.
REFERENCE_PAUSE_S = 0.3
SNRS = [None, 30, 20, 10]
CODECS = ["none", *audio.CODECS]
# The level of the noise in calls without added noise, in dBFS.
QUIET_DBFS = -66


@dataclass
class Plan:
    """What a call is made of."""

    name: str
    group: str
    split: str
    speakers: list[Speaker]
    overlap: float = 0.0
    seconds: float = 40.0
    codec: str = "none"
    snr: int | None = None
    color: str = "white"
    far: int | None = None
    far_codec: str = ""


@dataclass
class Placed:
    """A turn of a call; `at` is the sample at which its audio starts."""

    speaker: int
    utterance: Utterance
    at: int = 0

    @property
    def start(self) -> int:
        return self.at + self.utterance.start

    @property
    def end(self) -> int:
        return self.at + self.utterance.end


@dataclass
class Call:
    audio: np.ndarray
    turns: list[rttm.Turn]
    sources: dict[str, list[str]] = field(default_factory=dict)
    levels_db: dict[str, float] = field(default_factory=dict)


# Turns


def digit_turns(speaker: Speaker, random: np.random.Generator, count: int) -> list[Utterance]:
    """Turns of 1 to 4 digits, mostly shorter than 1 s."""
    digits, made, at = utterances(speaker, random), [], 0
    order = random.permutation(len(digits))
    for _ in range(count):
        parts: list[np.ndarray] = []
        speech: list[tuple[int, int]] = []
        length = 0
        for _ in range(int(random.integers(1, 5))):
            digit = digits[order[at % len(order)]]
            if parts and (length + len(digit.audio)) / RATE > 1.1:
                break
            at += 1
            speech += [(length + a, length + b) for a, b in digit.speech]
            parts += [digit.audio, np.zeros(int(random.uniform(0.02, 0.1) * RATE))]
            length += len(parts[-1]) + len(parts[-2])
        made.append(Utterance(np.concatenate(parts), speech, f"{speaker.name} digits"))
    return made


def material(plan: Plan, random: np.random.Generator) -> list[list[Utterance]]:
    """Turns of each speaker. Material is used again, with other turns, only in calls that would be shorter than 20 s."""
    if plan.group == "short":
        return [digit_turns(speaker, random, int(random.integers(14, 22))) for speaker in plan.speakers]
    shares = random.dirichlet(np.full(len(plan.speakers), 6.0))
    available = [utterances(speaker, random) for speaker in plan.speakers]
    chosen = []
    for share, turns in zip(shares, available):
        taken: list[Utterance] = []
        while turns and (not taken or seconds(taken) < share * plan.seconds):
            taken.append(turns.pop(0))
        chosen.append(taken)
    if sum(map(seconds, chosen)) < SHORTEST_CALL_S:
        for taken, left, speaker in zip(chosen, available, plan.speakers):
            wanted = SHORTEST_CALL_S / len(plan.speakers)
            again = utterances(speaker, random)
            while left and seconds(taken) < wanted:
                taken.append(left.pop(0))
            while again and seconds(taken) < wanted:
                taken.append(again.pop(0))
            if len(taken) == 1:
                taken += utterances(speaker, random)[:1]
    return chosen


def seconds(turns: list[Utterance]) -> float:
    return sum((turn.end - turn.start) / RATE for turn in turns)


def order(turns: list[list[Utterance]], random: np.random.Generator) -> list[Placed]:
    """An order in which the same speaker continues with a probability of 15 %, or if no other has turns left."""
    left, made = [list(own) for own in turns], []
    last = None
    while any(left):
        weights = np.array([len(own) for own in left], float)
        if last is not None and weights.sum() > weights[last] and not (weights[last] and random.random() < 0.15):
            weights[last] = 0
        last = int(random.choice(len(left), p=weights / weights.sum()))
        made.append(Placed(last, left[last].pop(0)))
    return made


def gap_s(random: np.random.Generator) -> float:
    """A third of the changes has no gap; the median is 0.2 s, the longest gap 1.5 s."""
    return 0.0 if random.random() < 1 / 3 else float(min(1.5, 0.343 * np.exp(random.normal(0, 0.8))))


def place(turns: list[Placed], overlaps: np.ndarray, gaps: list[float]) -> None:
    """Places each turn after the one before it, by a gap or an overlap. At most two speakers speak at once."""
    latest = {turn.speaker: 0 for turn in turns}
    ends = [int(0.4 * RATE)]
    for index, turn in enumerate(turns):
        before = turns[index - 1] if index else None
        start = max(ends) + (round(gaps[index] * RATE) if index else 0)
        if before and before.speaker != turn.speaker and overlaps[index] > 0:
            longest = 0.8 * min(before.end - before.start, turn.utterance.end - turn.utterance.start)
            start = before.end - round(min(overlaps[index] * RATE, longest))
            others = [placed.end for placed in turns[: index - 1]]
            # Neither a third voice nor the speaker's own last turn may continue.
            start = max([start, *others, latest[turn.speaker] + round(0.05 * RATE)])
        turn.at = max(0, start - turn.utterance.start)
        latest[turn.speaker] = turn.end
        ends.append(turn.end)


def reference(plan: Plan, turns: list[Placed]) -> list[rttm.Turn]:
    """Turns of the reference. A pause of up to 0.3 s in which nobody else speaks does not end a turn."""
    spans = sorted(
        (turn.at + a, turn.at + b, turn.speaker) for turn in turns for a, b in turn.utterance.speech
    )  # fmt: skip
    joined: list[list[int]] = []
    for start, end, speaker in spans:
        own = next((span for span in reversed(joined) if span[2] == speaker), None)
        if (
            own
            and start - own[1] <= REFERENCE_PAUSE_S * RATE
            and not any(a < start and b > own[1] for a, b, other in spans if other != speaker)
        ):
            own[1] = max(own[1], end)
        else:
            joined.append([start, end, speaker])
    return sorted(rttm.Turn(a / RATE, b / RATE, plan.speakers[speaker].name) for a, b, speaker in joined)


def overlap_share(turns: list[rttm.Turn]) -> float:
    """The share of the speech time in which two speak."""
    edges = sorted([(t.start_s, 1) for t in turns] + [(t.end_s, -1) for t in turns])
    speech = both = active = 0.0
    for (at, change), (following, _) in zip(edges, edges[1:]):
        active += change
        speech += (following - at) * (active >= 1)
        both += (following - at) * (active >= 2)
    return both / speech if speech else 0.0


def place_with_overlap(plan: Plan, turns: list[Placed], random: np.random.Generator) -> None:
    """Scales the overlaps until their share is the wanted one; overlaps at more changes if they do not suffice."""
    gaps, weights, drawn = [gap_s(random) for _ in turns], random.exponential(1, len(turns)), random.random(len(turns))
    if not plan.overlap:
        place(turns, 0 * weights, gaps)
        return
    for share in (0.5, 0.75, 1.0):
        low, high = 0.0, 16.0
        for _ in range(16):
            scale = (low + high) / 2
            place(turns, scale * weights * (drawn < share), gaps)
            found = overlap_share(reference(plan, turns))
            if abs(found - plan.overlap) < 0.005:
                return
            low, high = (scale, high) if found < plan.overlap else (low, scale)


# Sound


def speaker_track(plan: Plan, index: int, turns: list[Placed], count: int, gain_db: float) -> np.ndarray:
    """One speaker's side of the call at a speech level of -20 dBFS plus the gain."""
    track = np.zeros(count)
    for turn in (turn for turn in turns if turn.speaker == index):
        sound = turn.utterance.audio
        # Each source file at the same speech level.
        level = audio.rms(np.concatenate([sound[a:b] for a, b in turn.utterance.speech]))
        track[turn.at : turn.at + len(sound)] += sound * (0.1 / max(level, 1e-4))
    if plan.far == index:
        track = audio.encode_decode(np.clip(audio.telephone_band(track) * 0.9, -1, 1), plan.far_codec) / 0.9
    return track * 10 ** (gain_db / 20)


def make(plan: Plan, random: np.random.Generator) -> Call:
    turns = order(material(plan, random), random)
    place_with_overlap(plan, turns, random)
    count = max(turn.at + len(turn.utterance.audio) for turn in turns) + round(random.uniform(0.3, 0.8) * RATE)
    gains = [-float(random.uniform(0, 12)) for _ in plan.speakers]
    mixed = sum(speaker_track(plan, index, turns, count, gain) for index, gain in enumerate(gains))
    spoken = np.concatenate([mixed[t.at + a : t.at + b] for t in turns for a, b in t.utterance.speech])
    level = 10 ** (QUIET_DBFS / 20) if plan.snr is None else audio.rms(spoken) * 10 ** (-plan.snr / 20)
    mixed = mixed + level * audio.noise(random, count, "pink" if plan.snr is None else plan.color)
    mixed *= min(1.0, 0.95 / np.abs(mixed).max())
    used: dict[str, list[str]] = {speaker.name: [] for speaker in plan.speakers}
    for turn in turns:
        used[plan.speakers[turn.speaker].name].append(turn.utterance.source)
    return Call(
        audio.encode_decode(mixed, plan.codec), reference(plan, turns),
        {name: sorted(set(files)) for name, files in used.items()},
        {speaker.name: round(gain, 1) for speaker, gain in zip(plan.speakers, gains)},
    )  # fmt: skip


# Which calls


def pairs(speakers: list[Speaker], random: np.random.Generator) -> dict[str, list[tuple[Speaker, ...]]]:
    """Pairs by languages, with enough speech, in random order. Long material comes first only by chance."""
    usable = [speaker for speaker in speakers if not speaker.digits and speaker.seconds >= 3]
    found: dict[str, list[tuple[Speaker, ...]]] = {"ko": [], "other": [], "mixed": []}
    for one, other in combinations(usable, 2):
        if may_share_a_call(one, other) and one.seconds + other.seconds >= 8:
            korean = {one.language == "ko", other.language == "ko"}
            found["mixed" if len(korean) == 2 else "ko" if korean == {True} else "other"].append((one, other))
    for kind in found:
        found[kind] = [found[kind][i] for i in random.permutation(len(found[kind]))]
    return found


def teams(speakers: list[Speaker], size: int, count: int, random: np.random.Generator) -> list[list[Speaker]]:
    """Groups of speakers who certainly are different persons; half of them of one language if there are enough."""
    usable = [speaker for speaker in speakers if not speaker.digits and speaker.seconds >= 4]
    made: list[list[Speaker]] = []
    while len(made) < count:
        korean = [speaker for speaker in usable if speaker.language == "ko"]
        others = [speaker for speaker in usable if speaker.language != "ko"]
        pool = [usable, korean, others][len(made) % 3]
        team: list[Speaker] = []
        for index in random.permutation(len(pool)):
            if len(team) < size and all(may_share_a_call(pool[index], member) for member in team):
                team.append(pool[index])
        if len(team) < size:
            for index in random.permutation(len(usable)):
                if len(team) < size and all(may_share_a_call(usable[index], member) for member in team):
                    team.append(usable[index])
        made.append(team)
    return made


# Overlap in percent: calls of two speakers in Korean, in other languages, and mixed.
TWO = {
    "dev": {0: (11, 10, 3), 10: (9, 8, 3), 20: (9, 8, 3)},
    "test": {0: (27, 26, 7), 10: (13, 13, 4), 20: (13, 13, 4)},
}
OTHERS = {
    "dev": {"short": 6, "one": 10, "three": 10, "five": 10},
    "test": {"short": 10, "one": 15, "three": 15, "five": 15},
}
SIZES = {"short": 2, "one": 1, "three": 3, "five": 5}


def speakers_of(group: str, count: int, speakers: list[Speaker], random: np.random.Generator) -> list[list[Speaker]]:
    if group == "short":
        digits = [speaker for speaker in speakers if speaker.digits]
        return [[digits[i] for i in random.permutation(2)] for _ in range(count)]
    if group == "one":
        ranked = sorted((s for s in speakers if s.seconds >= 8 and not s.digits), key=lambda s: s.language == "ko")
        digits = [speaker for speaker in speakers if speaker.digits]
        return [[speaker] for speaker in [*ranked, *digits, *ranked][:count]]
    return teams(speakers, SIZES[group], count, random)


def plans(speakers: list[Speaker], split: str, random: np.random.Generator) -> list[Plan]:
    own, made = [speaker for speaker in speakers if speaker.split == split], []
    for overlap, counts in TWO[split].items():
        by_kind = pairs(own, random)
        for kind, count in zip(("ko", "other", "mixed"), counts):
            for number, pair in zip(range(count), cycle(by_kind[kind])):
                longest = 70 if kind == "other" else 45
                name = f"{split}-two{overlap:02}-{kind}-{number:02}"
                plan = Plan(name, "two", split, list(pair), overlap / 100, float(random.uniform(22, longest)))
                made.append(plan)
    for group, count in OTHERS[split].items():
        for number, team in enumerate(speakers_of(group, count, own, random)):
            wanted = float(random.uniform(25, 50)) + 14 * (len(team) - 1)
            made.append(Plan(f"{split}-{group}-{number:02}", group, split, team, 0.0, wanted))
    conditions(made, random)
    return made


def conditions(made: list[Plan], random: np.random.Generator) -> None:
    """Codecs, noise and the far side, in equal shares of each group and overlap."""
    kinds: dict[tuple[str, float], list[Plan]] = {}
    for plan in made:
        kinds.setdefault((plan.group, plan.overlap), []).append(plan)
    for members in kinds.values():
        for name, values in (("codec", CODECS), ("snr", SNRS), ("color", ["white", "pink"]), ("far", [True, False])):
            drawn = [value for value, _ in zip(cycle(values), members)]
            for plan, index in zip(members, random.permutation(len(members))):
                setattr(plan, name, drawn[index])
        for plan in members:
            plan.far = int(random.integers(len(plan.speakers))) if plan.far else None
            plan.far_codec = str(random.choice(audio.NETWORK)) if plan.far is not None else ""


def languages(speakers: list[Speaker]) -> str:
    return "+".join(sorted({speaker.language for speaker in speakers}))


def write_made(plan: Plan, seed: int, out: Path) -> dict:
    random = np.random.default_rng([seed, *plan.name.encode()])
    call = make(plan, random)
    folder = out / plan.split
    audio.save(folder / f"{plan.name}.wav", call.audio)
    rttm.write(folder / f"{plan.name}.rttm", plan.name, call.turns)
    return {
        "name": plan.name, "split": plan.split, "group": plan.group, "overlap_target_percent": round(100 * plan.overlap),
        "seconds": round(len(call.audio) / RATE, 3), "speakers": len(plan.speakers),
        "speaker_names": [speaker.name for speaker in plan.speakers], "languages": languages(plan.speakers),
        "overlap_percent": round(100 * overlap_share(call.turns), 1), "codec": plan.codec, "snr_db": plan.snr,
        "noise": None if plan.snr is None else plan.color,
        "far": None if plan.far is None else {"speaker": plan.speakers[plan.far].name, "codec": plan.far_codec},
        "levels_db": call.levels_db, "sources": call.sources,
    }  # fmt: skip


# Recordings that are annotated: split, name, table of turns. No goal is set on them.
ANNOTATED = [
    ("test", "sample", "sample.rttm"), ("test", "dev00", "debug.development.rttm"),
    ("dev", "trn01", "debug.train.rttm"), ("dev", "trn02", "debug.train.rttm"), ("dev", "trn03", "debug.train.rttm"),
]  # fmt: skip


def dialogue_turns(path: Path, speakers: dict[str, list[tuple[float, float]]]) -> list[rttm.Turn]:
    """Turns with edges by level, within hand-made bounds."""
    found = []
    for name, times in speakers.items():
        for part in (Part(path, start, end) for start, end in times):
            spans: list[list[float]] = []
            for fragment in find_fragments(part):
                start, end = part.start_s + fragment.start / RATE, part.start_s + fragment.end / RATE
                if spans and start - spans[-1][1] <= REFERENCE_PAUSE_S:
                    spans[-1][1] = end
                else:
                    spans.append([start, end])
            found += [rttm.Turn(start, end, name) for start, end in spans]
    return sorted(found)


def write_annotated(data: Path, out: Path) -> list[dict]:
    """The annotated recordings as they are, at 8 kHz."""
    found = [
        (split, f"diar/{recording}.wav", rttm.read_recording(data / "diar" / table, recording))
        for split, recording, table in ANNOTATED
    ]
    found += [("test", path, dialogue_turns(data / path, speakers)) for path, speakers in DIALOGUES.items()]
    made = []
    for split, path, turns in found:
        name, sound = f"{split}-ami-{Path(path).stem}", audio.load(data / path)
        names = sorted({turn.speaker for turn in turns})
        audio.save(out / split / f"{name}.wav", sound)
        rttm.write(out / split / f"{name}.rttm", name, turns)
        made.append({
            "name": name, "split": split, "group": "ami", "overlap_target_percent": None,
            "seconds": round(len(sound) / RATE, 3), "speakers": len(names), "speaker_names": names, "languages": "en",
            "overlap_percent": round(100 * overlap_share(turns), 1), "codec": "none", "snr_db": None, "noise": None,
            "far": None, "levels_db": {}, "sources": {"*": [path]},
        })  # fmt: skip
    return made


PACKAGES = [f"asterisk-core-sounds-{language}-wav" for language in ("en", "fr", "it", "ru")]
PACKAGES += ["asterisk-prompt-es-co", "asterisk-prompt-fr-armelle", "asterisk-prompt-it-menardi-wav"]


def download_prompts(folder: Path) -> None:
    """Debian's packages with telephone prompts, extracted below the folder."""
    folder.mkdir(parents=True)
    subprocess.run(["apt-get", "download", *PACKAGES], check=True, cwd=folder, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument(
        "--prompts", type=Path, help="folder with the extracted packages; default: downloads into OUT/prompts"
    )
    parser.add_argument("--seed", type=int, default=20261129)
    chosen = parser.parse_args()
    prompts = chosen.prompts or chosen.out / "prompts"
    if not prompts.exists():
        download_prompts(prompts)
    speakers = all_speakers(chosen.data, prompts)
    index = []
    for split in ("dev", "test"):
        shutil.rmtree(chosen.out / split, ignore_errors=True)
        (chosen.out / split).mkdir(parents=True)
        made = plans(speakers, split, np.random.default_rng([chosen.seed, *split.encode()]))
        index += [write_made(plan, chosen.seed, chosen.out) for plan in made]
    index += write_annotated(chosen.data, chosen.out)
    (chosen.out / "calls.json").write_text(json.dumps(index, ensure_ascii=False, indent=1))
    print(f"{len(index)} calls, {sum(call['seconds'] for call in index) / 60:.0f} minutes, in {chosen.out}")


if __name__ == "__main__":
    main()
