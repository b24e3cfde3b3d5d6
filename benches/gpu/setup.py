"""Shared by all parts: programs, models, audio, and command lines."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import programs
import speech
from programs import Failed

HERE = Path(__file__).resolve().parent
# Decoding options for comparisons and random networks: one greedy attempt that no threshold rejects.
# Settings of all runs: GPUs are admitted regardless of the memory that other processes hold, because the out-of-memory
# part fills it; and every window is decoded in one attempt.
ONE_ATTEMPT = """[devices]
memory_admit_percent = 100
admit_unknown = true
[transcribe]
temperatures = [0.0]
compression_ratio_threshold = 1000.0
logprob_threshold = -1000.0
no_speech_threshold = 1.0
repetition_limit = 0
"""
# Makes the network use candle's operations on a GPU.
KERNELS_OFF = {"EARWITNESS_CUDA_KERNELS": "off"}
WINDOWS = 64
MODEL_LIMIT_S = 60
SPEECH = "reading.wav"


@dataclass
class Setup:
    """The programs and folders of one check."""

    device: str
    earwitness: Path
    bench: Path
    small_model: Path
    calls: Path
    launches: Path | None
    scratch: Path
    log: Path
    models: dict = field(default_factory=dict)

    def __post_init__(self):
        self.speech = speech.load(self.calls / SPEECH)
        self.one_attempt = self.scratch / "one-attempt.toml"
        self.one_attempt.write_text(ONE_ATTEMPT)
        self.windows = self.scratch / "windows.safetensors"
        speech.write_windows(self.speech, 4 if self.is_cpu else WINDOWS, self.windows)

    @property
    def is_cpu(self) -> bool:
        return self.device == "cpu"

    @property
    def devices(self) -> str:
        """The device in the syntax of the product's `--devices`."""
        return "cpu" if self.is_cpu else "cuda:0"

    @property
    def sizes(self) -> list[str]:
        return ["tiny"] if self.is_cpu else ["large-v3", "turbo"]

    @property
    def fast_size(self) -> str:
        """The size of the random network for runs of the whole product."""
        return self.sizes[-1]

    def model(self, size: str) -> Path:
        """The folder of a random network, which is created on first use."""
        if size not in self.models:
            folder = self.scratch / "models" / size
            self.python("models.py", size, folder, limit_s=MODEL_LIMIT_S)
            self.models[size] = folder
        return self.models[size]

    def python(self, script: str, *words, limit_s: float) -> dict:
        command = [sys.executable, HERE / script, *words, "--device", self.device]
        return programs.report_of(command, limit_s, self.log)

    def peer(self, *words, limit_s: float) -> dict:
        return self.python("peer.py", *words, limit_s=limit_s)

    def ours(self, *words, limit_s: float, environment: dict | None = None, codes: tuple = (0,)) -> dict:
        command = [self.bench, *words, "--device", self.device]
        return programs.report_of(command, limit_s, self.log, environment, codes)

    def run(self, inputs: Path, out: Path, *words, limit_s: float) -> dict:
        """Runs `earwitness run` to its end and returns the summary."""
        return summary(programs.run(self.run_command(inputs, out, *words), limit_s, self.log))

    def run_command(self, inputs: Path, out: Path, *words) -> list:
        return self.product("run", inputs, "--out", out, "--progress", "json", *words)

    def product(self, *words) -> list:
        """A command line of the product, with one decoding attempt unless `words` contains `--config`."""
        config = [] if "--config" in words else ["--config", self.one_attempt]
        return [self.earwitness, *words, *config]

    def transcripts(self, out: Path, *words, limit_s: float, environment: dict | None = None) -> dict:
        """Runs `earwitness stage transcribe` on the fixture calls and returns the text tokens of each."""
        common = ["--out", out, "--model", self.small_model, "--progress", "none"]
        command = self.product("stage", "transcribe", self.calls, *common, *words)
        ended = programs.run(command, limit_s, self.log, environment)
        if ended.code != 0:
            raise Failed(f"stage transcribe ended with exit code {ended.code}")
        artifacts = [json.loads(line) for line in ended.stdout.splitlines()]
        return {Path(one["path"]).name: tokens(one["artifact"]) for one in artifacts}

    def status(self, out: Path) -> str:
        return programs.run([self.earwitness, "status", out], 30, self.log).stdout


def tokens(transcript: dict) -> list[int]:
    return [token for segment in transcript["segments"] for group in segment["token_groups"] for token in group["ids"]]


def summary(ended: programs.Ended) -> dict:
    """The last line of `--progress json`, with the exit code."""
    lines = [line for line in ended.stderr.splitlines() if line.startswith('{"summary"')]
    if not lines:
        errors = ended.stderr.strip().splitlines() or ["nothing on stderr"]
        raise Failed(f"exit code {ended.code}: {errors[-1][:300]}")
    return json.loads(lines[-1])["summary"] | {"exit_code": ended.code}
