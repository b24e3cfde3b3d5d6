"""Integrated loudness (ITU-R BS.1770-4) of mono WAV files by pyloudnorm, in LUFS: a JSON list, null below the gate.

    loudness.py RECORDING...

The filters are those of B. De Man, which are the standard's at any rate; pyloudnorm's default ones approximate them
and differ by 0.12 LU on speech at 16 kHz. Recordings are cut to whole blocks: the standard leaves an incomplete block
at the end out, and pyloudnorm counts it.
Exits with 77 if a module is missing.
"""

import json
import math
import sys

try:
    import pyloudnorm
    import soundfile
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


# Length of a block and distance of two, in seconds (BS.1770).
BLOCK_S = 0.4
HOP_S = 0.1


def loudness(recording: str) -> float | None:
    samples, rate = soundfile.read(recording, dtype="float64")
    block, hop = round(BLOCK_S * rate), round(HOP_S * rate)
    samples = samples[: block + (len(samples) - block) // hop * hop]
    lufs = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(samples)
    return lufs if math.isfinite(lufs) else None


print(json.dumps([loudness(recording) for recording in sys.argv[1:]]))
