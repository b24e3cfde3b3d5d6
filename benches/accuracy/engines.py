"""The compared engines. Each engine transcribes files and returns one Transcript per file, in order."""

import hashlib
import importlib.metadata
import json
import os
import shlex
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import models

THREADS = len(os.sched_getaffinity(0))
SEED = 0


@dataclass
class Part:
    """A segment's text, and whether the engine marks it as unreliable."""

    text: str
    unreliable: bool


@dataclass
class Transcript:
    """An engine's transcript of one recording."""

    parts: list[Part]

    @property
    def text(self) -> str:
        return " ".join(part.text.strip() for part in self.parts)

    def confident(self) -> str:
        """The text that is not marked as unreliable."""
        return " ".join(part.text.strip() for part in self.parts if not part.unreliable)


class Ours:
    """Our program: all files in one run, with flags of the command line."""

    peer = False

    def __init__(self, name: str, binary: Path, flags: str, model: str | None):
        self.name, self.binary, self.flags = f"ours {name}".strip(), binary, shlex.split(flags)
        if model and "--model" not in self.flags:
            self.flags += ["--model", model]

    def settings(self) -> dict:
        digest = hashlib.sha256(self.binary.read_bytes()).hexdigest()
        return {"binary_sha256": digest, "flags": self.flags}

    def transcribe(self, files: list[Path], language: str) -> list[Transcript]:
        """The JSON results are matched to the files by their paths."""
        with tempfile.TemporaryDirectory() as out:
            command = [self.binary, "run", *files, "--out", out, "--language", language, "--progress", "none", *self.flags]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"{self.name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
            results = [json.loads(path.read_text()) for path in Path(out).glob("**/*.json")]
        by_path = {Path(result["recording"]["path"]).resolve(): result for result in results}
        return [our_transcript(by_path[path.resolve()]) for path in files]


def our_transcript(result: dict) -> Transcript:
    """The segments of a result file; `low_confidence` is the reason why a text is unreliable."""
    return Transcript([
        Part(segment["text"], segment.get("low_confidence") is not None) for segment in result["segments"]
    ])


class FasterWhisper:
    """faster-whisper with its defaults (beam 5, timestamps, conditioning on the previous text), with or without its
    VAD."""

    peer = True

    def __init__(self, precision: str, vad: bool):
        self.name = f"faster-whisper {precision}" + (", its VAD" if vad else "")
        self.precision, self.vad, self.model = precision, vad, None

    def settings(self) -> dict:
        versions = [f"{name} {importlib.metadata.version(name)}" for name in ("faster-whisper", "ctranslate2")]
        isa = {name: os.environ[name] for name in ("CT2_FORCE_CPU_ISA", "ONEDNN_MAX_CPU_ISA") if name in os.environ}
        return {"versions": versions, "precision": self.precision, "vad_filter": self.vad, "threads": THREADS} | isa

    def transcribe(self, files: list[Path], language: str) -> list[Transcript]:
        """The engine does not mark unreliable text; segments below its own log-probability threshold count as
        unreliable."""
        import ctranslate2
        from faster_whisper import WhisperModel

        if self.model is None:
            folder = str(models.ctranslate2_folder())
            self.model = WhisperModel(folder, device="cpu", compute_type=self.precision, cpu_threads=THREADS)
        transcripts = []
        for file in files:
            ctranslate2.set_random_seed(SEED)
            language_or_none = None if language == "auto" else language
            segments, _ = self.model.transcribe(str(file), language=language_or_none, vad_filter=self.vad)
            transcripts.append(Transcript([Part(segment.text, segment.avg_logprob < -1.0) for segment in segments]))
        return transcripts


class OpenAiWhisper:
    """openai-whisper in f32 with the defaults of its command line (beam 5, best of 5)."""

    peer = True
    name = "openai-whisper"

    def __init__(self, folder: Path | None):
        self.folder, self.model = folder, None

    def settings(self) -> dict:
        versions = [f"{name} {importlib.metadata.version(name)}" for name in ("openai-whisper", "torch")]
        return {"versions": versions, "beam_size": 5, "best_of": 5, "threads": THREADS}

    def transcribe(self, files: list[Path], language: str) -> list[Transcript]:
        """Files are decoded by faster-whisper's reader, so that no ffmpeg is needed."""
        import torch
        from faster_whisper import decode_audio

        if self.model is None:
            torch.set_num_threads(THREADS)
            self.model = models.openai_whisper(self.folder or models.hugging_face_folder())
        transcripts = []
        for file in files:
            torch.manual_seed(SEED)
            result = self.model.transcribe(
                decode_audio(str(file)), language=None if language == "auto" else language, beam_size=5, best_of=5, fp16=False
            )
            parts = [Part(segment["text"], segment["avg_logprob"] < -1.0) for segment in result["segments"]]
            transcripts.append(Transcript(parts))
        return transcripts


def kept_at(engine, file: Path, language: str) -> Path:
    """The cache file of a peer's transcript, named by a hash of its settings, the versions and the recording."""
    recording = hashlib.sha256(file.read_bytes()).hexdigest()
    key = json.dumps([engine.name, engine.settings(), language, recording], sort_keys=True)
    return models.CACHE / "transcripts-2" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def transcripts(engine, files: list[Path], language: str, fresh: bool) -> list[Transcript]:
    """An engine's transcripts of files. Transcripts of peers are cached in the user's cache."""
    if not engine.peer:
        return engine.transcribe(files, language)
    made = []
    for file in files:
        kept = kept_at(engine, file, language)
        if fresh or not kept.exists():
            (transcript,) = engine.transcribe([file], language)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps([asdict(part) for part in transcript.parts]))
        made.append(Transcript([Part(**part) for part in json.loads(kept.read_text())]))
    return made
