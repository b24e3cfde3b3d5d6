"""CTranslate2, faster-whisper's engine: `python ct2.py MODEL_FOLDER float32|int8 THREADS`, with the protocol of worker.py."""

import sys
from pathlib import Path

import ctranslate2
import numpy as np

import worker
from model import END, PROMPT, TOKENS

# Number of windows per engine call for the measurement of errors.
TEACH_BATCH = 8


class Engine:
    def __init__(self, folder: str, precision: str, threads: int):
        self.model = ctranslate2.models.Whisper(
            str(Path(folder) / "ct2"), device="cpu", compute_type=precision, inter_threads=1, intra_threads=threads
        )

    def decode(self, features: np.ndarray) -> list[list[int]]:
        results = self.generate(features, [PROMPT] * len(features), [END])
        return [result.sequences_ids[0] for result in results]

    def teach(self, features: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The text after the prompt is forced; the engine returns the logits of its steps, too."""
        prompts, logits = [PROMPT + text[:-1] for text in tokens.tolist()], []
        for first in range(0, len(features), TEACH_BATCH):
            part = slice(first, first + TEACH_BATCH)
            results = self.generate(features[part], prompts[part], [], return_logits_vocab=True)
            logits += [np.array(result.logits[0], dtype=np.float32) for result in results]
        return np.stack(logits)

    def generate(self, features: np.ndarray, prompts: list[list[int]], suppressed: list[int], **options):
        # The engine generates at most half of `max_length` tokens.
        return self.model.generate(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(features)), prompts, beam_size=1,
            max_length=2 * TOKENS, suppress_blank=False, suppress_tokens=suppressed, **options
        )


if __name__ == "__main__":
    folder, precision, threads = sys.argv[1:]
    worker.serve(f"ctranslate2 {ctranslate2.__version__} {precision}", lambda: Engine(folder, precision, int(threads)))
