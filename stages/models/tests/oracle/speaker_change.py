"""Run the reference of the detector of overlap and speaker change: print the two probabilities of each frame as JSON, one
list per recording.

usage: speaker_change.py MONO_16_KHZ.wav...
Exits with 77 if a module is missing.
"""

import json
import sys
from pathlib import Path

# Before the folder of this script, which has another module of this name.
sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "fixtures/models/speaker-change"))

try:
    import soundfile
    from reference import probabilities
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


def main(*wav_paths: str) -> None:
    found = []
    for path in wav_paths:
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == 16000 and samples.ndim == 1
        found.append(probabilities(samples).tolist())
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
