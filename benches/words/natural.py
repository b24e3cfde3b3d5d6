"""Recordings as they are: words next to a silence of at least 150 ms, and clear edges of the recording, have true times.

A shorter silence may be the closure of a stop, which belongs to the word after it.
"""

from audio import RATE
from pauses import Fragment, Utterance, segments_of
from truth import Recording, TrueWord

SHORTEST_S = 0.15


def natural(utterance: Utterance) -> Recording:
    """The whole recording with its known edges."""
    fragments, audio = utterance.fragments, utterance.source.audio
    words, gaps = [], []
    for n, fragment in enumerate(fragments):
        own = [TrueWord(text) for text in fragment.texts]
        before = edge_known(utterance, fragments, n)
        after = edge_known(utterance, fragments, n + 1)
        own[0].start_s = fragment.start / RATE if before else None
        own[-1].end_s = fragment.end / RATE if after else None
        if after and n + 1 < len(fragments):
            gaps.append((fragment.end / RATE, fragments[n + 1].start / RATE))
        words += own
    spans = [(fragment.start / RATE, fragment.end / RATE) for fragment in fragments]
    segments = segments_of([" ".join(fragment.texts) for fragment in fragments], spans, len(audio) / RATE)
    name = utterance.source.name
    return Recording(name, utterance.source.language, audio, words, segments, [name], gaps=gaps)


def edge_known(utterance: Utterance, fragments: list[Fragment], n: int) -> bool:
    """Whether the edges at the silence before fragment n are known; 0 and the number of fragments are the recording's edges."""
    if n == 0:
        return utterance.bounds.start_clear and fragments[0].plausible
    if n == len(fragments):
        return utterance.bounds.end_clear and fragments[-1].plausible
    before, after = fragments[n - 1], fragments[n]
    return after.start - before.end >= SHORTEST_S * RATE and before.plausible and after.plausible
