"""espeak-ng through its C library, which reports when words and phonemes begin."""

import ctypes
from dataclasses import dataclass

import numpy as np


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """`espeak_EVENT`."""

    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Identity),
    ]  # fmt: skip


_SYNCHRONOUS, _UTF8, _PHONEME_EVENTS = 2, 1, 1
_SPEED, _PITCH, _RANGE = 1, 3, 4
_WORD, _PHONEME = 1, 7
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass
class Event:
    """A word that begins at a character of the text, or a phoneme (empty for a pause)."""

    at_s: float
    character: int | None
    phoneme: str | None


class Espeak:
    """The library has global state, so create only one instance per process."""

    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        self.samples, self.events = [], []
        self.callback = _Callback(self._collect)  # kept alive, because the library does not own it
        self.library.espeak_SetSynthCallback(self.callback)

    def _collect(self, samples, count, events) -> int:
        if count > 0:
            self.samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type:
            event, index = events[index], index + 1
            at_s = event.audio_position / 1000
            if event.type == _WORD:
                self.events.append(Event(at_s, event.text_position - 1, None))
            elif event.type == _PHONEME:
                name = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")
                pause = name.strip("_:|") == ""
                self.events.append(Event(at_s, None, "" if pause else name))
        return 0

    def speak(self, voice: str, speed: int, pitch: int, text: str) -> tuple[np.ndarray, list[Event]]:
        """Samples in [-1, 1) at `rate`, and the events; `speed` is in words per minute, `pitch` from 0 to 99."""
        self.library.espeak_SetVoiceByName(voice.encode())
        self.library.espeak_SetParameter(_SPEED, speed, 0)
        self.library.espeak_SetParameter(_PITCH, pitch, 0)
        self.samples, self.events = [], []
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self.library.espeak_Synchronize()
        return np.concatenate(self.samples).astype(np.float64) / 32768, self.events
