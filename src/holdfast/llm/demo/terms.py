"""What a piece of text is about: concepts that hold across languages, and the stems of all other content words."""

import re
from dataclasses import dataclass
from functools import lru_cache

from holdfast.llm.demo import language

_TOKEN = re.compile(r"[\u3400-\u9fff]+|[^\W_][\w'’.@+-]*")
_SUFFIX = re.compile(r"(?:ings?|en|es|er|em|ed|e|n|s)$")


@dataclass(frozen=True)
class Lexicon:
    """Words and phrases by concept, and the words that say nothing by themselves."""

    words: dict[str, str]
    stems: dict[str, str]
    phrases: list[tuple[re.Pattern[str], str]]
    characters: list[tuple[str, str]]
    """Chinese words, longest first; an empty concept marks a stop word."""
    stop: frozenset[str]
    weak: frozenset[str]
    relations: frozenset[str]
    includes: dict[str, frozenset[str]]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    data = language.concepts()
    words: dict[str, str] = {}
    phrases: list[tuple[str, str]] = []
    characters: dict[str, str] = dict.fromkeys(language.raw("zh")["stop"].split(), "")
    for concept, line in data["words"].items():
        single, *more = line.split(" | ")
        words.update(dict.fromkeys(single.split(), concept))
        phrases += [(phrase, concept) for phrase in more[:-1]]
        characters.update(dict.fromkeys(more[-1].split(), concept))
    stems = {_stem(word): concept for word, concept in reversed(words.items())}
    phrases.sort(key=lambda pair: -len(pair[0]))
    return Lexicon(
        words=words,
        stems=stems,
        phrases=[(re.compile(rf"\b{re.escape(phrase)}\b"), concept) for phrase, concept in phrases],
        characters=sorted(characters.items(), key=lambda pair: -len(pair[0])),
        stop=frozenset(f"{language.raw('en')['stop']} {language.raw('de')['stop']}".split()),
        weak=frozenset(data["kinds"]["weak"]),
        relations=frozenset(data["kinds"]["relation"]),
        includes={concept: frozenset(others) for concept, others in data["includes"].items()},
    )


def terms(text: str) -> frozenset[str]:
    """The concepts and stems of a text."""
    known = lexicon()
    found: set[str] = set()
    text = text.lower().replace("’", "'")
    for pattern, concept in known.phrases:
        text, count = pattern.subn(" ", text)
        if count:
            found.add(concept)
    for token in _TOKEN.findall(text):
        found |= _characters(token) if token[0] >= "\u3400" else _word(token)
    return frozenset(found)


def words(text: str) -> str:
    """The content words of a text as written, which make a good search query."""
    stop = lexicon().stop
    kept: list[str] = []
    for token in _TOKEN.findall(text):
        if token[0] >= "\u3400":
            kept += [piece for piece in _content(token) if piece]
        elif token.lower().rstrip(".'") not in stop:
            kept.append(token.rstrip(".'"))
    return " ".join(kept)


def _content(run: str) -> list[str]:
    for word, concept in lexicon().characters:
        if not concept:
            run = run.replace(word, " ")
    return run.split()


def _word(token: str) -> set[str]:
    known = lexicon()
    token = token.rstrip(".-'")
    token = token[:-2] if token.endswith("'s") else token
    concept = known.words.get(token)
    if concept:
        return {concept}
    if token in known.stop or not token:
        return set()
    if token.startswith("lieblings") and len(token) > 9:
        return {"favourite", *_word(token[9:])}
    return {known.stems.get(_stem(token), _stem(token))}


def _stem(word: str) -> str:
    word = word.replace("ß", "ss")
    shorter = _SUFFIX.sub("", word)
    return shorter if len(shorter) >= 4 else word


def _characters(run: str) -> set[str]:
    found: set[str] = set()
    for word, concept in lexicon().characters:
        if word in run:
            run = run.replace(word, " ")
            found |= {concept} if concept else set()
    for rest in run.split():
        found |= {rest[i : i + 2] for i in range(max(1, len(rest) - 1))}
    return found
