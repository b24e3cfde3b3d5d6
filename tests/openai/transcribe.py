"""Transcribes a file with OpenAI's Python client, in each way that it offers: transcribe.py URL FILE TEXT.

TEXT is what the program itself makes of the file. The server is `earwitness serve --transcribe`.
"""

import asyncio
import sys
from pathlib import Path

from openai import AsyncOpenAI, BadRequestError, OpenAI

REQUESTS = 20


def expect(condition: bool, what: object) -> None:
    if not condition:
        sys.exit(f"unexpected: {what!r}")


def each_way(client: OpenAI, file: Path, text: str) -> None:
    create = client.audio.transcriptions.create
    expect(create(file=file, model="whisper-1").text == text, "json")
    expect(create(file=file, model="whisper-1", response_format="text").strip() == text, "text")
    granularities = ["word", "segment"]
    verbose = create(
        file=file, model="whisper-1", language="en", response_format="verbose_json", timestamp_granularities=granularities
    )
    expect(verbose.language == "english" and verbose.duration > 5, verbose)
    expect(" ".join(word.word for word in verbose.words) == text, verbose.words)
    expect(all(a.end <= b.start + 0.001 for a, b in zip(verbose.words, verbose.words[1:])), verbose.words)
    expect("".join(segment.text for segment in verbose.segments).strip() == text, verbose.segments)
    expect(all(segment.tokens and segment.avg_logprob < 0 for segment in verbose.segments), verbose.segments)
    cues = create(file=file, model="whisper-1", response_format="srt")
    expect(" --> " in cues and cues.startswith("1\n00:00:"), cues)
    events = list(create(file=file, model="whisper-1", language="en", stream=True))
    expect(len(events) > 1 and events[-1].type == "transcript.text.done" and events[-1].text == text, events)


def errors(client: OpenAI, file: Path) -> None:
    for parameter, arguments in [("language", {"language": "xx"}), ("file", {"file": ("call.m4a", b"not a recording")})]:
        try:
            client.audio.transcriptions.create(**{"file": file, "model": "whisper-1"} | arguments)
        except BadRequestError as error:
            expect(error.param == parameter and error.body["message"], error)
        else:
            sys.exit(f"no error: {arguments}")


async def at_once(url: str, file: Path, text: str) -> None:
    async with AsyncOpenAI(base_url=url, max_retries=0, timeout=300) as client:
        create = client.audio.transcriptions.create
        answers = await asyncio.gather(*(create(file=file, model="whisper-1") for _ in range(REQUESTS)))
    expect(all(answer.text == text for answer in answers), answers)


def main() -> None:
    url, file, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    client = OpenAI(base_url=url, timeout=300)
    each_way(client, file, text)
    errors(client, file)
    asyncio.run(at_once(url, file, text))


if __name__ == "__main__":
    main()
