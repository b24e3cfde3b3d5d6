"""The token sequences that transformers' greedy and beam search find for a list of windows.

    python search.py MODEL_DIR WINDOWS.safetensors OUT.safetensors [--language CODE] [--max-tokens N] [--beams N]

WINDOWS is the same as for `reference.py`. OUT contains for window `i` and each MODE of `greedy`, `greedy_timestamps`,
`beam` and `beam_timestamps`: `MODE.tokens.i`, without the end token, and `MODE.margins.i`: the margin of each step's
decision. Greedy: the best token minus the second best. Beams: the last continuation that was kept minus the first that
was not, and once more at the end, the best hypothesis minus the second best. With timestamps, also the difference
between their total log-probability and that of the most likely other token.

Exits with 77 if a module is missing.
"""

import sys

try:
    import torch
    from transformers import GenerationMixin, LogitsProcessor
    from transformers.generation.logits_process import WhisperTimeStampLogitsProcessor
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

from reference import DecodingRules, answer_all, argument_parser, load


class Timestamps(LogitsProcessor):
    """Whisper's timestamp rules. Records the margin of the choice between timestamps and other tokens."""

    def __init__(self, config, rules: DecodingRules, begin: int):
        self.rule = WhisperTimeStampLogitsProcessor(config, begin_index=begin)
        self.bounds = WhisperTimeStampLogitsProcessor(config, begin_index=begin, _detect_timestamp_from_logprob=False)
        self.first = rules.no_timestamps + 1
        self.margins = []

    def __call__(self, input_ids, scores):
        logprobs = self.bounds(input_ids, scores).log_softmax(-1)
        timestamps, others = logprobs[:, self.first :].logsumexp(-1), logprobs[:, : self.first].amax(-1)
        self.margins.append((timestamps - others).abs().nan_to_num(torch.inf).min())
        return self.rule(input_ids, scores)


class Margins(LogitsProcessor):
    """The margin between the best and the second best score, after all other rules."""

    def __init__(self):
        self.margins = []

    def __call__(self, input_ids, scores):
        best = scores.topk(2, -1).values
        self.margins.append((best[:, 0] - best[:, 1]).min())
        return scores


def watch_beams(model, beams: int, end: int) -> list[torch.Tensor]:
    """Make beam search record the margins of its steps in a list."""
    margins = []

    def keep(accumulated_log_probs, **arguments):
        best, indices = accumulated_log_probs[0].topk(2 * beams + 1)
        ends = indices % (len(accumulated_log_probs[0]) // beams) == end
        running = best[~ends]
        gaps = [running[beams - 1] - running[beams], best[2 * beams - 1] - best[2 * beams]]
        if ends[beams - 1] or ends[beams]:
            gaps.append(best[beams - 1] - best[beams])
        margins.append(torch.stack([gap for gap in gaps if gap.isfinite()] or [torch.tensor(torch.inf)]).min())
        return GenerationMixin._get_top_k_continuations(
            model, accumulated_log_probs=accumulated_log_probs, **arguments
        )

    model._get_top_k_continuations = keep
    return margins


def search(model, states, rules: DecodingRules, prompt: list[int], timestamps: bool, beams: int, max_tokens: int):
    """Return the tokens after the prompt, without the end token, and the margins."""
    suppressed = [token for token in rules.suppressed if not (timestamps and token > rules.no_timestamps)]
    rule = Timestamps(model.generation_config, rules, len(prompt))
    best = Margins()
    kept = watch_beams(model, beams, rules.end) if beams > 1 else best.margins
    answer = GenerationMixin.generate(
        model, encoder_outputs=states, decoder_input_ids=torch.tensor([prompt]), do_sample=False, num_beams=beams,
        max_new_tokens=max_tokens, suppress_tokens=suppressed, eos_token_id=rules.end, pad_token_id=rules.end,
        begin_suppress_tokens=sorted({*suppressed, *rules.suppressed_first} - ({*rules.suppressed} - {*suppressed})),
        logits_processor=[rule, best] if timestamps else [best], return_dict_in_generate=True, output_scores=beams > 1,
        **(dict(early_stopping=False, length_penalty=1.0, num_return_sequences=2) if beams > 1 else {}),
    )
    margins = torch.stack(kept)
    if timestamps:
        margins = torch.minimum(margins, torch.stack(rule.margins))
    if beams > 1:
        scores = answer.sequences_scores
        margins = torch.cat([margins, (scores[0] - scores[1]).abs()[None]])
    tokens = answer.sequences[0, len(prompt) :].tolist()
    return [token for token in tokens if token != rules.end], margins


@torch.inference_mode()
def searches(model, extractor, rules: DecodingRules, samples: torch.Tensor, arguments) -> dict[str, torch.Tensor]:
    mel = extractor(samples.numpy(), sampling_rate=16000, return_tensors="pt").input_features
    states = model.model.encoder(mel)
    start = model(encoder_outputs=states, decoder_input_ids=torch.tensor([[rules.start]])).logits[0, 0]
    prompt, _ = rules.prompt(start)
    found = {}
    for mode, beams in [("greedy", 1), ("beam", arguments.beams)]:
        for name, timestamps in [(mode, False), (f"{mode}_timestamps", True)]:
            opening = prompt[:-1] if timestamps else prompt
            tokens, margins = search(model, states, rules, opening, timestamps, beams, arguments.max_tokens)
            found |= {f"{name}.tokens": torch.tensor(tokens).long(), f"{name}.margins": margins}
    return found


if __name__ == "__main__":
    parser = argument_parser(__doc__)
    parser.add_argument("--beams", type=int, default=5)
    arguments = parser.parse_args()
    whisper, extractor, rules = load(arguments)
    whisper.generation_config.no_timestamps_token_id = rules.no_timestamps
    whisper.generation_config.eos_token_id = rules.end
    whisper.generation_config.max_initial_timestamp_index = 50
    answer_all(arguments, lambda samples: searches(whisper, extractor, rules, samples, arguments))
