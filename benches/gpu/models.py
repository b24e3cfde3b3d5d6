"""Random Whisper networks of the published sizes, in the Hugging Face layout, from a seed.

    python models.py {large-v3,turbo,tiny} FOLDER --device {cuda,cpu}

Activations neither vanish nor explode, text does not degenerate to one token, and the end token is suppressed, so that
every text has the maximum length. The method is that of ../peers/model.py.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.models.whisper.modeling_whisper import sinusoids
from transformers.models.whisper.tokenization_whisper import LANGUAGES

# Width, encoder layers, decoder layers, heads; the feed-forward width is four times the first.
SIZES = {"large-v3": (1280, 32, 32, 20), "turbo": (1280, 32, 4, 20), "tiny": (128, 2, 2, 2)}
# (layer, head) of the alignment heads, as many as in the published models.
ALIGNMENT_HEADS = {
    "large-v3": [[7, 0], [10, 17], [12, 18], [13, 12], [16, 1], [17, 14], [19, 11], [21, 4], [24, 1], [25, 6]],
    "turbo": [[2, 4], [2, 11], [3, 3], [3, 6], [3, 11], [3, 14]],
    "tiny": [[0, 1], [1, 0]],
}
MEL_BANDS, POSITIONS, VOCABULARY = 128, 1500, 51_866
END, START, ENGLISH = 50_257, 50_258, 50_259
TRANSLATE, TRANSCRIBE, NO_TIMESTAMPS = 50_359, 50_360, 50_364
PROMPT = [START, ENGLISH, TRANSCRIBE, NO_TIMESTAMPS]
SPECIALS = [
    "<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES), "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
    *(f"<|{index * 0.02:.2f}|>" for index in range(1501)),
]
# Standard deviation of the logits: at 4, the best token has a third of the probability on average.
LOGIT_STD = 4.0
SEED = 17


def config(size: str) -> WhisperConfig:
    width, encoder_layers, decoder_layers, heads = SIZES[size]
    return WhisperConfig(
        vocab_size=VOCABULARY, num_mel_bins=MEL_BANDS, d_model=width, encoder_layers=encoder_layers,
        decoder_layers=decoder_layers, encoder_attention_heads=heads, decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, max_source_positions=POSITIONS, max_target_positions=448,
        bos_token_id=END, eos_token_id=END, pad_token_id=END, decoder_start_token_id=START,
    )


def generation_config(size: str) -> GenerationConfig:
    return GenerationConfig(
        is_multilingual=True, suppress_tokens=[END], begin_suppress_tokens=[END], no_timestamps_token_id=NO_TIMESTAMPS,
        lang_to_id={f"<|{code}|>": ENGLISH + index for index, code in enumerate(LANGUAGES)},
        task_to_id={"translate": TRANSLATE, "transcribe": TRANSCRIBE}, bos_token_id=END, eos_token_id=END,
        pad_token_id=END, decoder_start_token_id=START, alignment_heads=ALIGNMENT_HEADS[size],
    )


def tensors(network, device: str) -> dict:
    """All weights in f16, generated on the device."""
    generator = torch.Generator(device).manual_seed(SEED)
    made = {}
    for name, parameter in network.named_parameters():
        if name == "model.encoder.embed_positions.weight":
            made[name] = sinusoids(*parameter.shape).half()
        elif not name.startswith("proj_out"):  # the embedding
            noise = torch.randn(parameter.shape, generator=generator, device=device)
            made[name] = scaled(name, noise, network.config.decoder_layers).half().cpu()
    return made


def scaled(name: str, noise, decoder_layers: int):
    """Standard normal noise as one of the network's tensors."""
    if name == "model.decoder.layer_norm.weight":
        # Random signs: otherwise a token's own embedding, still in the state, would select that token repeatedly.
        return noise.sign() * (1.0 + 0.1 * noise.abs())
    if "layer_norm" in name:
        return 1.0 + 0.1 * noise if name.endswith("weight") else 0.02 * noise
    if ".embed_" in name:
        if "tokens" in name:
            noise[END:] *= 0.1  # logits near 0, so that a special token is never the best
        return noise * LOGIT_STD / noise.shape[1] ** 0.5
    if name.endswith("bias"):
        return 0.02 * noise
    if "fc2" in name or "conv2" in name:
        # GELU's mean is not 0: without this a constant would grow in the state and always select a few tokens.
        noise = noise - noise.mean(dim=1, keepdim=True)
    return noise * gain(name, noise.shape[0], decoder_layers) / noise[0].numel() ** 0.5


def gain(name: str, outputs: int, decoder_layers: int) -> float:
    if "q_proj" in name or "k_proj" in name:
        return 1.6  # attention with peaks
    if "decoder" in name and ("out_proj" in name or "fc2" in name):
        # A layer adds about as much as a token's embedding; a deep decoder's layers add less, so that all layers
        # together add as much as four layers. Otherwise the embedding would be negligible in the sum. The audio adds
        # half as much, because it changes little from step to step.
        depth = (4 / max(4, decoder_layers)) ** 0.5
        return (0.75 if "encoder_attn" in name else 1.5) * depth * LOGIT_STD / outputs ** 0.5
    return 1.0


def tokenizer() -> dict:
    """A tokenizer with every byte, artificial words of four letters after a space, and Whisper's special tokens at
    their ids."""
    letters = [chr(ord("a") + index) for index in range(26)]
    words = {character: index for index, character in enumerate(bytes_to_unicode().values())}
    for index in range(len(words), END):
        digits = [index // 26 ** place % 26 for place in range(4)]
        words["Ġ" + "".join(letters[digit] for digit in digits)] = index
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [dict(id=END + index, content=name, **flags) for index, name in enumerate(SPECIALS)],
        "pre_tokenizer": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": words, "merges": []},
    }


def write(size: str, folder: Path, device: str) -> None:
    assert len(SPECIALS) == VOCABULARY - END
    folder.mkdir(parents=True)
    with torch.device("meta"):
        network = WhisperForConditionalGeneration(config(size))
    save_file(tensors(network, device), folder / "model.safetensors", metadata={"format": "pt"})
    network.config.save_pretrained(folder)
    generation_config(size).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    WhisperFeatureExtractor(feature_size=MEL_BANDS).save_pretrained(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], required=True)
    chosen = parser.parse_args()
    write(chosen.size, chosen.folder, chosen.device)
    print(json.dumps({"bytes": (chosen.folder / "model.safetensors").stat().st_size}))
