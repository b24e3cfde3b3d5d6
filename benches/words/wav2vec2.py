"""torchaudio's `forced_align` with a local Wav2Vec2ForCTC, as WhisperX uses it; needs torch, torchaudio, transformers.

The model's characters are aligned with the emissions of each segment; a word's times are those of its first and last
character, at the model's frame rate. Characters that the vocabulary lacks are left out, as WhisperX does without wildcards.
"""

import json
from functools import cached_property
from pathlib import Path
from unicodedata import normalize

import numpy as np

from audio import RATE
from engines import Cached, fragment
from truth import Recording, Word, spoken_words


class Torchaudio(Cached):
    """Not run without a folder of weights (`--wav2vec2 DIR`)."""

    name, given, languages = "torchaudio forced_align, text given", True, ("en", "ko")

    def __init__(self, folder: Path):
        self.folder = folder
        self.vocabulary = json.loads((folder / "vocab.json").read_text())
        names = json.loads((folder / "tokenizer_config.json").read_text()) if (folder / "tokenizer_config.json").exists() else {}
        self.blank = self.vocabulary[names.get("pad_token") or "<pad>"]
        self.delimiter = names.get("word_delimiter_token") or "|"

    def settings(self) -> str:
        weights = next(path for path in sorted(self.folder.glob("*")) if path.suffix in (".safetensors", ".bin"))
        return f"torchaudio forced_align, {self.folder.resolve()}, {weights.stat().st_size}, {weights.stat().st_mtime_ns}"

    @cached_property
    def model(self):
        from transformers import Wav2Vec2ForCTC

        return Wav2Vec2ForCTC.from_pretrained(self.folder).float().eval()

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word]:
        return [
            word
            for segment in recording.segments
            for word in self.segment(segment.text, fragment(audio, segment.start_s, segment.end_s), segment.start_s)
        ]

    def codes(self, word: str) -> list[int]:
        """The vocabulary's entries for a word, in the case and the Unicode form of which it has most characters."""
        forms = [normalize(form, cased) for form in ("NFC", "NFD") for cased in (word, word.upper(), word.lower())]
        best = max(forms, key=lambda text: np.mean([c in self.vocabulary for c in text]))
        return [self.vocabulary[c] for c in best if c in self.vocabulary and self.vocabulary[c] != self.blank]

    def segment(self, text: str, audio: np.ndarray, offset_s: float) -> list[Word]:
        """The words that have at least one character of the vocabulary; none if the audio is too short for the text."""
        import torch
        from torchaudio.functional import forced_align, merge_tokens

        words = [(word, codes) for word in spoken_words(text) if (codes := self.codes(word))]
        tokens: list[int] = []
        places = []
        for _, codes in words:
            if tokens and self.delimiter in self.vocabulary:
                tokens.append(self.vocabulary[self.delimiter])
            places.append((len(tokens), len(tokens) + len(codes) - 1))
            tokens += codes
        with torch.inference_mode():
            scaled = (audio - audio.mean()) / (audio.std() + 1e-7)
            emission = torch.log_softmax(self.model(torch.tensor(scaled[None])).logits, -1)
        if not tokens or emission.shape[1] < len(tokens):
            return []
        path, scores = forced_align(emission, torch.tensor([tokens], dtype=torch.int32), blank=self.blank)
        spans = merge_tokens(path[0], scores[0].exp(), blank=self.blank)
        frame_s = len(audio) / RATE / emission.shape[1]
        return [
            Word(word, offset_s + spans[a].start * frame_s, offset_s + spans[b].end * frame_s)
            for (word, _), (a, b) in zip(words, places)
        ]
