"""Text normalization, edit counts and bootstrap intervals."""

import unicodedata
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
SEED = 20_251_128
NORMALIZERS = {
    "CER": "NFC, lower case, letters and digits only (Unicode categories L and N); the unit is the character",
    "WER": "NFKC, lower case, typographic apostrophes become ', every other character that is not a letter, a mark, a "
    "digit or an apostrophe between two of them becomes a space, split at spaces; 0 to 10 are spelled out, mr becomes "
    "mister, mrs becomes missus, other numbers stay as they are written; the unit is the word",
}
# Typographic apostrophes.
APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})

SPELLED = dict(zip(map(str, range(11)), "zero one two three four five six seven eight nine ten".split()))
SPELLED |= {"mr": "mister", "mrs": "missus"}


def characters(text: str) -> list[str]:
    """The units of CER."""
    return [c for c in unicodedata.normalize("NFC", text).lower() if unicodedata.category(c)[0] in "LN"]


def words(text: str) -> list[str]:
    """The units of WER."""
    text = unicodedata.normalize("NFKC", text.translate(APOSTROPHES)).lower()
    inside = [unicodedata.category(c)[0] in "LMN" for c in text]
    kept = [
        c if inside[i] or c == "'" and 0 < i < len(text) - 1 and inside[i - 1] and inside[i + 1] else " "
        for i, c in enumerate(text)
    ]
    return [SPELLED.get(word, word) for word in "".join(kept).split()]


UNITS = {"CER": characters, "WER": words}


@dataclass
class Edits:
    """Counts of the edits that turn a reference into a hypothesis, and of the units of the reference."""

    inserted: int = 0
    deleted: int = 0
    substituted: int = 0
    units: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.deleted + self.substituted


def alignment(reference: list, hypothesis: list) -> list[tuple[int | None, int | None]]:
    """A shortest edit path: pairs of indices, one of which is None if a unit was deleted or inserted.

    Among paths of equal length, the one that pairs units (equal ones, then substitutions) as late as possible.
    """
    rows, columns = len(reference) + 1, len(hypothesis) + 1
    cost = [[i + j if i == 0 or j == 0 else 0 for j in range(columns)] for i in range(rows)]
    for i in range(1, rows):
        for j in range(1, columns):
            paired = cost[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1])
            cost[i][j] = min(paired, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    path, i, j = [], rows - 1, columns - 1
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            path.append((i, j))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            path.append((i, None))
        else:
            j -= 1
            path.append((None, j))
    return path[::-1]


def count(references: list[str], hypothesis: str, measure: str) -> list[Edits]:
    """Edits of each sentence of a recording against its whole transcript.

    The sentences are joined for the alignment, so that a missing sentence costs only itself. An insertion belongs to
    the sentence of the unit before it, or to the first sentence if there is none.
    """
    split = UNITS[measure]
    sentences = [split(text) for text in references]
    owner = [index for index, sentence in enumerate(sentences) for _ in sentence]
    reference, units = [unit for sentence in sentences for unit in sentence], split(hypothesis)
    edits = [Edits(units=len(sentence)) for sentence in sentences]
    current = 0
    for i, j in alignment(reference, units):
        if i is None:
            edits[current].inserted += 1
            continue
        current = owner[i]
        if j is None:
            edits[current].deleted += 1
        elif reference[i] != units[j]:
            edits[current].substituted += 1
    return edits


def resampled_rates(edits: list[Edits]) -> np.ndarray:
    """Error rates in percent of RESAMPLES samples with replacement; the same samples for every engine."""
    generator = np.random.default_rng(SEED)
    drawn = generator.integers(0, len(edits), (RESAMPLES, len(edits)))
    total, units = np.array([(e.total, e.inputs) for e in edits]).T
    return 100 * total[drawn].sum(axis=1) / units[drawn].sum(axis=1)


def rate(edits: list[Edits]) -> float:
    """The error rate in percent."""
    return 100 * sum(e.total for e in edits) / sum(e.inputs for e in edits)


def interval(resampled: np.ndarray) -> tuple[float, float]:
    """The 95 % interval by percentiles."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)
