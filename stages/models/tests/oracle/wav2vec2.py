"""Write a Wav2Vec2ForCTC model with random weights, as transformers saves it, and its logits for given windows.

    python wav2vec2.py VARIANT WINDOWS.safetensors OUT_DIR [--seed N]

`base`: group norm, norms after each half, raw f32. `large`: layer norms before each half, biased convolutions, samples
normalized, f16, in shards. `older`: as base, with the older names of the weight norm. `mixed`: group norm with stable
layers. `real`: the dimensions of wav2vec2-base. Logits of window `i` are in logits.safetensors as `i`, its greedy
symbols in greedy.json as [symbol, first frame, one past the last frame].
Exits with 77 if a module is missing.
"""

import argparse
import json
import string
import sys
from pathlib import Path

try:
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

SMALL = dict(
    hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4, conv_dim=[24, 24, 32, 32, 32, 40, 40],
    num_conv_pos_embeddings=32, num_conv_pos_embedding_groups=4,
)
GROUP = dict(feat_extract_norm="group", do_stable_layer_norm=False, conv_bias=False)
LAYER = dict(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True, num_conv_pos_embeddings=19)
VARIANTS = {
    "base": SMALL | GROUP,
    "older": SMALL | GROUP,
    "large": SMALL | LAYER,
    "mixed": SMALL | GROUP | dict(do_stable_layer_norm=True),
    "real": GROUP,
}
SYMBOLS = ["<pad>", "<s>", "</s>", "<unk>", "|", *string.ascii_uppercase, "'"]


def liven(model) -> None:
    """Change weights so that norms have an effect and logits differ between frames."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.2)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, 0.0, 0.1)
    model.lm_head.weight.mul_(10)


def rename(folder: Path) -> None:
    """Rename weight norm tensors as in torch before 2.0."""
    tensors = load_file(folder / "model.safetensors")
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, old in names.items():
        for name in [name for name in tensors if name.endswith(new)]:
            tensors[name.replace(new, old)] = tensors.pop(name)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def main(variant: str, windows: Path, out: Path, seed: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    normalize = variant == "large"
    model = Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=len(SYMBOLS), **VARIANTS[variant])).eval()
    liven(model)
    if normalize:
        model = model.half().float()
    extractor = Wav2Vec2FeatureExtractor(do_normalize=normalize)
    extractor.save_pretrained(out)
    (out / "vocab.json").write_text(json.dumps({symbol: index for index, symbol in enumerate(SYMBOLS)}))
    tokenizer = Wav2Vec2CTCTokenizer(str(out / "vocab.json"))
    tokenizer.save_pretrained(out)
    if normalize:
        model.half().save_pretrained(out, max_shard_size="60KB")
        model.float()
    else:
        model.save_pretrained(out)
    if variant == "older":
        rename(out)
    logits, greedy = {}, {}
    for name, samples in load_file(windows).items():
        inputs = extractor(samples.numpy(), sampling_rate=16000, return_tensors="pt")
        logits[name] = model(inputs.input_values).logits[0].contiguous()
        offsets = tokenizer.decode(logits[name].argmax(-1), output_char_offsets=True).char_offsets
        greedy[name] = [[it["char"], int(it["start_offset"]), int(it["end_offset"])] for it in offsets]
    save_file(logits, out / "logits.safetensors")
    (out / "greedy.json").write_text(json.dumps(greedy))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("windows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=17)
    main(**vars(parser.parse_args()))
