"""The lines between coordinator and driver: `ADDRESS VERB PAYLOAD`.

The address is `-` for the driver itself, or `SLOT.GENERATION`: a slot runs one worker after another, and the generation
tells them apart. The payload of `line` is a line of the worker's own protocol, which nobody here parses; that of other
verbs is JSON.

    to the driver    - configure {...}   0.1 start {}   0.1 line ...   0.1 close {}   0.1 kill {}   0.1 release {}
    from the driver  - ready {...}   - capacity 4   - beat {}   - fatal {...}
                     0.1 up {...}   0.1 line ...   0.1 alive {...}   0.1 pending {...}   0.1 down {...}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


class WireError(Exception):
    """A line is not an envelope."""


@dataclass(frozen=True)
class Address:
    """One of the successive workers of a slot."""

    slot: int
    generation: int

    def __str__(self) -> str:
        return f"{self.slot}.{self.generation}"


@dataclass(frozen=True)
class Envelope:
    """A line. Without an address it concerns the driver itself."""

    address: Address | None
    verb: str
    payload: bytes

    def json(self) -> Any:
        """The payload as JSON."""
        try:
            return json.loads(self.payload)
        except ValueError as error:
            raise WireError(f"the payload of `{self.verb}` is not JSON: {error}") from error

    def encode(self) -> bytes:
        """The line with its end."""
        address = "-" if self.address is None else str(self.address)
        return f"{address} {self.verb} ".encode() + self.payload + b"\n"


def event(address: Address | None, verb: str, payload: Any) -> Envelope:
    """An envelope with a JSON payload."""
    return Envelope(address, verb, json.dumps(payload).encode())


def parse(line: bytes) -> Envelope:
    """Parses a line without its end."""
    parts = line.split(b" ", 2)
    if len(parts) != 3:
        raise WireError(f"a line has {len(parts)} of 3 parts: {line[:80]!r}")
    address, verb, payload = parts
    return Envelope(_address(address), verb.decode("ascii", "replace"), payload)


def _address(text: bytes) -> Address | None:
    if text == b"-":
        return None
    slot, point, generation = text.partition(b".")
    if not (point and slot.isdigit() and generation.isdigit()):
        raise WireError(f"not the address of a slot: {text[:80]!r}")
    return Address(int(slot), int(generation))
