"""Run the silero-vad package: write the 16 kHz weights of its executable model as safetensors, under the names of the
project's own safetensors files, and print the model's probability of each frame as JSON, one list per recording.

usage: silero.py WEIGHTS_OUT.safetensors MONO_16_KHZ.wav...
Exits with 77 if a module is missing.
"""

import json
import sys
from pathlib import Path

try:
    import soundfile
    import torch
    import torch.nn.functional as F
    from safetensors.torch import save_file
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

FRAME = 512
NAMES = {
    "stft.forward_basis_buffer": "stft_conv.weight",
    "decoder.decoder.2": "final_conv",
    "decoder.rnn": "lstm_cell",
    **{f"encoder.{layer}.reparam_conv": f"conv{layer + 1}" for layer in range(4)},
}


def renamed(name: str) -> str:
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name


def probabilities(model: torch.jit.ScriptModule, wav_path: str) -> list[float]:
    samples, rate = soundfile.read(wav_path, dtype="float32")
    assert rate == 16000 and samples.ndim == 1
    padded = F.pad(torch.from_numpy(samples), (0, -len(samples) % FRAME))
    model.reset_states()
    with torch.inference_mode():
        return [model(frame, rate).item() for frame in padded.split(FRAME)]


def main(weights_path: str, *wav_paths: str) -> None:
    torch.set_num_threads(1)  # frames are small and are processed one after the other
    model = torch.jit.load(Path(sys.prefix) / "aside/silero_vad/data/silero_vad.jit").eval()
    own = {name.removeprefix("_model."): value for name, value in model.state_dict().items()}
    save_file({renamed(n): v.contiguous() for n, v in own.items() if not n.startswith("_model_8k")}, weights_path)
    json.dump([probabilities(model, path) for path in wav_paths], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
