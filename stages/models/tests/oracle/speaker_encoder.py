"""Run the speaker encoder of the package Resemblyzer: print the embeddings of consecutive windows of 1.6 s as JSON, one
list per recording.

usage: speaker_encoder.py MONO_16_KHZ.wav...
Exits with 77 if a module is missing.
"""

import json
import sys
import types
from pathlib import Path

sys.path.append(str(Path(sys.prefix) / "aside"))
# The package trims silences with these modules. Nothing here does, and they need a compiler.
sys.modules["webrtcvad"] = types.ModuleType("webrtcvad")
sys.modules["scipy.ndimage.morphology"] = types.SimpleNamespace(binary_dilation=None)

try:
    import numpy as np
    import soundfile
    import torch
    from resemblyzer import VoiceEncoder
    from resemblyzer.audio import wav_to_mel_spectrogram
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

WINDOW_FRAMES = 160


def embeddings(encoder: VoiceEncoder, wav_path: str) -> list[list[float]]:
    samples, rate = soundfile.read(wav_path, dtype="float32")
    assert rate == 16000 and samples.ndim == 1
    mels = wav_to_mel_spectrogram(samples)
    windows = np.array([mels[at : at + WINDOW_FRAMES] for at in range(0, len(mels) - WINDOW_FRAMES + 1, WINDOW_FRAMES)])
    with torch.inference_mode():
        return encoder(torch.from_numpy(windows)).tolist()


def main(*wav_paths: str) -> None:
    encoder = VoiceEncoder("cpu", verbose=False)
    json.dump([embeddings(encoder, path) for path in wav_paths], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
