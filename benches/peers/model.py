"""Random Whisper networks of the published sizes, in every engine's layout, kept in the user's cache.

    python model.py [tiny base small]

A model's folder contains `hf/` (transformers' layout, f16 weights, which ours loads too), `ct2/`, `ggml-f16.bin`,
`ggml-q8_0.bin`, and the reference: `teacher.safetensors` (`windows.i`: samples, `tokens.i`: the text that transformers
decodes greedily in f32) and `truth.safetensors` (`logits.i`, [tokens, vocabulary]: before each of those tokens).
"""

import base64
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

import audio

HERE = Path(__file__).resolve().parent
# d_model, layers, heads; the feed-forward width is four times d_model.
SIZES = {"tiny": (384, 4, 6), "base": (512, 6, 8), "small": (768, 12, 12)}
TEXT_TOKENS, VOCABULARY = 50_257, 51_865
END, START, ENGLISH, TRANSCRIBE, NO_TIMESTAMPS = 50_257, 50_258, 50_259, 50_359, 50_363
PROMPT = [START, ENGLISH, TRANSCRIBE, NO_TIMESTAMPS]
# Text tokens per window: about as many as 30 s of telephone speech.
TOKENS = 34
# Standard deviation of the logits. The entropy of 50,000 normal logits is ln(50,000) - std^2 / 2 nats: at 4, the best
# token has a third of the probability on average, as in trained models under uncertainty; at 1, almost none.
LOGIT_STD = 4.0


def folder(size: str) -> Path:
    """The folder of a model; its name contains a hash of the code that writes it."""
    code = b"".join((HERE / name).read_bytes() for name in ("audio.py", "ggml.py", "model.py"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "earwitness" / f"peers-models-{hashlib.sha256(code).hexdigest()[:16]}" / size


def ensure(size: str) -> Path:
    """The model's folder; it is written if it is incomplete."""
    path = folder(size)
    if not (path / "complete").exists():
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        print(f"making {size} in {path}", file=sys.stderr)
        write(size, path)
        (path / "complete").touch()
    return path


def write(size: str, path: Path) -> None:
    import ctranslate2.converters

    import ggml

    network = random_network(size)
    network.half().save_pretrained(path / "hf")
    write_tokenizer(path / "hf")
    network.float()
    ctranslate2.converters.TransformersConverter(str(path / "hf")).convert(str(path / "ct2"))
    for kind in ("f16", "q8_0"):
        ggml.write(path / f"ggml-{kind}.bin", network, audio.SHARED / "whisper", kind)
    write_truth(network, path)


def random_network(size: str):
    """Weights whose activations neither vanish nor explode, rounded to f16, as published checkpoints are."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    width, layers, heads = SIZES[size]
    network = WhisperForConditionalGeneration(WhisperConfig(
        vocab_size=VOCABULARY, num_mel_bins=80, d_model=width, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width, max_source_positions=1500, max_target_positions=448, bos_token_id=END,
        eos_token_id=END, pad_token_id=END, decoder_start_token_id=START,
    )).eval()
    network.generation_config = GenerationConfig(
        is_multilingual=True, suppress_tokens=[END], begin_suppress_tokens=[END], no_timestamps_token_id=NO_TIMESTAMPS,
        lang_to_id={f"<|{code}|>": ENGLISH + index for index, code in enumerate(languages())},
        task_to_id={"translate": TRANSCRIBE - 1, "transcribe": TRANSCRIBE}, bos_token_id=END, eos_token_id=END,
        pad_token_id=END, decoder_start_token_id=START,
    )
    generator = torch.Generator().manual_seed(17)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            # The encoder's positions remain sinusoids.
            if name != "model.encoder.embed_positions.weight":
                parameter.copy_(random_tensor(name, parameter.shape, generator))
            parameter.copy_(parameter.half().float())
    return network


def random_tensor(name: str, shape, generator):
    import torch

    noise = torch.randn(shape, generator=generator)
    if name == "model.decoder.layer_norm.weight":
        # Random signs: otherwise a token's own embedding, still in the state, would select that token repeatedly.
        return noise.sign() * (1.0 + 0.1 * noise.abs())
    if "layer_norm" in name:
        return 1.0 + 0.1 * noise if name.endswith("weight") else 0.02 * noise
    if ".embed_" in name:
        # Special tokens get logits near 0, far below the best of the text: engines never choose them. Positions are as
        # large as tokens, so that a text does not repeat one token.
        noise[TEXT_TOKENS:] *= 0.1
        return noise * LOGIT_STD / shape[1] ** 0.5
    if name.endswith("bias"):
        return 0.02 * noise
    if "fc2" in name or "conv2" in name:
        # GELU's mean is not 0: without this a constant would grow in the state and always select a few tokens.
        noise -= noise.mean(dim=1, keepdim=True)
    gain = 1.0
    if "q_proj" in name or "k_proj" in name:
        gain = 1.6  # attention with peaks
    elif "decoder" in name and ("out_proj" in name or "fc2" in name):
        # A layer adds about as much as a token's embedding; the audio adds half as much, because it changes little from
        # step to step.
        gain = (0.75 if "encoder_attn" in name else 1.5) * LOGIT_STD / shape[0] ** 0.5
    return noise * gain / shape[1:].numel() ** 0.5


def languages() -> list[str]:
    """The 99 languages of the multilingual vocabulary, in its order."""
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    return list(LANGUAGES)[:TRANSCRIBE - 1 - ENGLISH]


def write_tokenizer(out: Path) -> None:
    """Whisper's vocabulary with its special tokens; merges are left out, since nothing is encoded."""
    from transformers import WhisperFeatureExtractor
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    characters = bytes_to_unicode()
    lines = (line.split() for line in (audio.SHARED / "whisper/multilingual.tiktoken").read_text().splitlines() if line)
    vocabulary = {"".join(characters[b] for b in base64.b64decode(token)): int(rank) for token, rank in lines}
    names = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages())]
    names += [f"<|{n}|>" for n in ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")]
    names += [f"<|{index * 0.02:.2f}|>" for index in range(VOCABULARY - TEXT_TOKENS - len(names))]
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    (out / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [dict(id=TEXT_TOKENS + index, content=name, **flags) for index, name in enumerate(names)],
        "pre_tokenizer": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary,
                  "merges": []},
    }))
    (out / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    WhisperFeatureExtractor(feature_size=80).save_pretrained(out)


def write_truth(network, path: Path) -> None:
    """Greedy text and its logits in f32."""
    import torch
    from safetensors.numpy import save_file

    samples = audio.windows()
    features = torch.from_numpy(audio.features(samples))
    np.save(path / "features.npy", features.numpy())
    with torch.no_grad():
        states = torch.cat([network.model.encoder(part)[0] for part in features.split(4)])
        step, cache, logits = torch.tensor([PROMPT] * len(states)), None, []
        for _ in range(TOKENS):
            out = network(encoder_outputs=(states,), decoder_input_ids=step, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            logits.append(out.logits[:, -1].clone())
            step = logits[-1][:, :END].argmax(dim=1, keepdim=True)
    logits = torch.stack(logits, dim=1).numpy()
    tokens = logits[..., :END].argmax(axis=2)
    teacher = {f"windows.{index}": window for index, window in enumerate(samples)}
    teacher |= {f"tokens.{index}": text.copy() for index, text in enumerate(tokens)}
    truth = {f"logits.{index}": window.copy() for index, window in enumerate(logits)}
    save_file(teacher, path / "teacher.safetensors")
    save_file(truth, path / "truth.safetensors")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or SIZES:
        print(ensure(wanted))
