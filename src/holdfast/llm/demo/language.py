"""The languages that the demo model understands, loaded from `phrases/*.toml` when first needed."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

PHRASES = Path(__file__).parent / "phrases"
CODES = ("en", "de", "zh")
_CJK = re.compile(r"[\u3400-\u9fff]")
_EDGE = " \t\n,.;:!?…\"'“”„‚‘’«»()。，！？；：、-–—"

Rewrite = tuple[re.Pattern[str], str]


@dataclass(frozen=True)
class Slot:
    """An attribute that the language has its own sentences for."""

    name: str
    line: str
    answer: str
    statements: tuple[re.Pattern[str], ...]


class Language:
    """One language's patterns, compiled, and its sentences."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.code: str = data["code"]
        self.data = data
        self._macros: dict[str, str] = data["macros"]
        self.say: dict[str, str] = data["say"]
        self.slots = {
            name: Slot(name, slot["line"], slot["answer"], self.patterns(slot["statements"]))
            for name, slot in data["slots"].items()
        }
        self.remember = self.patterns(data["remember"])
        self.forget = self.patterns(data["forget"])
        self.correct = self.patterns(data["correct"])
        self.named = self.patterns(data["named"])
        self.keyed = self.patterns(data["keyed"])
        self.explicit = self.patterns(data["explicit"])
        self.question = self.patterns(data["question"])
        self.everything = self.patterns(data["everything"])
        self.noise = self.patterns(data["noise"])
        self.chat = {kind: self.pattern(source) for kind, source in data["chat"].items()}
        self.asking_only = self.pattern(data["asking_only"])
        self.forget_not = self.pattern(data["forget_not"])
        self.personal = self.pattern(data["personal"])
        self.split = self.pattern(data["split"])
        self.carry = self.pattern(data["carry"])
        self.remember_after = self.pattern(data["remember_after"] + "$")
        self.polite_end = self.pattern(rf"(?:{data['polite_end']})[?]?$")
        self.remember_weak = self.pattern(data["remember_weak"])
        self.all_words = self.pattern(self._words(data["all_words"].split("|")))
        self.topic_noise = self.patterns(data["topic_noise"])
        self.rewrite = self.rewrites(data["rewrite"])
        self.negation = self.rewrites(data["negation"])
        self.third = self.rewrites(data["third"])
        order = data.get("order", {})
        self.verb_last = self.rewrites(order.get("verb_last", []))
        self.inverted = self.rewrites(order.get("inverted", []))
        self._drop = self.pattern(self._words(data["drop"]))
        self._lead = self.pattern(rf"(?:{'|'.join(data['lead'])})(?P<gap>\b|[,.:;!]|$)\s*")
        self._trail = self.pattern(rf"{'' if self.spaceless else '[ ,]+'}(?:{'|'.join(data['trail'])})$")
        self.tool_words: dict[str, Any] = data["tools"]

    @property
    def spaceless(self) -> bool:
        return self.code == "zh"

    def pattern(self, source: str) -> re.Pattern[str]:
        for name, macro in self._macros.items():
            source = source.replace("{" + name + "}", macro)
        return re.compile(source, re.IGNORECASE)

    def patterns(self, sources: Iterable[str]) -> tuple[re.Pattern[str], ...]:
        return tuple(self.pattern(source) for source in sources)

    def rewrites(self, pairs: Iterable[Sequence[str]]) -> tuple[Rewrite, ...]:
        return tuple((self.pattern(pair[0]), pair[1]) for pair in pairs)

    def _words(self, words: Sequence[str]) -> str:
        choice = "|".join(words)
        return f"(?:{choice})" if self.spaceless else rf"\b(?:{choice})\b"

    def normal(self, text: str) -> str:
        """The text in the spelling that the patterns expect."""
        if self.spaceless:
            text = text.translate(_simplified(self.data["traditional"], self.data["simplified"]))
            text = re.sub(r"(?<=[\u3400-\u9fff,:]) +| +(?=[\u3400-\u9fff])", "", text)
        for pattern, new in self.rewrite:
            text = pattern.sub(new, text)
        return re.sub(r"\s+", " ", text).strip()

    def unled(self, text: str) -> str:
        """The clause without the words that only lead into it."""
        text = text.lstrip(_EDGE[:13])
        while (match := self._lead.match(text)) and match.end() < len(text):
            if self.spaceless and match["gap"] == "" and len(match[0]) < 2 and match[0] not in "请那嗯哦也":
                break
            text = text[match.end() :].lstrip(" ,.:;!-–—")
        return text

    def bare(self, text: str) -> str:
        """The clause without fillers and closing marks."""
        text = re.sub(r"\s+", " ", self._drop.sub("", text))
        text = self.unled(re.sub(r" ?,(?: ?,)*", ",", text).strip(_EDGE))
        return text.strip(_EDGE)

    def value(self, text: str) -> str:
        """A captured value without what trails it."""
        text = text.strip(_EDGE)
        while (match := self._trail.search(text)) and match.start() > 0:
            text = text[: match.start()].strip(_EDGE)
        return text


def _simplified(traditional: str, simplified: str) -> dict[int, str]:
    return str.maketrans(dict(zip(traditional, simplified, strict=True)))


@lru_cache(maxsize=1)
def concepts() -> dict[str, Any]:
    """What is common to all languages: attributes and words of the same meaning."""
    return tomllib.loads((PHRASES / "concepts.toml").read_text("utf-8"))


@lru_cache(maxsize=len(CODES))
def raw(code: str) -> dict[str, Any]:
    return tomllib.loads((PHRASES / f"{code}.toml").read_text("utf-8"))


@lru_cache(maxsize=len(CODES))
def load(code: str) -> Language:
    return Language(raw(code))


def detect(*texts: str) -> Language:
    """The language of the first text that shows one; English otherwise."""
    for text in texts:
        if _CJK.search(text):
            return load("zh")
        words = re.findall(r"[\w']+", text.lower())
        score = {code: sum(word in _signs(code) for word in words) for code in ("en", "de")}
        score["de"] += len(re.findall(r"[äöüß]", text.lower())) > 0
        if score["en"] != score["de"]:
            return load(max(score, key=lambda code: score[code]))
    return load("en")


@lru_cache(maxsize=len(CODES))
def _signs(code: str) -> frozenset[str]:
    return frozenset(raw(code)["signs"].split())
