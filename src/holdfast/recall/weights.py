"""How much each sign of a good find counts. One set for everything; measured on public data (ADR 0016)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """All but the last three multiply z-scores: standard deviations above the corpus' mean."""

    text: float = 0.5
    """The words of the item and of the end of the one before, by BM25."""
    meaning: float = 1.0
    """The closest piece of the text, by cosine."""
    session_best: float = 0.2
    session_mean: float = 0.5
    """The best item of the session, and the mean of its best three: answers stand near what was asked."""
    next_text: float = 0.2
    next_meaning: float = 0.3
    """What came next in the session, by its words and by its meaning: an answer says again what it answers."""
    speaker: float = 0.5
    """Said by someone whom the question names."""
    length: float = 2.1
    """Of an item with `FULL` content words or more; the shorter, the less: greetings answer nothing."""
    by_user: float = 1.5
    """Said by the user: what people tell of themselves is what they ask for later."""
    date: float = 4.0
    """Of the time that the question names."""


WEIGHTS = Weights()

A_FEW_DAYS = 3.0
"""People tell of things some days before and after: so long until a date speaks for an item by a third only."""
FULL = 12
SHORT = 60
"""Items of at most so many words are also found by the end of the item before."""
GAP_S = 1800.0
"""A longer silence begins another session."""
K1, B = 1.2, 0.75
"""Of BM25, as usual."""

ALIKE, CROWDING, FEW = 0.25, 1.3, 30
"""A model to which the texts of a corpus are usually nearer than `ALIKE` crowds them: so much of the rest is taken off
every cosine before it is called relevance. The mean of fewer than `FEW` texts says little."""
