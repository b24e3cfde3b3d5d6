"""Arithmetic and memory traffic of the parts of a Whisper model, computed from its dimensions."""

from dataclasses import dataclass

from models import POSITIONS, SIZES, VOCABULARY

BYTES = {"f32": 4, "f16": 2, "bf16": 2}


@dataclass
class Cost:
    """Floating-point operations, and the minimum number of bytes read."""

    operations: float
    bytes: float


def encoder(size: str, windows: int) -> dict[str, float]:
    """Operations of the encoder's parts over all windows."""
    width, layers, decoder_layers, _ = SIZES[size]
    square = 2 * POSITIONS * width * width
    attention = layers * (4 * square + 4 * POSITIONS * POSITIONS * width)
    return {
        "encoder.attention": windows * attention,
        "encoder.mlp": windows * layers * 8 * square,
        "cross_kv_cache": windows * decoder_layers * 2 * square,
    }


def step(size: str, batch: int, precision: str, length: int) -> dict[str, Cost]:
    """Costs of a decoder step for `batch` windows, whose texts have `length` tokens so far."""
    width, _, layers, _ = SIZES[size]
    item, square = BYTES[precision], width * width
    kv_cache = 2 * batch * layers * width

    def cost(weights: float, cached: float) -> Cost:
        return Cost(2 * batch * weights + 2 * cached, item * (weights + cached))

    return {
        "step.self_attention": cost(4 * square * layers, kv_cache * length),
        "step.cross_attention": cost(2 * square * layers, kv_cache * POSITIONS),
        "step.mlp": cost(8 * square * layers, 0),
        "step.logits": cost(width * VOCABULARY, 0),
    }
