"""Text as the terms by which it is found: words without endings, and pieces of scripts that do not part words."""

import re
import unicodedata
from collections.abc import Iterator

from holdfast.recall.porter import stem

UNPARTED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Han
    "\U00020000-\U0003ffff"  # rarer Han
)
"""The scripts that do not part words."""
HANGUL = "\uac00-\ud7af"
"""Parts words, and glues endings to them."""
SIGNS = "\u0900-\u0963\u0966-\u0dff"
"""The scripts of India, whose vowel signs are no letters to Python."""

_ASCII = re.compile(r"[a-z0-9]+")
_PIECES = re.compile(rf"[{UNPARTED}]+|[{HANGUL}]+|(?:[^\W_{UNPARTED}{HANGUL}]|[{SIGNS}])+")
_IS_UNPARTED = re.compile(rf"[{UNPARTED}]")
_IS_HANGUL = re.compile(rf"[{HANGUL}]")
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670]")
"""Accents of Latin, Greek and Cyrillic letters, and the vowel points of Hebrew and Arabic."""

STOP_WORDS = frozenset(
    _ASCII.findall(
        "a about after again all also am an and any are as at be because been before being between both but "
        "by can could d did do does doing don down during each few for from further had has have having he "
        "her here hers herself him himself his how i if in into is it its itself just ll m me more most my "
        "myself no nor not now of off on once only or other our ours ourselves out over own re s same she "
        "should so some such t than that the their theirs them themselves then there these they this those "
        "through to too under until up ve very was we were what when where which while who whom why will with "
        "would you your yours yourself yourselves"
    )
)
"""English words that are in every other sentence."""


def terms(text: str) -> list[str]:
    """The terms of a text in order, without English words that say nothing."""
    return [term for word in words(text) for term in _terms(word)]


def query_terms(text: str) -> dict[str, str]:
    """The terms of a question, each with the word as it was written. A single character stands for itself."""
    found: dict[str, str] = {}
    for word in words(text):
        several = len(word) > 1 and (_IS_UNPARTED.match(word) or _IS_HANGUL.match(word))
        for term in _terms(word):
            if not (several and len(term) == 1):
                found.setdefault(term, term if several else word)
    return found


def words(text: str) -> Iterator[str]:
    """The words of a text, folded: without case and accents, in the usual form of each character."""
    if text.isascii():
        return (match.group() for match in _ASCII.finditer(text.lower()))
    folded = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold())))
    return (match.group() for match in _PIECES.finditer(folded))


def _terms(word: str) -> Iterator[str]:
    if word.isascii():
        if word not in STOP_WORDS:
            yield stem(word)
    elif _IS_UNPARTED.match(word):
        yield from word
        yield from (word[at : at + 2] for at in range(len(word) - 1))
    elif _IS_HANGUL.match(word):
        yield word
        yield from (word[at : at + 2] for at in range(len(word) - 1) if len(word) > 2)
    else:
        yield word
