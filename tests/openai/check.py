"""Calls a server of cli/serve with OpenAI's Python client: check.py URL, with the token in OPENAI_API_KEY.

The server has the transcriber of the crate's tests, which does what a file states (tests/server/support/fake_transcriber.rs).
"""

import asyncio
import hashlib
import sys

import openai
from openai import AsyncOpenAI, OpenAI

FILE = ("call.wav", b"fake segments=3", "audio/wav")


def text(contents: bytes, segments: int, task: str = "call") -> str:
    """What the server's transcriber returns."""
    short = hashlib.sha256(contents).hexdigest()[:8]
    return " ".join(f"{task} {short} {index}" for index in range(segments))


def expect(condition: bool, what: object) -> None:
    if not condition:
        sys.exit(f"unexpected: {what!r}")


def formats(client: OpenAI) -> None:
    create = client.audio.transcriptions.create
    expected = text(FILE[1], 3)
    plain = create(file=FILE, model="whisper-1")
    expect(plain.text == expected and plain.usage.seconds == 3, plain)
    expect(create(file=FILE, model="whisper-1", response_format="text").strip() == expected, "text")
    expect(create(file=FILE, model="whisper-1", response_format="srt").count(" --> ") == 3, "srt")
    expect(create(file=FILE, model="whisper-1", response_format="vtt").startswith("WEBVTT\n\n"), "vtt")
    verbose = create(
        file=FILE,
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        language="ko",
        prompt="이름",
        temperature=0.25,
    )
    expect(verbose.text == expected and verbose.language == "korean" and verbose.duration == 3, verbose)
    expect([segment.end for segment in verbose.segments] == [1, 2, 3] and len(verbose.words) == 9, verbose)
    expect(verbose.segments[2].temperature == 0.25 and verbose.segments[2].tokens == [50364, 1, 2], verbose)
    translation = client.audio.translations.create(file=FILE, model="whisper-1")
    expect(translation.text == text(FILE[1], 3, "translated"), translation)


def streams(client: OpenAI) -> None:
    events = list(client.audio.transcriptions.create(file=FILE, model="whisper-1", stream=True))
    types = [event.type for event in events]
    expect(types == ["transcript.text.delta"] * 3 + ["transcript.text.done"], types)
    expect("".join(event.delta for event in events[:3]) == events[3].text == text(FILE[1], 3), events)
    failing = ("call.wav", b"fake segments=1 fail=bad")
    stream = client.audio.transcriptions.create(file=failing, model="whisper-1", stream=True)
    try:
        list(stream)
    except openai.APIError as error:
        expect("cut off" in error.message, error)
    else:
        sys.exit("a stream with an error ended without one")
    # A client that leaves in the middle.
    slow = ("call.wav", b"fake segments=1000 pause_ms=20")
    stream = client.audio.transcriptions.create(file=slow, model="whisper-1", stream=True)
    next(iter(stream))
    stream.close()


def models(client: OpenAI) -> None:
    listed = client.models.list().data
    expect([model.id for model in listed] == ["fake-tiny"], listed)
    expect(client.models.retrieve("fake-tiny").owned_by == "earwitness", listed)


def errors(client: OpenAI) -> None:
    create = client.with_options(max_retries=0).audio.transcriptions.create
    for kind, parameter, arguments in [
        (openai.NotFoundError, "model", {"model": "gpt-9"}),
        (openai.BadRequestError, "temperature", {"model": "whisper-1", "temperature": 7}),
        (openai.BadRequestError, "timestamp_granularities", {"model": "whisper-1", "timestamp_granularities": ["word"]}),
        (openai.BadRequestError, "file", {"model": "whisper-1", "file": ("a.wav", b"RIFF")}),
        (openai.RateLimitError, None, {"model": "whisper-1", "file": ("a.wav", b"fake fail=busy")}),
        (openai.InternalServerError, None, {"model": "whisper-1", "file": ("a.wav", b"fake fail=internal")}),
    ]:
        try:
            create(**{"file": FILE} | arguments)
        except kind as error:
            expect(error.param == parameter and error.body["message"], error)
        else:
            sys.exit(f"no error: {arguments}")
    stranger = client.with_options(api_key="wrong-0123456789abcdef", max_retries=0)
    try:
        stranger.models.list()
    except openai.AuthenticationError as error:
        expect(error.code == "invalid_api_key", error)
    else:
        sys.exit("a wrong token was accepted")


async def many(url: str, count: int) -> None:
    """Requests of different lengths at once, of which none may be lost or confused."""

    async def one(client: AsyncOpenAI, index: int) -> None:
        segments = 1 + index % 5
        contents = f"fake segments={segments} pause_ms={index % 11} id={index} ".encode() + b"x" * (index * 997)
        answer = await client.audio.transcriptions.create(file=("call.wav", contents), model="whisper-1")
        expect(answer.text == text(contents, segments), answer)

    async with AsyncOpenAI(base_url=url, max_retries=0, timeout=120) as client:
        await asyncio.gather(*(one(client, index) for index in range(count)))


def main() -> None:
    url = sys.argv[1]
    client = OpenAI(base_url=url, timeout=60)
    formats(client)
    streams(client)
    models(client)
    errors(client)
    asyncio.run(many(url, 200))
    print("ok")


if __name__ == "__main__":
    main()
