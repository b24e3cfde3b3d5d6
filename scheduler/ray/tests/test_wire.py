import pytest

from earwitness_ray.wire import Address, Envelope, WireError, event, parse


def test_line_of_a_worker_keeps_its_bytes() -> None:
    line = b'3.12 line {"v":7, "a b": "\xff"}'
    envelope = parse(line)
    assert envelope == Envelope(Address(3, 12), "line", b'{"v":7, "a b": "\xff"}')
    assert envelope.encode() == line + b"\n"


def test_event_with_line_ends_is_one_line() -> None:
    encoded = event(None, "fatal", {"message": "two\nlines"}).encode()
    assert encoded.count(b"\n") == 1
    assert parse(encoded.rstrip(b"\n")).json() == {"message": "two\nlines"}


@pytest.mark.parametrize("line", [b"", b"-", b"0.1 line", b"0 line x", b"a.b line x", b"-1.0 line x", b"0. line x"])
def test_malformed_line_is_an_error(line: bytes) -> None:
    with pytest.raises(WireError):
        parse(line)


def test_payload_that_is_not_json_is_an_error() -> None:
    with pytest.raises(WireError, match="`configure`"):
        parse(b"- configure {").json()
