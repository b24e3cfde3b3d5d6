"""Write a Whisper model with random weights, as transformers saves it.

    python random_model.py VARIANT TOKENIZER_JSON OUT_DIR [--seed N]

`tiny`: the dimensions of whisper-tiny, bf16. `odd`: English-only, 128 mel bands, one decoder layer, f16. `search`: all
dimensions small, windows of 3 s, with an end token that occurs occasionally; f32.
Exits with 77 if a module is missing.
"""

import argparse
import json
import sys
from pathlib import Path

try:
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

TEXTS = 50257
"""Tokens of text in the multilingual vocabulary; special tokens follow."""
LANGUAGES = ["en", "zh", "de", "es", "ru", "ko", "fr", "ja", "haw", "yue"]
VARIANTS = {
    "tiny": dict(
        d_model=384, encoder_layers=4, decoder_layers=4, encoder_attention_heads=6, decoder_attention_heads=6,
        encoder_ffn_dim=1536, decoder_ffn_dim=1536, num_mel_bins=80, max_source_positions=1500,
    ),
    "odd": dict(
        d_model=96, encoder_layers=3, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=2,
        encoder_ffn_dim=256, decoder_ffn_dim=320, num_mel_bins=128, max_source_positions=500,
    ),
    "search": dict(
        d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=128, decoder_ffn_dim=128, num_mel_bins=80, max_source_positions=150,
    ),
}


def write_tokenizer(tokenizer: Path, out: Path, size: int, texts: int) -> dict[str, int]:
    """Write the first tokens of Whisper's vocabulary with its special tokens, without merges."""
    vocabulary = json.loads(tokenizer.read_text())["model"]["vocab"]
    vocabulary = {token: id for token, id in vocabulary.items() if id < texts}
    names = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES)]
    names += [f"<|{n}|>" for n in ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")]
    names += [f"<|{i * 0.02:.2f}|>" for i in range(size - len(vocabulary) - len(names))]
    specials = {name: len(vocabulary) + index for index, name in enumerate(names)}
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    (out / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [dict(id=id, content=name, **flags) for name, id in specials.items()],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary,
                  "merges": []},
    }))
    return specials


def liven(model, end: int) -> None:
    """Change weights so that texts end and differ between windows: sharpen attention, increase the weight of the layers
    relative to the last token, and make the end token more likely."""
    decoder = model.model.decoder
    with torch.no_grad():
        for layer in decoder.layers:
            for attention in (layer.self_attn, layer.encoder_attn):
                attention.q_proj.weight.mul_(8)
                attention.k_proj.weight.mul_(8)
                attention.out_proj.weight.mul_(10)
            layer.fc1.weight.mul_(3)
            layer.fc2.weight.mul_(10)
        decoder.embed_positions.weight.mul_(6)
        decoder.layer_norm.weight.mul_(4)
        decoder.embed_tokens.weight[end].mul_(3)


def main(variant: str, tokenizer: Path, out: Path, seed: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    size, texts = (1200, 600) if variant == "search" else (51865, TEXTS)
    ids = write_tokenizer(tokenizer, out, size, texts)
    end = ids["<|endoftext|>"]
    shape = VARIANTS[variant]
    config = WhisperConfig(
        vocab_size=size, max_target_positions=448, init_std=0.08, bos_token_id=end, eos_token_id=end, pad_token_id=end,
        decoder_start_token_id=ids["<|startoftranscript|>"], **shape,
    )
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        is_multilingual=variant != "odd", suppress_tokens=[1, 2, 7], begin_suppress_tokens=[220, end],
        bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=config.decoder_start_token_id,
    )
    if variant == "tiny":
        model.generation_config.alignment_heads = [[2, 2], [3, 0], [3, 2], [3, 3], [3, 4], [3, 5]]
    if variant == "search":
        liven(model, end)
    types = {"tiny": torch.bfloat16, "odd": torch.float16, "search": torch.float32}
    model.to(types[variant]).save_pretrained(out)
    WhisperFeatureExtractor(
        feature_size=config.num_mel_bins, chunk_length=config.max_source_positions // 50
    ).save_pretrained(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=17)
    main(**vars(parser.parse_args()))
