"""Porter's algorithm: English words without their endings, so that "camping" and "camped" are one word.

M. F. Porter, "An algorithm for suffix stripping", Program 14 (1980) 130-137.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

VOWELS = frozenset("aeiou")

_STEP_2: Mapping[str, str] = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "abli": "able", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
_STEP_3: Mapping[str, str] = {
    "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": "",
}  # fmt: skip
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
)  # fmt: skip


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The stem of a lower-case word; words of one or two letters, and those of other alphabets, stay as they are."""
    if len(word) <= 2 or not word.isascii() or not word.isalpha():
        return word
    for step in (_plurals, _past, _final_y, _double_suffixes, _suffixes, _residues, _tidy):
        word = step(word)
    return word


def _is_consonant(word: str, at: int) -> bool:
    if word[at] in VOWELS:
        return False
    return word[at] != "y" or at == 0 or not _is_consonant(word, at - 1)


def _measure(stem: str) -> int:
    """How often a vowel is followed by a consonant."""
    count, was_vowel = 0, False
    for at in range(len(stem)):
        is_consonant = _is_consonant(stem, at)
        count += was_vowel and is_consonant
        was_vowel = not is_consonant
    return count


def _has_vowel(stem: str) -> bool:
    return any(not _is_consonant(stem, at) for at in range(len(stem)))


def _doubles(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _is_consonant(word, len(word) - 1)


def _is_short(word: str) -> bool:
    """Ends with consonant, vowel, consonant, the last not w, x or y."""
    at = len(word) - 1
    return (
        at >= 2
        and _is_consonant(word, at)
        and not _is_consonant(word, at - 1)
        and _is_consonant(word, at - 2)
        and word[at] not in "wxy"
    )


def _plurals(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        if word.endswith(ending) and _has_vowel(word[: -len(ending)]):
            return _restored(word[: -len(ending)])
    return word


def _restored(word: str) -> str:
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _doubles(word) and word[-1] not in "lsz":
        return word[:-1]
    return word + "e" if _measure(word) == 1 and _is_short(word) else word


def _final_y(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and _has_vowel(word[:-1]) else word


def _replaced(endings: Mapping[str, str]) -> Callable[[str], str]:
    by_length = sorted(endings, key=len, reverse=True)

    def replace(word: str) -> str:
        for ending in by_length:
            if word.endswith(ending):
                rest = word[: -len(ending)]
                return rest + endings[ending] if _measure(rest) > 0 else word
        return word

    return replace


_double_suffixes = _replaced(_STEP_2)
_suffixes = _replaced(_STEP_3)
_BY_LENGTH = sorted(_STEP_4, key=len, reverse=True)


def _residues(word: str) -> str:
    for ending in _BY_LENGTH:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            fits = ending != "ion" or rest.endswith(("s", "t"))
            return rest if fits and _measure(rest) > 1 else word
    return word


def _tidy(word: str) -> str:
    if word.endswith("e"):
        rest, measure = word[:-1], _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _is_short(rest)):
            word = rest
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
