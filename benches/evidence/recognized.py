"""How much evidence is left after recognition: English sentences spoken by synthetic voices through a telephone, and Korean
sentences with the substitutions that the program makes on ko/talk, beside the clean text.

python3 benches/evidence/recognized.py WORK --split test

Needs espeak-ng, flite and ffmpeg, and for Korean the shared recordings next to the checkout. WORK keeps what was spoken and
recognized for the next run. The standard library is enough.
"""

import argparse
import csv
import json
import random
import subprocess
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TALK = ROOT.parent / "shared/data/ko/talk"
# The telephone band, coded as exchanges do.
TELEPHONE = ["-af", "highpass=f=300,lowpass=f=3400", "-ar", "8000", "-ac", "1", "-c:a", "pcm_mulaw"]
VOICES = [
    ["flite", "-voice", "slt"],
    ["flite", "-voice", "rms"],
    ["flite", "-voice", "kal16"],
    ["flite", "-voice", "awb"],
    ["espeak-ng", "-v", "en-gb", "-s", "165"],
    ["espeak-ng", "-v", "en-us+f3", "-s", "165"],
]
# Draws of substitutions.
DRAWS = 5


@dataclass(frozen=True)
class Sentence:
    id: str
    language: str
    text: str
    expected: str

    @property
    def kind(self) -> str:
        """`evidence`, `reported` or `none`."""
        return self.expected if self.expected in ("reported", "none") else "evidence"


def sentences(language: str, split: str) -> list[Sentence]:
    path = ROOT / f"benches/evidence/sentences/{language}_{split}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Sentence(row["id"], language, row["text"], row["expected"]) for row in rows]


def speak(sentence: Sentence, voice: list[str], path: Path) -> None:
    """Writes a sentence as a telephone would record it."""
    if path.exists():
        return
    raw = path.with_suffix(".raw.wav")
    if voice[0] == "flite":
        subprocess.run([*voice, "-t", sentence.text, "-o", raw], check=True)
    else:
        subprocess.run([*voice, "-w", raw, sentence.text], check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", raw, *TELEPHONE, path], check=True)
    raw.unlink()


def recognized(program: Path, recordings: list[Path], out: Path, language: str) -> dict[str, str]:
    """The text of each recording by its name."""
    arguments = ["run", *map(str, recordings), "--out", str(out), "--language", language, "--devices", "cpu"]
    subprocess.run([program, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    documents = {path.stem: json.loads((out / f"{path.stem}.json").read_text()) for path in recordings}
    return {name: " ".join(s["text"] for s in document["segments"]).strip() for name, document in documents.items()}


def judge(program: Path, texts: list[Sentence], work: Path) -> dict[str, list[dict]]:
    """The items that count, by id."""
    path = work / "lines.tsv"
    path.write_text("".join(f"{s.id}\t{s.language}\t{' '.join(s.text.split())}\n" for s in texts), encoding="utf-8")
    output = subprocess.run([program, "evidence", path], check=True, capture_output=True, text=True).stdout
    records = [json.loads(line) for line in output.splitlines()]
    return {r["id"]: [item for item in r["items"] if item["discounted"] is None] for r in records}


def counts(texts: list[Sentence], items: dict[str, list[dict]]) -> Counter:
    """Of each kind of sentence, how many there are and how many are judged as flagged (or as reported)."""
    found: Counter = Counter()
    for sentence in texts:
        own = [item for item in items[sentence.id] if not item["reported"]]
        reported = any(item["reported"] for item in items[sentence.id])
        hit = (reported and not own) if sentence.kind == "reported" else bool(own)
        groups = [sentence.kind, *(["threat"] if sentence.expected.startswith("threat") else [])]
        for group in groups:
            found[group] += 1
            found[group, "hit"] += hit
    return found


def pairs(truth: str, output: str) -> list[tuple[str, str]]:
    """Aligned syllables of two texts; `""` for an insertion or a deletion."""
    rows = [[(j, None) for j in range(len(output) + 1)]]
    for i, a in enumerate(truth, 1):
        row: list = [(i, (-1, 0))]
        for j, b in enumerate(output, 1):
            ways = [(rows[i - 1][j - 1][0] + (a != b), (-1, -1)), (rows[i - 1][j][0] + 1, (-1, 0)), (row[j - 1][0] + 1, (0, -1))]
            row.append(min(ways))
        rows.append(row)
    i, j, found = len(truth), len(output), []
    while i or j:
        step = rows[i][j][1] or (0, -1)
        found.append((truth[i - 1] if step[0] else "", output[j - 1] if step[1] else ""))
        i, j = i + step[0], j + step[1]
    return found[::-1]


def letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFC", text).lower() if c.isalnum())


def substitutions(program: Path, work: Path) -> dict[str, Counter]:
    """What the program writes for each syllable of ko/talk."""
    lines = (TALK / "truth.tsv").read_text(encoding="utf-8").splitlines()
    truth = dict(line.split("\t")[:2] for line in lines if line.strip())
    truth = {name: text for name, text in truth.items() if "\N{REPLACEMENT CHARACTER}" not in text}
    output = recognized(program, [TALK / f"{name}.wav" for name in truth], work / "talk", "ko")
    table: dict[str, Counter] = defaultdict(Counter)
    for name, text in truth.items():
        for written, read in pairs(letters(text), letters(output[name])):
            if written:
                table[written][read] += 1
    return table


def substituted(text: str, table: dict[str, Counter], draw: random.Random) -> str:
    """The text with the substitutions of its syllables, each with its frequency in ko/talk."""
    def one(c: str) -> str:
        seen = table.get(c)
        return draw.choices(list(seen), list(seen.values()))[0] if seen else c

    return "".join(map(one, unicodedata.normalize("NFC", text)))


def row(name: str, found: Counter) -> str:
    cells = [name]
    for group in ("evidence", "threat", "reported", "none"):
        cells.append(f"{100 * found[group, 'hit'] / found[group]:.0f} ({found[group, 'hit']} of {found[group]})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--split", choices=["dev", "test"], default="test")
    parser.add_argument("--earwitness", type=Path, default=ROOT / "target/release/earwitness")
    own = parser.parse_args()
    own.work.mkdir(parents=True, exist_ok=True)
    print("| text | evidence found % | threats found % | reported % | innocent sentences flagged % |\n|---|---|---|---|---|")

    english = sentences("en", own.split)
    print(row("English, clean", counts(english, judge(own.earwitness, english, own.work))), flush=True)
    spoken = own.work / f"spoken-{own.split}"
    spoken.mkdir(exist_ok=True)
    paths = [spoken / f"{sentence.id}.wav" for sentence in english]
    for index, (sentence, path) in enumerate(zip(english, paths)):
        speak(sentence, VOICES[index % len(VOICES)], path)
    texts = recognized(own.earwitness, paths, own.work / f"run-{own.split}", "en")
    output = [replace(sentence, text=texts[sentence.id]) for sentence in english]
    print(row("English, spoken through a telephone", counts(output, judge(own.earwitness, output, own.work))), flush=True)

    korean = sentences("ko", own.split)
    print(row("Korean, clean", counts(korean, judge(own.earwitness, korean, own.work))), flush=True)
    table = substitutions(own.earwitness, own.work)
    total: Counter = Counter()
    changed = syllables = 0
    for seed in range(DRAWS):
        draw = random.Random(seed)
        other = [replace(sentence, text=substituted(sentence.text, table, draw)) for sentence in korean]
        total += counts(other, judge(own.earwitness, other, own.work))
        for before, after in zip(korean, other):
            aligned = pairs(letters(before.text), letters(after.text))
            changed += sum(a != b for a, b in aligned)
            syllables += sum(bool(a) for a, _ in aligned)
    error = 100 * changed / syllables
    print(row(f"Korean with substitutions ({error:.0f} % of the syllables; {DRAWS} draws)", total))


if __name__ == "__main__":
    main()
