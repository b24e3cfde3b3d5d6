"""Praat's pitch of recordings, frame by frame, with the very samples that it was computed from.

    praat_pitch.py OUT_DIR FLOOR_HZ CEILING_HZ WAV...

Each recording is mixed to mono and resampled to 16 kHz by Praat. OUT_DIR/N.f32 holds the samples (little-endian f32),
OUT_DIR/N.json `first_s`, `step_s` and `f0_hz`, 0 where a frame is unvoiced.
Exits with 77 if a module is missing.
"""

import json
import sys
from pathlib import Path

try:
    import numpy as np
    import parselmouth
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


def main() -> None:
    out, floor, ceiling, *recordings = sys.argv[1:]
    for number, recording in enumerate(recordings):
        sound = parselmouth.Sound(recording).convert_to_mono()
        if sound.sampling_frequency != 16000:
            sound = sound.resample(16000)
        samples = sound.values[0].astype("<f4")
        (Path(out) / f"{number}.f32").write_bytes(samples.tobytes())
        sound = parselmouth.Sound(samples.astype(np.float64), 16000)
        pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=float(floor), pitch_ceiling=float(ceiling))
        track = {"first_s": pitch.x1, "step_s": pitch.dx, "f0_hz": pitch.selected_array["frequency"].tolist()}
        (Path(out) / f"{number}.json").write_text(json.dumps(track))


if __name__ == "__main__":
    main()
