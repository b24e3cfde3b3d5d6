"""Praat's acoustic measures of recordings, with the very samples that they were computed from.

    praat_voice.py OUT_DIR FLOOR_HZ CEILING_HZ RECORDING...

A recording is a WAV, which Praat mixes to mono and resamples to 16 kHz, or raw little-endian f32 at 16 kHz (`.f32`). At
most the first 12 s are used. OUT_DIR/N.f32 holds the samples, OUT_DIR/N.json the measures. A track has `first_s`,
`step_s` and `values`; null where Praat has no value.
Exits with 77 if a module is missing.
"""

import json
import math
import sys
from pathlib import Path

try:
    import numpy as np
    import parselmouth
    from parselmouth.praat import call
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

RATE = 16000
LONGEST_S = 12
# Half of a frame of the cepstrum, in seconds; the distance of its frames, in those of the pitch; twice its band, which
# recordings at 8 kHz have too.
CEPSTRUM_REACH_S = 0.032
CEPSTRUM_STRIDE = 5
CEPSTRUM_RATE = 8000
# Arguments of the queries: the whole recording, shortest and longest period in seconds, period factor.
PERIODS = (0, 0, 0.0001, 0.02, 1.3)
AMPLITUDE_FACTOR = 1.6


def samples_of(recording: str) -> np.ndarray:
    if recording.endswith(".f32"):
        return np.fromfile(recording, "<f4")[: RATE * LONGEST_S]
    sound = parselmouth.Sound(recording).convert_to_mono()
    if sound.sampling_frequency != RATE:
        sound = sound.resample(RATE)
    return sound.values[0].astype("<f4")[: RATE * LONGEST_S]


def known(values) -> list:
    return [None if math.isnan(value) else float(value) for value in values]


def track(grid, values) -> dict:
    return {"first_s": grid.x1, "step_s": grid.dx, "values": known(values)}


def prominences(sound, pitch, floor: float, ceiling: float) -> list:
    """Peak prominence of the power cepstrum of single frames; NaN where the pitch is unvoiced and between the frames."""
    narrow = sound.resample(CEPSTRUM_RATE)
    values = []
    for number, (time_s, f0) in enumerate(zip(pitch.xs(), pitch.selected_array["frequency"])):
        if f0 == 0 or number % CEPSTRUM_STRIDE:
            values.append(math.nan)
            continue
        reach = (time_s - CEPSTRUM_REACH_S, time_s + CEPSTRUM_REACH_S)
        frame = narrow.extract_part(*reach, parselmouth.WindowShape.HANNING, 1, False)
        cepstrum = call(frame.to_spectrum(False), "To PowerCepstrum")
        line = (0.001, 0.05, "Straight", "Least squares")
        values.append(call(cepstrum, "Get peak prominence", floor, ceiling, "None", *line))
    return values


def measures(sound, floor: float, ceiling: float) -> dict:
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=floor, pitch_ceiling=ceiling)
    pulses = call([sound, pitch], "To PointProcess (cc)")
    count = int(call(pulses, "Get number of points"))
    times = [call(pulses, "Get time from index", i + 1) for i in range(count)]
    jitter = {kind: call(pulses, f"Get jitter ({kind})", *PERIODS) for kind in ("local", "rap", "ppq5", "ddp")}
    shimmer = {
        kind: call([sound, pulses], f"Get shimmer ({kind})", *PERIODS, AMPLITUDE_FACTOR)
        for kind in ("local", "apq3", "apq5", "apq11")
    }
    amplitudes = []
    if count > 1:
        tier = call([pulses, sound], "To AmplitudeTier (period)", *PERIODS)
        points = int(call(tier, "Get number of points"))
        amplitudes = [
            (call(tier, "Get time from index", i + 1), call(tier, "Get value at index", i + 1)) for i in range(points)
        ]
    harmonicity = sound.to_harmonicity_cc(time_step=0.01, minimum_pitch=floor)
    intensity = sound.to_intensity(minimum_pitch=floor, time_step=0.01)
    formants = sound.to_formant_burg(time_step=0.01, maximum_formant=5500.0)
    times_of = formants.xs()
    number = range(1, 5)
    frequency = [[formants.get_value_at_time(n, t) for t in times_of] for n in number]
    bandwidth = [[formants.get_bandwidth_at_time(n, t) for t in times_of] for n in number]
    ltas = call(sound, "To Ltas", 100)
    bins = int(call(ltas, "Get number of bins"))
    return {
        "f0_hz": track(pitch, [math.nan if f0 == 0 else f0 for f0 in pitch.selected_array["frequency"]]),
        "pulses_s": times,
        "jitter": {kind: known([value])[0] for kind, value in jitter.items()},
        "shimmer": {kind: known([value])[0] for kind, value in shimmer.items()},
        "amplitudes": amplitudes,
        "hnr_db": track(harmonicity, [math.nan if value == -200 else value for value in harmonicity.values[0]]),
        "intensity_db": track(intensity, intensity.values[0]),
        "formants_hz": [track(formants, values) for values in frequency],
        "bandwidths_hz": [track(formants, values) for values in bandwidth],
        "cpp_db": track(pitch, prominences(sound, pitch, floor, ceiling)),
        "ltas_db": [call(ltas, "Get value in bin", i + 1) for i in range(bins)],
    }


def main() -> None:
    out, floor, ceiling, *recordings = sys.argv[1:]
    for number, recording in enumerate(recordings):
        samples = samples_of(recording)
        (Path(out) / f"{number}.f32").write_bytes(samples.tobytes())
        sound = parselmouth.Sound(samples.astype(np.float64), RATE)
        found = measures(sound, float(floor), float(ceiling))
        (Path(out) / f"{number}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
