"""espeak-ng through its C library, which reports when sounds begin."""

import ctypes

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
_WORD, _PHONEME = 1, 7
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """A voice of espeak-ng. The library has global state, so create only one instance per process at a time."""

    def __init__(self, voice: str):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        self.samples, self.events = [], []
        self.callback = _Callback(self._collect)  # kept alive, because the library does not own it
        self.library.espeak_SetSynthCallback(self.callback)
        self.library.espeak_SetVoiceByName(voice.encode())

    def _collect(self, samples, count, events) -> int:
        if count > 0:
            self.samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type:
            event = events[index]
            if event.type in (_WORD, _PHONEME):
                name = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")
                self.events.append((event.type, event.audio_position / 1000, name))
            index += 1
        return 0

    def speak(self, text: str) -> tuple[np.ndarray, list[float], list[float]]:
        """Samples in [-1, 1) at `rate`; when each word begins, and each pause, in seconds. espeak joins some words."""
        self.samples, self.events = [], []
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self.library.espeak_Synchronize()
        words = [at for kind, at, _ in self.events if kind == _WORD]
        pauses = [at for kind, at, name in self.events if kind == _PHONEME and name.strip("_:;|") == ""]
        return np.concatenate(self.samples).astype(np.float64) / 32768, words, pauses
