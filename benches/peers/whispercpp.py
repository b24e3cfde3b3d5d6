"""whisper.cpp: `python whispercpp.py MODEL_FOLDER f16|q8_0[-plain] THREADS`, with the protocol of worker.py.

Calls the C library inside pywhispercpp: features, encoder, then one decoder call per token; the best token is selected here.
`whisper_full` does more per token (rules, probabilities, timestamps), so this measures whisper.cpp at its fastest. It has no
batches: the windows of a batch are decoded one by one.

Flash attention is the library's default. Its keys are padded from 1,500 to 1,536 with zeros that take part in the
attention, so its results differ slightly from the network's; `-plain` disables it.
"""

import ctypes
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

import numpy as np

import worker
from model import END, PROMPT, TOKENS, VOCABULARY


class Parameters(ctypes.Structure):
    """`whisper_context_params` of whisper.cpp 1.8."""

    _fields_ = [
        ("use_gpu", ctypes.c_bool), ("flash_attn", ctypes.c_bool), ("gpu_device", ctypes.c_int),
        ("dtw_token_timestamps", ctypes.c_bool), ("dtw_aheads_preset", ctypes.c_int), ("dtw_n_top", ctypes.c_int),
        ("dtw_n_heads", ctypes.c_size_t), ("dtw_heads", ctypes.c_void_p), ("dtw_mem_size", ctypes.c_size_t),
    ]


def library() -> ctypes.CDLL:
    lib = ctypes.CDLL(str(Path(importlib.util.find_spec("_pywhispercpp").origin).with_name("libwhisper.so")))
    context, integer, floats = ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)
    for name, result, arguments in [
        ("whisper_context_default_params", Parameters, []),
        ("whisper_init_from_file_with_params", context, [ctypes.c_char_p, Parameters]),
        ("whisper_set_mel", integer, [context, floats, integer, integer]),
        ("whisper_encode", integer, [context, integer, integer]),
        ("whisper_decode", integer, [context, ctypes.POINTER(integer), integer, integer, integer]),
        ("whisper_get_logits", floats, [context]),
    ]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Engine:
    def __init__(self, folder: str, precision: str, threads: int):
        self.lib, self.threads = library(), threads
        kind, _, attention = precision.partition("-")
        parameters = self.lib.whisper_context_default_params()
        parameters.flash_attn = attention != "plain"
        file = str(Path(folder) / f"ggml-{kind}.bin").encode()
        self.context = self.lib.whisper_init_from_file_with_params(file, parameters)
        if not self.context:
            raise ValueError("the model was not loaded")

    def decode(self, features: np.ndarray) -> list[list[int]]:
        return [self.decode_window(window) for window in features]

    def decode_window(self, window: np.ndarray) -> list[int]:
        self.encode(window)
        text, step = [], PROMPT
        while len(text) < TOKENS:
            logits = self.step(step, len(PROMPT) + len(text) - len(step) if text else 0)
            logits[END] = -np.inf
            step = [int(logits.argmax())]
            text += step
        return text

    def teach(self, features: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        logits = np.empty((len(features), TOKENS, VOCABULARY), dtype=np.float32)
        for window, text, out in zip(features, tokens.tolist(), logits):
            self.encode(window)
            out[0] = self.step(PROMPT, 0)
            for at in range(1, TOKENS):
                out[at] = self.step(text[at - 1:at], len(PROMPT) + at - 1)
        return logits

    def encode(self, window: np.ndarray) -> None:
        bands, frames = window.shape
        values = np.ascontiguousarray(window).ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        check(self.lib.whisper_set_mel(self.context, values, frames, bands))
        check(self.lib.whisper_encode(self.context, 0, self.threads))

    def step(self, tokens: list[int], past: int) -> np.ndarray:
        """The logits after the last token, in the library's memory."""
        ids = (ctypes.c_int * len(tokens))(*tokens)
        check(self.lib.whisper_decode(self.context, ids, len(tokens), past, self.threads))
        rows = np.ctypeslib.as_array(self.lib.whisper_get_logits(self.context), (len(tokens), VOCABULARY))
        return rows[-1]


def check(code: int) -> None:
    if code != 0:
        raise ValueError(f"the library returned {code}")


if __name__ == "__main__":
    folder, precision, threads = sys.argv[1:]
    version = importlib.metadata.version("pywhispercpp")
    worker.serve(f"whisper.cpp of pywhispercpp {version} {precision}", lambda: Engine(folder, precision, int(threads)))
