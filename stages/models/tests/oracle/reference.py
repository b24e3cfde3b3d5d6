"""Results of transformers' Whisper for a few windows: the reference of the parity tests.

    python reference.py MODEL_DIR WINDOWS.safetensors OUT.safetensors [--language CODE] [--max-tokens N]

WINDOWS contains one f32 tensor of samples (16 kHz) per window, named by its index. OUT contains for window `i`:
`mel.i` [bands, frames], `states.i` [positions, width], `prompt.i` and `tokens.i` (greedy, without the end token),
`logits.i` [prompt + tokens, vocabulary] of one forward pass over both, `margins.i` (the best logit minus the second
best at every choice, including the end token's), `boundaries.i` (token times in seconds), `language.i` (probability of
every language at the start token), `no_speech.i`.

Exits with 77 if a module is missing.
"""

import argparse
import json
import re
import sys
from pathlib import Path

try:
    import numpy as np
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import GenerationMixin, WhisperFeatureExtractor, WhisperForConditionalGeneration
    from transformers.models.whisper.generation_whisper import _dynamic_time_warping, _median_filter
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


class DecodingRules:
    """Look up prompt and suppressed tokens by name in the vocabulary."""

    def __init__(self, directory: Path, model, language: str | None):
        tokenizer = json.loads((directory / "tokenizer.json").read_text())
        ids = tokenizer["model"]["vocab"] | {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
        generation = model.generation_config
        special = {name: id for name, id in ids.items() if re.fullmatch(r"<\|.*\|>", name)}
        self.start, self.end = ids["<|startoftranscript|>"], ids["<|endoftext|>"]
        self.no_speech = ids.get("<|nospeech|>", ids.get("<|nocaptions|>"))
        self.languages = sorted(id for name, id in special.items() if re.fullmatch(r"<\|[a-z]{2,3}\|>", name))
        self.language = ids[f"<|{language}|>"] if language else None
        self.multilingual = generation.is_multilingual
        self.after_language = [ids["<|transcribe|>"]] if self.multilingual else []
        self.no_timestamps = ids["<|notimestamps|>"]
        self.after_language.append(self.no_timestamps)
        textless = {id for id in special.values() if id != self.end}
        textless |= set(range(self.no_timestamps, model.config.vocab_size))
        self.suppressed = sorted(textless | set(generation.suppress_tokens or []))
        self.suppressed_first = sorted({*self.suppressed, *(generation.begin_suppress_tokens or [])})

    def prompt(self, start_logits: torch.Tensor) -> tuple[list[int], torch.Tensor]:
        """Return the prompt and the probability of each language."""
        if not self.multilingual:
            return [self.start, *self.after_language], torch.ones(1)
        probabilities = start_logits[self.languages].softmax(-1)
        language = self.language or self.languages[int(probabilities.argmax())]
        return [self.start, language, *self.after_language], probabilities


def allowed(logits: torch.Tensor, suppressed: list[int]) -> torch.Tensor:
    logits = logits.clone()
    logits[suppressed] = -torch.inf
    return logits


def boundaries(attentions, heads, rows: slice, positions: int, width: int) -> np.ndarray:
    """Apply openai-whisper's `find_alignment` to the cross-attention of the alignment heads."""
    weights = torch.stack([attentions[layer][0, head] for layer, head in heads])[:, :, :positions]
    weights = weights / weights.sum(-1, keepdim=True)
    weights = (weights - weights.mean(-2, keepdim=True)) / weights.std(-2, keepdim=True, unbiased=False)
    matrix = _median_filter(weights[None], width)[0].mean(0)[rows]
    text, time = _dynamic_time_warping(-matrix.double().numpy())
    jumps = np.pad(np.diff(text), (1, 0), constant_values=1).astype(bool)
    return time[jumps] * 0.02


@torch.inference_mode()
def reference(model, extractor, rules: DecodingRules, samples: torch.Tensor, max_tokens: int) -> dict[str, torch.Tensor]:
    mel = extractor(samples.numpy(), sampling_rate=16000, return_tensors="pt").input_features
    states = model.model.encoder(mel).last_hidden_state

    def forward(tokens):
        return model(encoder_outputs=(states,), decoder_input_ids=torch.tensor([tokens]), output_attentions=True)

    start_logits = forward([rules.start]).logits[0, 0]
    prompt, languages = rules.prompt(start_logits)
    # Plain greedy search: Whisper's own `generate` adds rules that are not compared here.
    generated = GenerationMixin.generate(
        model, encoder_outputs=model.model.encoder(mel), decoder_input_ids=torch.tensor([prompt]), do_sample=False,
        num_beams=1, max_new_tokens=max_tokens, suppress_tokens=rules.suppressed,
        begin_suppress_tokens=rules.suppressed_first, eos_token_id=rules.end, pad_token_id=rules.end,
    )[0].tolist()
    chosen = generated[generated.index(prompt[-1]) + 1 :]
    tokens = [token for token in chosen if token != rules.end]
    output = forward(prompt + tokens)
    margins = []
    for index in range(len(chosen)):
        logits = output.logits[0, len(prompt) - 1 + index]
        best = allowed(logits, rules.suppressed if index else rules.suppressed_first).topk(2).values
        margins.append(best[0] - best[1])
    heads = getattr(model.generation_config, "alignment_heads", None) or [
        (layer, head)
        for layer in range(model.config.decoder_layers // 2, model.config.decoder_layers)
        for head in range(model.config.decoder_attention_heads)
    ]
    positions = max(1, len(samples) // 320)
    attentions = forward([*prompt, *tokens, rules.end]).cross_attentions
    rows = slice(len(prompt) - 1, len(prompt) + len(tokens))
    times = boundaries(attentions, heads, rows, positions, model.config.median_filter_width)
    return {
        "mel": mel[0], "states": states[0], "prompt": torch.tensor(prompt), "tokens": torch.tensor(tokens).long(),
        "ended": torch.tensor(int(chosen[-1] == rules.end)), "logits": output.logits[0],
        "margins": torch.stack(margins), "boundaries": torch.tensor(times).double(), "language": languages,
        "no_speech": start_logits.softmax(-1)[rules.no_speech],
    }


def argument_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--language")
    parser.add_argument("--max-tokens", type=int, default=24)
    return parser


def load(arguments):
    """Load model, front end and decoding rules."""
    torch.set_num_threads(2)
    whisper = WhisperForConditionalGeneration.from_pretrained(
        arguments.model, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    extractor = WhisperFeatureExtractor.from_pretrained(arguments.model)
    return whisper, extractor, DecodingRules(arguments.model, whisper, arguments.language)


def answer_all(arguments, answer) -> None:
    """Write the result of `answer(samples)` for every window."""
    results = {}
    for name, samples in load_file(arguments.windows).items():
        results |= {f"{key}.{name}": value.contiguous().clone() for key, value in answer(samples).items()}
    save_file(results, arguments.out)


if __name__ == "__main__":
    arguments = argument_parser(__doc__).parse_args()
    whisper, extractor, rules = load(arguments)
    answer_all(arguments, lambda samples: reference(whisper, extractor, rules, samples, arguments.max_tokens))
