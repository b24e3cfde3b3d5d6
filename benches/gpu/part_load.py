"""The whole product under load: processes generated calls in all five stages, with one and two workers on the
device."""

import speech
from programs import Failed

CALLS, SHORTEST_S, LONGEST_S = 200, 5, 60
MAX_TOKENS = 32


def run(setup, part, deadline) -> None:
    calls = setup.scratch / "load-calls"
    speech.write_calls(setup.speech, calls, *((8, 3, 8) if setup.is_cpu else (CALLS, SHORTEST_S, LONGEST_S)))
    short = setup.scratch / "short.toml"
    short.write_text(setup.one_attempt.read_text() + f"max_tokens = {MAX_TOKENS}\n")
    precision = "f32" if setup.is_cpu else "bf16"
    models = [("small speech model", setup.small_model), (f"random {setup.fast_size}", setup.model(setup.fast_size))]
    for name, model in reversed(models):
        for workers in (1, 2):
            row = dict(model=name, precision=precision, workers=workers)
            out = setup.scratch / f"load-{model.name}-{workers}"
            words = ["--model", model, "--language", "en", "--precision", precision, "--devices", setup.devices]
            words += ["--workers-per-device", workers, "--device-batch-size", 8 if setup.is_cpu else 32]
            try:
                ended = setup.run(calls, out, *words, "--config", short, limit_s=deadline.left())
            except Failed as reason:
                part.check(f"{name}, {workers} workers: the run ends", False, str(reason))
                continue
            part.row("Runs", **row, recordings=ended["files_done"], audio_s=ended["audio_s"], wall_s=ended["elapsed_s"],
                     times_real_time=ended["audio_s"] / ended["elapsed_s"])
            part.check(f"{name}, {workers} workers: every recording completes", ended["files_done"] == ended["files"])
