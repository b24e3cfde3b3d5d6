"""faster-whisper on files, in its own process: `python peer.py REQUEST`, where REQUEST is JSON.

    {"model": FOLDER, "precision": ..., "threads": N, "beam_size": N, "batch_size": N, "language": CODE or null,
     "files": [...]}

Prints JSON: seconds of importing and loading, seconds of transcribing, and the texts.
"""

import json
import sys
import time

START = time.perf_counter()


def main() -> None:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    request = json.loads(sys.argv[1])
    model = WhisperModel(
        request["model"], device="cpu", compute_type=request["precision"], cpu_threads=request["threads"], num_workers=1
    )
    pipeline = BatchedInferencePipeline(model=model)
    loaded, texts = time.perf_counter(), []
    for file in request["files"]:
        segments, _ = pipeline.transcribe(
            file, language=request["language"], beam_size=request["beam_size"], batch_size=request["batch_size"]
        )
        texts.append(" ".join(segment.text.strip() for segment in segments))
    print(json.dumps({"load_s": loaded - START, "transcribe_s": time.perf_counter() - loaded, "texts": texts}))


if __name__ == "__main__":
    main()
