"""Word boundary errors by method: attention, attention and energy, the CTC aligner, and that with energy.

    .venv/bin/python tests/long/alignment.py --align-text target/release/examples/align_text \\
        --earwitness target/release/earwitness

Two measurements. *Given text*: the true words over the whole recording, so that alignment is measured separately from
recognition. *Recognized*: the executable with `--aligner attention` and with the aligner, over the same recordings;
a word counts if its text was recognized. Recordings: digits of a speaker outside all training data, trimmed and joined with
gaps of 0 to 300 ms (exact reference); sentences of espeak-ng with its own phoneme times (synthetic, exact); and read
sentences with another tool's alignment as the reference (not exact). Prints markdown tables.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

import voices
from pairing import DIGITS, SPOKEN, pair

ROOT = Path(__file__).parents[2]
# It writes digits as words.
MODEL = ROOT / "fixtures/models/test-tiny"

RATE = 16000
ENGLISH = """
please call me back tomorrow morning|my account number is nine four seven one|i will send you the money on friday
she told me that the meeting was moved to the second floor|do not tell anyone about this conversation
we waited for the train until it was almost dark|the doctor asked him to bring all his papers
nobody answered the phone last night|turn left behind the old church and stop at the bridge
it takes about twenty minutes to walk there
""".replace("\n", "|").strip("|").split("|")
KOREAN = """
지금 어디에 계세요|내일 아침에 다시 전화해 주세요|계좌 번호를 불러 드릴게요|돈은 금요일까지 보내 드리겠습니다
그 사람은 어제 회의에 오지 않았어요|이 이야기는 아무에게도 하지 마세요|기차가 늦어서 한 시간 동안 기다렸어요
병원에서 서류를 모두 가져오라고 했어요|다리 앞에서 왼쪽으로 돌아가면 됩니다|어젯밤에는 아무도 전화를 받지 않았습니다
""".replace("\n", "|").strip("|").split("|")
BELOW_PEAK_DB = 32


def sounding(audio):
    """First and last sample of the sound: frames of 10 ms within 32 dB of the loudest."""
    hop = RATE // 100
    energy = (audio[: len(audio) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-BELOW_PEAK_DB / 10))
    return int(loud[0]) * hop, int(loud[-1] + 1) * hop


def digit_strings(fsdd, speaker, count, rng):
    """Strings of 2 to 10 digits with 0 to 300 ms between them, over faint noise."""
    for _ in range(count):
        pieces, words, at = [np.zeros(int(0.2 * RATE))], [], int(0.2 * RATE)
        for digit in rng.integers(0, 10, rng.integers(2, 11)):
            clip, rate = soundfile.read(fsdd / f"{digit}_{speaker}_{rng.integers(0, 50)}.wav", dtype="float64")
            clip = resample_poly(clip, RATE, rate)
            start, end = sounding(clip)
            clip = clip[start:end] * 0.5 / np.abs(clip).max()
            gap = np.zeros(int(rng.uniform(0, 0.3) * RATE))
            words.append((DIGITS[digit], at / RATE, (at + len(clip)) / RATE))
            pieces += [clip, gap]
            at += len(clip) + len(gap)
        audio = np.concatenate([*pieces, np.zeros(int(0.2 * RATE))])
        yield audio + rng.normal(0, 10 ** (-62 / 20), len(audio)), "en", words


def spoken_sentence(espeak, text):
    """Samples and `(word, start_s, end_s)`, where a word lasts to the end of its last phoneme; none where espeak joins words."""
    audio, starts, pauses = espeak.speak(text)
    audio = resample_poly(audio, RATE, espeak.rate)
    if len(starts) != len(text.split()):
        return None
    end_s = sounding(audio)[1] / RATE
    words = []
    for word, start, after in zip(text.split(), starts, [*starts[1:], end_s]):
        ends = [at for at in pauses if start + 0.03 < at < after]
        words.append((word, start, min([after, *ends])))
    silence = np.zeros(int(0.2 * RATE))
    shifted = [(word, start + 0.2, end + 0.2) for word, start, end in words]
    return np.concatenate([silence, audio, silence]), shifted


def spoken_sentences(voice, language, sentences):
    espeak = voices.Espeak(voice)
    for text in sentences:
        if made := spoken_sentence(espeak, text):
            yield made[0], language, made[1]


def read_sentences(folder):
    for path in sorted(folder.glob("*.json")):
        truth = json.loads(path.read_text())
        if path.name.endswith(".phone.json"):
            continue
        audio, rate = soundfile.read(path.with_suffix(".wav"), dtype="float64")
        words = [(word["t"].split("(")[0], word["b"], word["b"] + word["d"]) for word in truth["w"] if "<" not in word["t"]]
        yield resample_poly(audio, RATE, rate), "en", words


def write(folder, recordings):
    """The recordings as WAV files: `(path, language, words)`."""
    written = []
    for index, (audio, language, words) in enumerate(recordings):
        path = folder / f"r{index:03}.wav"
        soundfile.write(path, audio, RATE, subtype="PCM_16")
        written.append((path, language, words))
    return written


def given_text(program, model, search_s, recordings):
    """The aligner's times of the true words."""
    tasks = [{"wav": str(path), "language": language, "words": [word for word, *_ in words]} for path, language, words in recordings]
    command = [program, model, str(search_s)]
    said = subprocess.run(command, input="\n".join(map(json.dumps, tasks)), capture_output=True, check=True, text=True)
    return [json.loads(line)["words"] for line in said.stdout.splitlines()]


def recognized(earwitness, folder, aligner, recordings):
    out = folder / f"out-{aligner.replace('/', '-')}"
    inputs = [path for path, *_ in recordings]
    command = [earwitness, "run", *inputs, "--out", out, "--model", MODEL, "--aligner", aligner, "--progress", "none"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [json.loads((out / f"{path.stem}.json").read_text())["words"] for path, *_ in recordings]


def raw_attention(earwitness, folder, recordings):
    """Words with the attention's own times, from transcribe's artifact: a group that begins with a space begins one."""
    documents = []
    for path, *_ in recordings:
        out = folder / "out-attention"
        command = [earwitness, "stage", "transcribe", path, "--out", out, "--model", MODEL, "--progress", "none"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        artifact = json.loads(said)["artifact"]
        words = []
        for group in (group for segment in artifact["segments"] for group in segment["token_groups"]):
            if group["text"].startswith(" ") or not words:
                words.append({"text": group["text"].strip(), "start_s": group["start_s"], "end_s": group["end_s"]})
            else:
                words[-1]["text"] += group["text"]
                words[-1]["end_s"] = group["end_s"]
        documents.append(words)
    return documents


def measure(recordings, found):
    """Errors of the words whose text was recognized, and precision and recall of words within 200 ms at both ends."""
    starts, ends, said_count, found_count, fallbacks = [], [], 0, 0, 0
    for (_, _, said), words in zip(recordings, found):
        texts = [word["text"].strip(".,?!").lower() for word in words]
        _, pairs = pair([word for word, *_ in said], [SPOKEN.get(text, text) for text in texts])
        starts += [words[j]["start_s"] - said[i][1] for i, j in pairs]
        ends += [words[j]["end_s"] - said[i][2] for i, j in pairs]
        said_count, found_count = said_count + len(said), found_count + len(words)
        fallbacks += sum(bool(word.get("fallback")) for word in words)
    starts, ends = np.array(starts), np.array(ends)
    both = np.abs(np.concatenate([starts, ends]))
    right = int(((np.abs(starts) <= 0.2) & (np.abs(ends) <= 0.2)).sum())
    ms = lambda x: f"{1000 * x:.0f}"  # noqa: E731
    return [
        len(starts), *(ms(np.percentile(np.abs(x), p)) for x in (starts, ends) for p in (50, 95)),
        ms(np.median(starts)), ms(np.median(ends)), f"{100 * (both <= 0.05).mean():.1f}", f"{100 * (both <= 0.2).mean():.1f}",
        f"{100 * right / found_count:.1f} / {100 * right / said_count:.1f}", fallbacks,
    ]


def table(title, rows):
    print(f"\n{title}\n")
    print("| method | words | start p50 | p95 | end p50 | p95 | start bias | end bias | <= 50 ms % | <= 200 ms % | precision / recall % | by attention |")
    print("|" + "---|" * 12)
    for name, values in rows:
        print("| " + " | ".join(map(str, [name, *values])) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--align-text", type=Path, required=True)
    parser.add_argument("--earwitness", type=Path, help="measure the recognized digits too")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--model", default="embedded", help="embedded, a folder or a hub id")
    parser.add_argument("--speaker", default="george")
    parser.add_argument("--strings", type=int, default=100)
    parser.add_argument("--search-s", type=float, nargs="*", default=[0.0, 0.05, 0.15], help="reaches of energy")
    parser.add_argument("--seed", type=int, default=20261126)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as tmp:
        sets = {
            f"digits of {options.speaker}, exact": digit_strings(options.data / "fsdd", options.speaker, options.strings, rng),
            "espeak-ng English, phoneme times": spoken_sentences("en-us", "en", ENGLISH),
            "espeak-ng Korean, phoneme times": spoken_sentences("ko", "ko", KOREAN),
            "read English, truth by another tool": read_sentences(options.data / "en"),
        }
        digits = None
        for index, (title, made) in enumerate(sets.items()):
            folder = Path(tmp) / str(index)
            folder.mkdir()
            recordings = write(folder, made)
            digits = digits or (folder, recordings)
            rows = [
                (f"ctc, energy within {1000 * reach:.0f} ms" if reach else "ctc", measure(recordings, given_text(options.align_text, options.model, reach, recordings)))
                for reach in options.search_s
            ]
            table(f"Given text: {title}", rows)
        if options.earwitness:
            folder, recordings = digits
            rows = [("attention", measure(recordings, raw_attention(options.earwitness, folder, recordings)))]
            for aligner in ("attention", options.model):
                name = "attention+energy" if aligner == "attention" else f"ctc ({aligner})"
                rows.append((name, measure(recordings, recognized(options.earwitness, folder, aligner, recordings))))
            table(f"Recognized: digits of {options.speaker}", rows)


if __name__ == "__main__":
    main()
