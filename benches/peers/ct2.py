"""CTranslate2, faster-whisper's engine: `python ct2.py MODEL_FOLDER float32|int8 THREADS`, driven as worker.py says."""

import sys
from pathlib import Path

import ctranslate2
import numpy as np

import worker
from model import END, PROMPT, TOKENS

# Windows in one call of the engine where errors are measured.
TEACH_BATCH = 8


class Engine:
    def __init__(self, folder: str, precision: str, threads: int):
        self.model = ctranslate2.models.Whisper(
            str(Path(folder) / "ct2"), device="cpu", compute_type=precision, inter_threads=1, intra_threads=threads
        )

    def decode(self, features: np.ndarray) -> list[list[int]]:
        # The engine takes half of `max_length` as the most that it generates.
        results = self.generate(ctranslate2.StorageView.from_array(features), [PROMPT] * len(features), 2 * TOKENS, [END])
        return [result.sequences_ids[0] for result in results]

    def teach(self, features: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The engine has no call for this: the text so far becomes the prompt, and one token is generated."""
        parts = []
        for first in range(0, len(features), TEACH_BATCH):
            part = np.ascontiguousarray(features[first:first + TEACH_BATCH])
            states = self.model.encode(ctranslate2.StorageView.from_array(part))
            texts = tokens[first:first + TEACH_BATCH].tolist()
            parts.append(np.stack([self.next_logits(states, [PROMPT + text[:at] for text in texts]) for at in range(TOKENS)], axis=1))
        return np.concatenate(parts)

    def next_logits(self, states, prompts: list[list[int]]) -> np.ndarray:
        # With 4, the engine generates one token, however long the prompt.
        results = self.generate(states, prompts, 4, [], return_logits_vocab=True)
        return np.stack([np.array(result.logits[0][0], dtype=np.float32).reshape(-1) for result in results])

    def generate(self, features, prompts, max_length: int, suppressed: list[int], **options):
        return self.model.generate(
            features, prompts, beam_size=1, max_length=max_length, suppress_blank=False, suppress_tokens=suppressed, **options
        )


if __name__ == "__main__":
    folder, precision, threads = sys.argv[1:]
    worker.serve(f"ctranslate2 {ctranslate2.__version__} {precision}", lambda: Engine(folder, precision, int(threads)))
