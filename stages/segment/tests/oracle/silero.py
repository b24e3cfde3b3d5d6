"""Silero VAD v5 at 16 kHz, restated in PyTorch from its published architecture (tinygrad_model.py of
https://github.com/snakers4/silero-vad, MIT): prints one probability a line.

usage: silero.py WEIGHTS.safetensors MONO_16_KHZ.wav
"""

import sys

import soundfile
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

FRAME, CONTEXT, MIRRORED, BINS = 512, 64, 64, 129


def main(weights_path: str, wav_path: str) -> None:
    w = load_file(weights_path)
    cell = torch.nn.LSTMCell(128, 128)
    cell.load_state_dict({name: w[f"lstm_cell.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})
    samples, rate = soundfile.read(wav_path, dtype="float32")
    assert rate == 16000 and samples.ndim == 1
    x = F.pad(torch.from_numpy(samples), (CONTEXT, -len(samples) % FRAME))
    state = None
    for start in range(CONTEXT, len(x), FRAME):
        seen = x[None, None, start - CONTEXT : start + FRAME]
        spectrum = F.conv1d(F.pad(seen, (0, MIRRORED), "reflect"), w["stft_conv.weight"], stride=128)
        y = (spectrum[:, :BINS] ** 2 + spectrum[:, BINS:] ** 2).sqrt()
        for layer, stride in (("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
            y = F.relu(F.conv1d(y, w[f"{layer}.weight"], w[f"{layer}.bias"], stride=stride, padding=1))
        state = cell(y.squeeze(-1), state)
        logit = F.conv1d(F.relu(state[0])[..., None], w["final_conv.weight"], w["final_conv.bias"])
        print(f"{torch.sigmoid(logit).item():.8f}")


with torch.no_grad():
    main(*sys.argv[1:])
