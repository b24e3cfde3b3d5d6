"""faster-whisper with our weights: words of the recognized text, and times of given text by its cross-attention."""

import importlib.util
import os
from functools import cached_property
from pathlib import Path

import numpy as np

from audio import RATE
from engines import Cached, fragment
from truth import Recording, Word

ACCURACY = Path(__file__).resolve().parents[1] / "accuracy"
VERSION = "faster-whisper 1.2.1, ctranslate2 4.8.5, whisper base int8"


def ctranslate2_folder() -> Path:
    """The peer's weights; benches/accuracy downloads, checks and caches them."""
    spec = importlib.util.spec_from_file_location("accuracy_models", ACCURACY / "models.py")
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    return models.ctranslate2_folder()


class Whisper(Cached):
    """Loads the model when it is first needed."""

    languages = ("ko", "en")

    @cached_property
    def model(self):
        from faster_whisper import WhisperModel

        threads = len(os.sched_getaffinity(0))
        return WhisperModel(str(ctranslate2_folder()), device="cpu", compute_type="int8", cpu_threads=threads)


class FasterWhisper(Whisper):
    """Its defaults (beam 5) with word times."""

    name, given = "faster-whisper, recognized", False

    def settings(self) -> str:
        return f"{VERSION}, word_timestamps"

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word]:
        segments, _ = self.model.transcribe(audio, language=recording.language, word_timestamps=True)
        return [Word(word.word.strip(), word.start, word.end) for segment in segments for word in segment.words or []]


class WhisperAlign(Whisper):
    """The same dynamic time warping of the cross-attention, with the text given."""

    name, given = "faster-whisper's alignment, text given", True

    def settings(self) -> str:
        return f"{VERSION}, find_alignment"

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word]:
        found = []
        for segment in recording.segments:
            part = fragment(audio, segment.start_s, segment.end_s)
            found += self.segment(recording.language, segment.text, part, segment.start_s)
        return found

    def segment(self, language: str, text: str, audio: np.ndarray, offset_s: float) -> list[Word]:
        from faster_whisper.audio import pad_or_trim
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import merge_punctuations

        tokenizer = Tokenizer(self.model.hf_tokenizer, True, task="transcribe", language=language)
        features = self.model.feature_extractor(audio)
        encoded = self.model.encode(pad_or_trim(features[..., :3000]))
        tokens = tokenizer.encode(" " + text)
        (alignment,) = self.model.find_alignment(tokenizer, [tokens], encoded, min(features.shape[-1], 3000))
        merge_punctuations(alignment, "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、")
        return [
            Word(word["word"].strip(), offset_s + float(word["start"]), offset_s + float(word["end"]))
            for word in alignment if word["word"].strip()
        ]  # fmt: skip


class FragmentTexts(Whisper):
    """The recognized text of each segment alone, as one word per segment."""

    name, given = "recognized fragments", False

    def settings(self) -> str:
        return f"{VERSION}, fragments, beam 5"

    def words(self, recording: Recording, audio: np.ndarray) -> list[Word]:
        found = []
        for segment in recording.segments:
            part = np.pad(fragment(audio, segment.start_s, segment.end_s), RATE // 5)
            texts, _ = self.model.transcribe(
                part, language=recording.language, temperature=0.0, without_timestamps=True, condition_on_previous_text=False,
                log_prob_threshold=None, no_speech_threshold=None, compression_ratio_threshold=None, max_new_tokens=100,
            )  # fmt: skip
            found.append(Word(" ".join(text.text.strip() for text in texts), segment.start_s, segment.end_s))
        return found
