"""Recordings as they are: words next to a silence of at least 150 ms, and clear edges of the recording, have true times.

A shorter silence may be the closure of a stop, which belongs to the word after it.
"""

from audio import RATE
from pauses import Piece, Utterance, segments_of
from truth import Recording, TrueWord

SHORTEST_S = 0.15


def natural(utterance: Utterance) -> Recording:
    """The whole recording with its known edges."""
    pieces, audio = utterance.pieces, utterance.source.audio
    words, gaps = [], []
    for n, piece in enumerate(pieces):
        own = [TrueWord(text) for text in piece.texts]
        before = edge_known(utterance, pieces, n)
        after = edge_known(utterance, pieces, n + 1)
        own[0].start_s = piece.start / RATE if before else None
        own[-1].end_s = piece.end / RATE if after else None
        if after and n + 1 < len(pieces):
            gaps.append((piece.end / RATE, pieces[n + 1].start / RATE))
        words += own
    spans = [(piece.start / RATE, piece.end / RATE) for piece in pieces]
    segments = segments_of([" ".join(piece.texts) for piece in pieces], spans, len(audio) / RATE)
    name = utterance.source.name
    return Recording(name, utterance.source.language, audio, words, segments, [name], gaps=gaps)


def edge_known(utterance: Utterance, pieces: list[Piece], n: int) -> bool:
    """Whether the edges at the silence before piece n are known; 0 and the number of pieces are the recording's edges."""
    if n == 0:
        return utterance.bounds.start_clear and pieces[0].plausible
    if n == len(pieces):
        return utterance.bounds.end_clear and pieces[-1].plausible
    before, after = pieces[n - 1], pieces[n]
    return after.start - before.end >= SHORTEST_S * RATE and before.plausible and after.plausible
