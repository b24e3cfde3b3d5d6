"""The same network in transformers (sdpa): one subcommand per process, which prints one JSON object.

    python peer.py throughput MODEL --device D --precision P --batch B --windows FILE --count N --tokens T --repeats R
    python peer.py truth      MODEL --device D --windows FILE --count N --tokens T --to FOLDER --also P ...
    python peer.py ceilings   --device D

`truth` decodes greedily in f32 and writes `text.safetensors` (`windows.I`, `tokens.I`), and the logits before each of
those tokens in f32 and the other precisions (`logits.I` in `f32.safetensors` and so on).
"""

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from models import END, PROMPT

TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
WINDOW_S = 30


def load(folder: Path, device: str, precision: str):
    from transformers import WhisperForConditionalGeneration

    network = WhisperForConditionalGeneration.from_pretrained(
        folder, dtype=TYPES[precision], attn_implementation="sdpa", local_files_only=True
    )
    return network.to(device).eval()


def features(folder: Path, samples: list, device: str):
    """Log-mel features in f32, computed on the device."""
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    windows = [window.numpy() for window in samples]
    return extractor(windows, sampling_rate=16_000, return_tensors="pt", device=device).input_features.cpu()


def windows(chosen) -> list:
    samples = load_file(chosen.windows)
    return [samples[f"windows.{index}"] for index in range(chosen.count)]


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def generate(network, mel, tokens: int) -> list[list[int]]:
    """Greedy text of exactly `tokens` tokens per window, in English, without timestamps."""
    out = network.generate(
        mel, language="en", task="transcribe", return_timestamps=False, do_sample=False, num_beams=1,
        max_new_tokens=tokens, min_new_tokens=tokens,
    )
    texts = [[token for token in row if token < END] for row in out.tolist()]
    for row, text in zip(out.tolist(), texts):
        if len(text) != tokens:
            raise ValueError(f"{len(text)} text tokens, not {tokens}: {row}")
    return texts


def throughput(chosen) -> dict:
    started = time.perf_counter()
    network = load(chosen.model, chosen.device, chosen.precision)
    load_s = time.perf_counter() - started
    started = time.perf_counter()
    mel = features(chosen.model, windows(chosen), chosen.device)
    mel_s = time.perf_counter() - started
    texts, seconds, began = [], [], time.perf_counter()
    for _ in range(1 + chosen.repeats):  # the first is a warm-up
        if len(seconds) > 1 and time.perf_counter() - began > chosen.limit_s:
            break
        synchronize(chosen.device)
        started, texts = time.perf_counter(), []
        for part in mel.split(chosen.batch):
            texts += generate(network, part.to(chosen.device, network.dtype), chosen.tokens)
        synchronize(chosen.device)
        seconds.append(time.perf_counter() - started)
    audio_s = chosen.count * WINDOW_S
    return {
        "load_s": load_s, "mel_s": mel_s, "warm_up_s": seconds[0], "seconds": seconds[1:], "audio_s": audio_s,
        "times_real_time": audio_s / statistics.median(seconds[1:]), "tokens": texts,
    }


def forced_logits(network, mel, tokens):
    """Logits before each of the text tokens, [windows, tokens, vocabulary]."""
    prompt = torch.tensor([PROMPT] * len(mel), device=mel.device)
    given = torch.cat([prompt, tokens[:, :-1]], dim=1)
    return network(input_features=mel, decoder_input_ids=given).logits[:, len(PROMPT) - 1:].float()


def truth(chosen) -> dict:
    network = load(chosen.model, chosen.device, "f32")
    samples = windows(chosen)
    mel = features(chosen.model, samples, "cpu").to(chosen.device)
    states = network.model.encoder(mel)[0]
    step, cache, logits = torch.tensor([PROMPT] * len(mel), device=mel.device), None, []
    for _ in range(chosen.tokens):
        out = network(encoder_outputs=(states,), decoder_input_ids=step, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits.append(out.logits[:, -1].float())
        step = logits[-1][:, :END].argmax(dim=1, keepdim=True)
    logits = torch.stack(logits, dim=1).cpu()
    tokens = logits[..., :END].argmax(dim=2)
    taught = {f"windows.{index}": window for index, window in enumerate(samples)}
    taught |= {f"tokens.{index}": text.clone() for index, text in enumerate(tokens)}
    save_file(taught, chosen.to / "text.safetensors")
    save_logits(logits, chosen.to / "f32.safetensors")
    for precision in chosen.also:
        network = network.to(TYPES[precision])  # converted from f32, which represents f16 weights exactly
        forced = forced_logits(network, mel.to(network.dtype), tokens.to(mel.device))
        save_logits(forced.cpu(), chosen.to / f"{precision}.safetensors")
    return {"windows": len(samples), "distinct_tokens": len(set(tokens.flatten().tolist()))}


def save_logits(logits, path: Path) -> None:
    save_file({f"logits.{index}": window.clone() for index, window in enumerate(logits)}, path)


def ceilings(chosen) -> dict:
    """A large copy (bytes read and written), and large matrix products."""
    cuda = chosen.device == "cuda"
    size, types = (8192, ["bf16", "f16", "f32"]) if cuda else (512, ["f32"])
    source = torch.ones((1 << 30) if cuda else (1 << 24), device=chosen.device)
    target = torch.empty_like(source)
    copy_s = median_s(chosen.device, lambda: target.copy_(source))
    products = []
    for name in types:
        left, right = (torch.randn(size, size, device=chosen.device).to(TYPES[name]) for _ in range(2))
        seconds = median_s(chosen.device, lambda: left @ right)
        products.append({"type": name, "size": size, "tflop_s": 2 * size ** 3 / seconds / 1e12})
    return {"copy_gb_s": 2 * source.numel() * 4 / copy_s / 1e9, "products": products}


def median_s(device: str, work) -> float:
    seconds = []
    for _ in range(9):
        synchronize(device)
        started = time.perf_counter()
        work()
        synchronize(device)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[2:])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["throughput", "truth", "ceilings"])
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], required=True)
    parser.add_argument("--precision", choices=TYPES, default="f32")
    for name in ("batch", "count", "tokens", "repeats"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--limit-s", type=float, default=float("inf"))
    parser.add_argument("--also", nargs="*", choices=TYPES, default=[])
    for name in ("windows", "to"):
        parser.add_argument(f"--{name}", type=Path)
    return parser.parse_args()


def main() -> None:
    warnings.filterwarnings("ignore")
    # Disables TF32, so that products and convolutions in f32 are exact f32.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    chosen = arguments()
    command = {"throughput": throughput, "truth": truth, "ceilings": ceilings}[chosen.command]
    with torch.inference_mode():
        print(json.dumps(command(chosen)))


if __name__ == "__main__":
    main()
