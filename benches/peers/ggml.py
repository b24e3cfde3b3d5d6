"""Writes a Whisper model in whisper.cpp's ggml format, in f16 or Q8_0.

All numbers are little-endian: a magic number; eleven sizes; the mel filters; the text tokens (length, bytes); then
every tensor: number of dimensions, length of the name, type, the dimensions (innermost first), the name, the values.
Matrices are f16 or Q8_0, convolutions f16, everything else f32, as in whisper.cpp's own tools.
"""

import base64
import struct
from pathlib import Path

import numpy as np

MAGIC = 0x67676D6C
# Tensor types.
F32, F16, Q8_0 = 0, 1, 8
# File types: mostly f16; mostly Q8_0, with version 2 of the quantized layouts.
FILE_TYPES = {"f16": 1, "q8_0": 2 * 1000 + 7}
# Weights that share a scale in Q8_0.
BLOCK = 32
POSITIONS = ("encoder.positional_embedding", "decoder.positional_embedding")

WHOLE_NAMES = {
    "encoder.embed_positions.weight": POSITIONS[0],
    "decoder.embed_positions.weight": POSITIONS[1],
    "decoder.embed_tokens.weight": "decoder.token_embedding.weight",
    "encoder.layer_norm": "encoder.ln_post",
    "decoder.layer_norm": "decoder.ln",
}
PROJECTIONS = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "out"}
PARTS = {
    "self_attn": "attn", "encoder_attn": "cross_attn", "self_attn_layer_norm": "attn_ln",
    "encoder_attn_layer_norm": "cross_attn_ln", "fc1": "mlp.0", "fc2": "mlp.2", "final_layer_norm": "mlp_ln",
}


def tensor_name(name: str) -> str:
    """`model.decoder.layers.0.encoder_attn.q_proj.weight` is `decoder.blocks.0.cross_attn.query.weight`."""
    name = name.removeprefix("model.")
    if ".layers." not in name:
        for ours, theirs in WHOLE_NAMES.items():
            name = theirs + name.removeprefix(ours) if name.startswith(ours) else name
        return name
    side, _, layer, part, *rest = name.split(".")
    rest = [PROJECTIONS.get(word, word) for word in rest]
    return ".".join([side, "blocks", layer, PARTS[part], *rest])


def quantize(values: np.ndarray) -> bytes:
    """Q8_0: for each 32 weights an f16 scale (a 127th of the largest magnitude) and 32 signed bytes."""
    blocks = values.reshape(-1, BLOCK).astype(np.float32)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / 127
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    out = np.empty(len(blocks), dtype=[("scale", "<f2"), ("weights", "i1", BLOCK)])
    out["scale"] = scales[:, 0]
    out["weights"] = np.rint(blocks * inverse)
    return out.tobytes()


def tensor_bytes(name: str, values: np.ndarray, kind: str) -> tuple[int, bytes]:
    """The type and the values as stored in the file."""
    if values.ndim < 2 or name in POSITIONS or name.endswith("bias"):
        return F32, values.astype("<f4").tobytes()
    if values.ndim == 2 and kind == "q8_0":
        return Q8_0, quantize(values)
    return F16, values.astype("<f2").tobytes()


def write(path: Path, network, assets: Path, kind: str) -> None:
    """Writes `network` (of transformers) with the vocabulary and the mel filters in `assets`."""
    config = network.config
    filters = np.load(assets / "mel_filters.npz")[f"mel_{config.num_mel_bins}"].astype("<f4")
    lines = (assets / "multilingual.tiktoken").read_text().splitlines()
    tokens = [base64.b64decode(line.split()[0]) for line in lines if line]
    with path.open("wb") as out:
        out.write(struct.pack(
            "<12i", MAGIC, config.vocab_size, config.max_source_positions, config.d_model,
            config.encoder_attention_heads, config.encoder_layers, config.max_target_positions, config.d_model,
            config.decoder_attention_heads, config.decoder_layers, config.num_mel_bins, FILE_TYPES[kind],
        ))
        out.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        out.write(struct.pack("<i", len(tokens)))
        out.writelines(struct.pack("<i", len(token)) + token for token in tokens)
        for name, parameter in network.named_parameters():
            values, name = parameter.detach().numpy(), tensor_name(name)
            # In ggml, the biases of convolutions are columns.
            values = values[:, None] if "conv" in name and values.ndim == 1 else values
            code, data = tensor_bytes(name, values, kind)
            out.write(struct.pack("<3i", values.ndim, len(name), code))
            out.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + name.encode() + data)
