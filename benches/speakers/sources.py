"""Speakers and their recordings, cut at pauses into turns with known edges."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

import rttm
from audio import FRAME, RATE, levels_db, load

# A frame is active within this many dB of the speech level (95th percentile) ...
BELOW_SPEECH_DB = 25
# ... and this many above the noise (5th percentile).
ABOVE_NOISE_DB = 10
# Activity that is shorter is ignored unless it touches other activity.
SHORTEST_S = 0.05
# A pause of at least this length separates two fragments.
PAUSE_S = 0.2
# A pause that is longer ends a turn.
LONGEST_PAUSE_S = 1.2
# A turn is cut out with this much of the recording around it, faded in and out.
MARGIN_S = 0.06


@dataclass(frozen=True)
class Part:
    """Part of a recording in which one speaker speaks. To the end if `end_s` is None."""

    path: Path
    start_s: float = 0.0
    end_s: float | None = None


@dataclass
class Speaker:
    """`kin` names speakers who may be the same person: no call has two of one kin."""

    name: str
    language: str
    split: str
    parts: list[Part]
    kin: str = ""
    # Digits are used in the group `short` only.
    digits: bool = False
    fragments: list["Fragment"] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(fragment.seconds for fragment in self.fragments)


@dataclass(frozen=True)
class Fragment:
    """Speech without a pause of 0.2 s or more; samples of a part."""

    part: Part
    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / RATE


@dataclass
class Utterance:
    """One turn: audio with margins, and the speech in it, in samples from the start of the audio."""

    audio: np.ndarray
    speech: list[tuple[int, int]]
    source: str

    @property
    def start(self) -> int:
        return self.speech[0][0]

    @property
    def end(self) -> int:
        return self.speech[-1][1]


@cache
def part_audio(part: Part) -> np.ndarray:
    audio = load(part.path)
    return audio[round(part.start_s * RATE) : None if part.end_s is None else round(part.end_s * RATE)]


def runs(active: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def find_fragments(part: Part) -> list[Fragment]:
    levels = levels_db(part_audio(part))
    if len(levels) < 20:
        return []
    speech, floor = np.percentile(levels, 95), np.percentile(levels, 5)
    # At most 12 dB below the speech level, so that a recording without pauses has speech.
    active = levels > max(speech - BELOW_SPEECH_DB, min(floor + ABOVE_NOISE_DB, speech - 12))
    joined: list[list[int]] = []
    for start, end in runs(active):
        if joined and start - joined[-1][1] < PAUSE_S * 100:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    loud = [(a, b) for a, b in joined if b - a >= SHORTEST_S * 100 and levels[a:b].max() > speech - 12]
    return [Fragment(part, a * FRAME, b * FRAME) for a, b in loud]


def utterance(fragments: list[Fragment]) -> Utterance:
    """The turn that consecutive fragments of a part make, with their pauses."""
    audio, margin = part_audio(fragments[0].part), round(MARGIN_S * RATE)
    start, end = max(0, fragments[0].start - margin), min(len(audio), fragments[-1].end + margin)
    cut, fade = audio[start:end].copy(), np.linspace(0, 1, margin // 2)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    return Utterance(cut, [(p.start - start, p.end - start) for p in fragments], fragments[0].part.path.name)


def utterances(speaker: Speaker, random: np.random.Generator) -> list[Utterance]:
    """All material of a speaker as turns of about 0.8 to 8 s, from a random fragment on."""
    fragments, made, group = speaker.fragments, [], []
    first = int(random.integers(len(fragments)))
    wanted = 0.0
    for fragment in fragments[first:] + fragments[:first]:
        near = group and fragment.part == group[-1].part and 0 <= fragment.start - group[-1].end <= LONGEST_PAUSE_S * RATE
        long = group and (fragment.end - group[0].start) / RATE
        if group and not (near and long <= 8 and (group[-1].end - group[0].start) / RATE < wanted):
            made.append(group)
            group = []
        if not group:
            wanted = float(np.clip(np.exp(random.normal(np.log(2.2), 0.6)), 0.8, 7))
        group.append(fragment)
    made.append(group)
    return [utterance(g) for g in made if (g[-1].end - g[0].start) / RATE >= (0.15 if speaker.digits else 0.6)]


# KaiSpeech and wav numbers of the splits. The wav numbers of one caller are consecutive, so each split has one range.
KAI = {"dev": [5, 15, 19, 27, 37, 39, 41, 65, 67, 69, 97], "test": [3, 7, 9, 11, 23, 31, 33, 49, 53, 55, 75, 85, 99]}
WAV = {"dev": range(1, 54, 2), "test": range(55, 100, 2)}
# Files of one caller: consecutive numbers, similar embeddings of Resemblyzer (mostly at least 0.85).
CALLERS = {
    "dev": [[5, 7, 13], [15, 17, 21, 23], [27, 29, 35, 37], [33, 41, 43], [45, 51, 53], [47, 49]],
    "test": [[55, 61], [67, 69, 71, 73, 77, 81], [85, 89, 91, 93], [97, 99]],
}
# Pairs of KaiSpeech files that may be one person: Resemblyzer's similarity is at least 0.8.
KAI_ALIKE = [{99, 75}, {99, 9}, {75, 9}, {99, 23}, {75, 23}, {65, 37}, {7, 3}, {19, 9}, {11, 7}, {75, 65}, {85, 75}]
KAI_ALIKE += [{41, 15}, {67, 3}, {69, 49}, {69, 5}, {39, 37}, {85, 9}, {55, 1}]
# Who speaks when in two dialogues, bounds in pauses. The order of the speakers is that of Microsoft's documentation of the
# first and of Picovoice's test of the second; Resemblyzer's embeddings agree.
DIALOGUES = {
    "phone/conversation_two_speakers.wav": {
        "katie": [(0.0, 1.4), (3.4, 11.9), (24.2, 26.0)],
        "steve": [(1.5, 3.3), (12.0, 20.8), (20.9, 24.1), (26.1, 29.4)],
    },
    "diar/leopard_two_speakers.wav": {
        "leopard-1": [(1.2, 3.8)], "leopard-2": [(5.8, 11.4)], "leopard-3": [(12.5, 19.7)],
    },
}  # fmt: skip


def alone(turns: list[rttm.Turn], speaker: str, shortest_s: float = 1.0) -> list[tuple[float, float]]:
    """Where only this speaker speaks."""
    found = []
    for turn in (turn for turn in turns if turn.speaker == speaker):
        free = [(turn.start_s, turn.end_s)]
        for other in (other for other in turns if other.speaker != speaker):
            free = [
                (a, b) for start, end in free
                for a, b in ((start, min(end, other.start_s)), (max(start, other.end_s), end)) if b > a
            ]  # fmt: skip
        found += free
    return [(a, b) for a, b in sorted(set(found)) if b - a >= shortest_s]


def annotated(data: Path, recording: str, table: str, speaker: str) -> list[Part]:
    turns = rttm.read_recording(data / "diar" / table, recording)
    return [Part(data / "diar" / f"{recording}.wav", a, b) for a, b in alone(turns, speaker)]


def korean(data: Path, split: str) -> list[Speaker]:
    talk = data / "ko/talk"
    kai = [Speaker(f"kai{n:02}", "ko", split, [Part(talk / f"KaiSpeech_{n:06}.wav")]) for n in KAI[split]]
    several = [n for group in CALLERS[split] for n in group]
    groups = CALLERS[split] + [[n] for n in WAV[split] if n not in several]
    wav = [Speaker(f"wav{g[0]:02}", "ko", split, [Part(talk / f"wav_{n:03}.wav") for n in g], "wav") for g in groups]
    return kai + wav


def test_speakers(data: Path) -> list[Speaker]:
    def whole(name: str, language: str, path: str, kin: str = "") -> Speaker:
        return Speaker(name, language, "test", [Part(data / path)], kin)

    found = [
        whole("sonnets", "en", "formats/mono.16000.wav"), whole("harvard", "en", "phone/harvard_8k.wav"),
        whole("lecture", "en", "vad/test.wav"), whole("azure-en", "en", "en/azure_en.wav", "azure"),
        whole("azure-ko", "ko", "ko/azure_ko.wav"),
    ]  # fmt: skip
    for path, speakers in DIALOGUES.items():
        for name, times in speakers.items():
            parts = [Part(data / path, start, end) for start, end in times]
            # Steve may be the voice of azure-en.
            found.append(Speaker(name, "en", "test", parts, "azure" if name == "steve" else ""))
    for name in ("speaker90", "speaker91"):
        found.append(Speaker(name, "en", "test", annotated(data, "sample", "sample.rttm", name)))
    for name in ("MEE009", "MEE012"):
        found.append(Speaker(name, "en", "test", annotated(data, "dev00", "debug.development.rttm", name)))
    return found + korean(data, "test")


# Prompts of Debian's packages, extracted below one folder: speaker, language, folder of the sounds.
PROMPTS = {
    "allison": ("en", "en_US_f_Allison"), "june": ("fr", "fr_CA_f_June"), "carlo": ("it", "it_IT_m_Carlo"),
    "ivrvoice": ("ru", "ru_RU_f_IvrvoiceRU"), "july": ("es", "es"), "armelle": ("fr", "fr"),
    "menardi": ("it", "it_IT_f_Menardi"),
}  # fmt: skip
NO_SPEECH = ("beep", "tone", "tt-", "silence", "ss-noservice", "music")
LARGE = {".wav": 48000, ".gsm": 5000}


def prompts(folder: Path) -> list[Speaker]:
    """One speaker for each set of prompts; every second file of at least 3 s."""
    found = []
    for name, (language, sounds) in PROMPTS.items():
        paths = sorted(p for p in (folder / "usr/share/asterisk/sounds" / sounds).glob("*.*") if p.suffix in LARGE)
        spoken = [
            p for p in paths if not any(word in p.name for word in NO_SPEECH) and p.stat().st_size > LARGE[p.suffix]
        ]
        if spoken:
            found.append(Speaker(name, language, "dev", [Part(path) for path in spoken[::2]]))
    return found


def dev_speakers(data: Path, prompts_folder: Path) -> list[Speaker]:
    austen = [Part(data / f"en/sense_and_sensibility_01_austen_64kb-{n:04}.wav") for n in (870, 880, 890)]
    found = [
        Speaker("jfk", "en", "dev", [Part(data / "en/jfk.wav")]), Speaker("austen", "en", "dev", austen),
        Speaker("MEO069", "en", "dev", annotated(data, "trn03", "debug.train.rttm", "MÉO069")),
    ]  # fmt: skip
    return found + prompts(prompts_folder) + korean(data, "dev")


def digit_speakers(data: Path) -> list[Speaker]:
    found = []
    for split, names in (("dev", ("george", "jackson")), ("test", ("lucas", "nicolas"))):
        for name in names:
            parts = [Part(path) for path in sorted((data / "fsdd").glob(f"*_{name}_*.wav"))]
            found.append(Speaker(name, "en", split, parts, digits=True))
    return found


def all_speakers(data: Path, prompts_folder: Path) -> list[Speaker]:
    found = test_speakers(data) + dev_speakers(data, prompts_folder) + digit_speakers(data)
    for speaker in found:
        speaker.fragments = [fragment for part in speaker.parts for fragment in find_fragments(part)]
    return [speaker for speaker in found if speaker.fragments]


def may_share_a_call(one: Speaker, other: Speaker) -> bool:
    """False if the two may be the same person."""
    if one.name == other.name or (one.kin and one.kin == other.kin):
        return False
    if one.name.startswith("kai") and other.name.startswith("kai"):
        numbers = {int(one.name[3:]), int(other.name[3:])}
        return numbers not in KAI_ALIKE and max(numbers) - min(numbers) >= 10
    return True
