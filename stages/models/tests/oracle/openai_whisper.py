"""Results of openai-whisper for given logits, texts and numbers, and the token times of its `find_alignment`.

    python openai_whisper.py MODEL_DIR GIVEN.safetensors OUT.safetensors

GIVEN and OUT contain, numbered from 0:
- `logits.i` [vocabulary], `tokens.i` (after the prompt, shifted by one so that none is empty) with `bounds` (end
  token, first timestamp, last initial timestamp): `rules.i` is the most likely token after `ApplyTimestampRules` and
  its log-probability;
- `text.i` (UTF-8): `ratio.i` is its compression ratio;
- `attempts.i` [attempts, 4] (temperature, compression ratio, mean log-probability, no-speech probability): `taken.i` is
  the temperature that `transcribe` keeps, -1 if it skips the window as silent;
- `mel.i` [bands, frames], `spoken.i` (text tokens), `prompt.i` (the start sequence), `frames.i`: `times.i` are the
  boundaries of the tokens in seconds.

Exits with 77 if a module is missing.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

try:
    import numpy as np
    import torch
    sys.path.append(f"{sys.prefix}/aside")
    import whisper
    from safetensors.torch import load_file, save_file
    from whisper.decoding import ApplyTimestampRules, DecodingResult
    from whisper.model import ModelDimensions, Whisper
    from whisper.timing import find_alignment
    from whisper.transcribe import transcribe
    from whisper.utils import compression_ratio
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

NAMES = [
    ("self_attn_layer_norm", "attn_ln"), ("encoder_attn_layer_norm", "cross_attn_ln"), ("final_layer_norm", "mlp_ln"),
    ("self_attn", "attn"), ("encoder_attn", "cross_attn"), ("q_proj", "query"), ("k_proj", "key"),
    ("v_proj", "value"), ("out_proj", "out"), ("fc1", "mlp.0"), ("fc2", "mlp.2"), ("layers", "blocks"),
    ("embed_positions.weight", "positional_embedding"), ("embed_tokens", "token_embedding"),
    ("encoder.layer_norm", "encoder.ln_post"), ("decoder.layer_norm", "decoder.ln"),
]


def load(directory: Path) -> Whisper:
    """Convert a model from transformers' layout to openai-whisper's."""
    config = json.loads((directory / "config.json").read_text())
    generation = json.loads((directory / "generation_config.json").read_text())
    model = Whisper(ModelDimensions(
        config["num_mel_bins"], config["max_source_positions"], config["d_model"], config["encoder_attention_heads"],
        config["encoder_layers"], config["vocab_size"], config["max_target_positions"], config["d_model"],
        config["decoder_attention_heads"], config["decoder_layers"],
    ))
    weights = {}
    for name, tensor in load_file(directory / "model.safetensors").items():
        name = name.removeprefix("model.")
        for theirs, ours in NAMES:
            name = re.sub(rf"(^|\.){re.escape(theirs)}($|\.)", rf"\g<1>{ours}\g<2>", name)
        weights[name] = tensor.float()
    weights.pop("proj_out.weight", None)
    model.load_state_dict(weights)
    heads = torch.zeros(config["decoder_layers"], config["decoder_attention_heads"], dtype=torch.bool)
    for layer, head in generation.get("alignment_heads") or []:
        heads[layer, head] = True
    if not heads.any():
        heads[config["decoder_layers"] // 2 :] = True
    model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    return model.eval()


def likeliest(logits: torch.Tensor, tokens: torch.Tensor, bounds: list[int]) -> torch.Tensor:
    end, first, last_initial = bounds
    tokenizer = SimpleNamespace(no_timestamps=first - 1, timestamp_begin=first, eot=end)
    rule = ApplyTimestampRules(tokenizer, 1, last_initial - first)
    logits = logits[None].clone()
    rule.apply(logits, torch.cat([torch.zeros(1, dtype=tokens.dtype), tokens - 1])[None])
    best = logits.log_softmax(-1)[0].max(-1)
    return torch.tensor([float(best.indices), float(best.values)])


def taken(attempts: torch.Tensor) -> torch.Tensor:
    """Run `transcribe` on one window with its model replaced by these attempts."""
    numbers = {round(float(row[0]), 3): row.tolist() for row in attempts}

    def decode(_mel, options):
        _, ratio, logprob, no_speech = numbers[round(options.temperature, 3)]
        return DecodingResult(
            audio_features=torch.zeros(1), language="en", tokens=[50364, 400, 50364 + 1500], text="a",
            avg_logprob=logprob, no_speech_prob=no_speech, temperature=options.temperature, compression_ratio=ratio,
        )

    model = SimpleNamespace(
        device=torch.device("cpu"), is_multilingual=True, num_languages=99, decode=decode,
        dims=SimpleNamespace(n_mels=80, n_audio_ctx=1500, n_text_ctx=448),
    )
    answer = transcribe(
        model, np.zeros(16000, dtype=np.float32), language="en", fp16=False, temperature=tuple(sorted(numbers)),
    )
    return torch.tensor(answer["segments"][0]["temperature"] if answer["segments"] else -1.0)


def times(model, mel: torch.Tensor, spoken: list[int], prompt: list[int], frames: int, end: int) -> torch.Tensor:
    tokenizer = SimpleNamespace(
        sot_sequence=prompt[:-1], no_timestamps=prompt[-1], eot=end,
        split_to_word_tokens=lambda tokens: (["word"] * len(tokens), [[token] for token in tokens]),
    )
    words = find_alignment(model, tokenizer, spoken, mel, frames)
    return torch.tensor([word.start for word in words] + [words[-1].end]).double()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("given", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    given = load_file(arguments.given)
    bounds = given["bounds"].tolist()
    whisper_model = load(arguments.model)
    results = {}
    for name in given:
        kind, _, index = name.partition(".")
        if kind == "logits":
            results[f"rules.{index}"] = likeliest(given[name], given[f"tokens.{index}"].long(), bounds)
        elif kind == "text":
            ratio = compression_ratio(bytes(given[name].tolist()).decode())
            results[f"ratio.{index}"] = torch.tensor(ratio, dtype=torch.float64)
        elif kind == "attempts":
            results[f"taken.{index}"] = taken(given[name])
        elif kind == "mel":
            spoken, prompt = (given[f"{key}.{index}"].tolist() for key in ("spoken", "prompt"))
            frames = int(given[f"frames.{index}"])
            with torch.inference_mode():
                results[f"times.{index}"] = times(whisper_model, given[name], spoken, prompt, frames, bounds[0])
    save_file(results, arguments.out)
