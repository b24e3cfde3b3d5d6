"""Three LibriVox sentences with the times of the words beside the wav.

The times are the output of pocketsphinx's forced alignment, so they are not exact, and pocketsphinx's own row on this set
has no meaning.
"""

import json
from pathlib import Path

from audio import RATE, load
from corpora import half
from truth import Recording, Segment, TrueWord


def readings(data: Path, number: int | None) -> list[Recording]:
    paths = [path for path in sorted((data / "en").glob("*.json")) if not path.name.endswith(".phone.json")]
    return [reading(path) for path in half(paths, number)]


def reading(path: Path) -> Recording:
    entries = [word for word in json.loads(path.read_text())["w"] if "<" not in word["t"]]
    words = [TrueWord(word["t"].split("(")[0], word["b"], word["b"] + word["d"]) for word in entries]
    audio = load(path.with_suffix(".wav"))
    segment = Segment(0.0, len(audio) / RATE, " ".join(word.text for word in words))
    return Recording(path.stem, "en", audio, words, [segment], [path.stem])
