"""Shared by the workers: requests and replies as lines of JSON, and the process's memory.

A worker loads one model, prints `{"ready": ..., "idle_mib": ...}` and then handles requests:

    {"do": "time", "batch": B}    decodes all timed windows in calls of B windows
        -> {"seconds": ..., "tokens": [[ids of one window], ...], "peak_mib": ...}
    {"do": "teach", "from": FILE, "to": FILE}    the logits before each of the given tokens
        -> {}

`from` and `to` are safetensors: `windows.i` (samples) and `tokens.i` in, `logits.i` ([tokens, vocabulary], f32, of
which only the differences within a row count) out. Failed requests give `{"error": ...}`.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from model import TOKENS

# Timed windows of 30 s.
TIMED = 8


def memory_mib(field: str) -> float:
    """`VmRSS` or `VmHWM` (its peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def serve(name: str, load) -> None:
    """Serves requests with one engine, which `load()` returns; it has `decode(features)` and `teach(features,
    tokens)`."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries must not mix with replies
    features = np.load(Path(sys.argv[1]) / "features.npy")
    idle_mib = memory_mib("VmRSS")
    engine = load()
    print(json.dumps({"ready": name, "idle_mib": idle_mib}), file=replies)
    for line in sys.stdin:
        try:
            reply = answer(engine, features, json.loads(line))
        except Exception as error:  # the benchmark continues without this number
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies)


def answer(engine, features: np.ndarray, request: dict) -> dict:
    if request["do"] == "teach":
        given = load_file(request["from"])
        tokens = np.stack([given[f"tokens.{index}"] for index in range(len(features))])
        logits = engine.teach(features, tokens)
        named = {f"logits.{index}": np.ascontiguousarray(window) for index, window in enumerate(logits)}
        save_file(named, request["to"])
        return {}
    tokens, batch, start = [], request["batch"], time.perf_counter()
    for first in range(0, TIMED, batch):
        tokens += engine.decode(features[first:first + batch])
    seconds = time.perf_counter() - start
    if any(len(text) != TOKENS for text in tokens):
        raise ValueError(f"{[len(text) for text in tokens]} tokens in the windows, not {TOKENS} in each")
    return {"seconds": seconds, "tokens": tokens, "peak_mib": memory_mib("VmHWM")}
