"""Stores the words of deterministic peers and tools, so that only our program runs again."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from truth import Recording, Word

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "earwitness" / "words"


def key(settings: str, recording: Recording) -> str:
    """Hash of an engine's settings, the samples of a recording, and the given text."""
    given = json.dumps([asdict(segment) for segment in recording.segments], ensure_ascii=False)
    parts = [settings, recording.language, given]
    return hashlib.sha256("\n".join(parts).encode() + recording.path.read_bytes()).hexdigest()[:32]


def cached(settings: str, recording: Recording, compute: Callable[[Recording], tuple[list[Word] | None, float]]):
    """The words of a recording and the seconds that they took, from the cache if it has them."""
    path = FOLDER / f"{key(settings, recording)}.json"
    if not path.exists():
        words, seconds = compute(recording)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"words": words and [asdict(word) for word in words], "seconds": seconds}
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(content, ensure_ascii=False))
        partial.rename(path)
    stored = json.loads(path.read_text())
    words = stored["words"]
    return None if words is None else [Word(**word) for word in words], stored["seconds"]
