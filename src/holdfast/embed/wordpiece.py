"""The tokenizer of BERT models: words without case and accents, cut into the longest pieces that a vocabulary has."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

UNKNOWN, BEGIN, END = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100
SPACES = "\t\n\r"

IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""Each of these characters is a word; the ranges are those with which the models were trained."""


class WordPiece:
    """Texts as numbers."""

    def __init__(self, vocabulary: Path) -> None:
        words = vocabulary.read_text(encoding="utf-8").splitlines()
        self._numbers = {word: number for number, word in enumerate(words)}
        self._unknown = self._numbers[UNKNOWN]
        self.begin, self.end = self._numbers[BEGIN], self._numbers[END]
        self._pieces = lru_cache(maxsize=65_536)(self._cut)

    def numbers(self, text: str) -> list[int]:
        """The pieces of a text, without the marks of its begin and end."""
        return [number for word in _words(text) for number in self._pieces(word)]

    def _cut(self, word: str) -> tuple[int, ...]:
        """The longest piece that is known, then the longest of the rest, and so on."""
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        begin = 0
        while begin < len(word):
            end = next((end for end in range(len(word), begin, -1) if _piece(word, begin, end) in self._numbers), begin)
            if end == begin:
                return (self._unknown,)
            found.append(self._numbers[_piece(word, begin, end)])
            begin = end
        return tuple(found)


def _piece(word: str, begin: int, end: int) -> str:
    return f"##{word[begin:end]}" if begin else word[:end]


def _words(text: str) -> Iterator[str]:
    spaced = "".join(map(_spaced, text))
    plain = "".join(char for char in unicodedata.normalize("NFD", spaced) if unicodedata.category(char) != "Mn")
    for word in "".join(map(str.lower, plain)).split():
        yield from _parted(word)


@lru_cache(maxsize=16_384)
def _spaced(char: str) -> str:
    """A character as it is read: nothing for what cannot be seen, with room around ideographs."""
    if char in SPACES or unicodedata.category(char) == "Zs":
        return " "
    if char in "\0�" or unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    code = ord(char)
    return f" {char} " if any(first <= code <= last for first, last in IDEOGRAPHS) else char


def _parted(word: str) -> Iterator[str]:
    """Punctuation stands alone."""
    begin = 0
    for at, char in enumerate(word):
        if _is_punctuation(char):
            if begin < at:
                yield word[begin:at]
            yield char
            begin = at + 1
    if begin < len(word):
        yield word[begin:]


@lru_cache(maxsize=16_384)
def _is_punctuation(char: str) -> bool:
    is_symbol = char.isascii() and not char.isalnum() and char.isprintable() and char != " "
    return is_symbol or unicodedata.category(char).startswith("P")
