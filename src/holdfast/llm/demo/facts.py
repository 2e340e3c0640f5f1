"""What a clause says about the user, as the line that is kept, and the way back from such a line."""

import re
from dataclasses import dataclass
from functools import lru_cache

from holdfast.llm.demo.language import CODES, Language, concepts, raw
from holdfast.llm.demo.terms import lexicon, terms

_NO_NAME = re.compile(r"\d{3,}|^(?:not|nicht|no|kein|keine|so|very|sehr|really)\b", re.IGNORECASE)
_NO_KEY = re.compile(r"\d|\b(?:is|are|was|has|to|now|ist|sind|heißt|war|hat)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an|der|die|das|my|mein\w*|ein\w*) ", re.IGNORECASE)
_LONGEST = 400


@dataclass(frozen=True)
class Fact:
    """One thing to keep. `key` is what it is about; facts of one key replace each other unless `many`."""

    line: str
    key: frozenset[str] = frozenset()
    slot: str | None = None
    value: str = ""
    many: bool = True
    gone: bool = False

    @property
    def terms(self) -> frozenset[str]:
        return self.key | terms(self.value if self.key else self.line)


def read(line: str) -> Fact:
    """The fact that a line of memory states."""
    text = line.strip().lstrip("-*• ").rstrip(".。")
    for pattern, slot in _slot_lines():
        if match := pattern.fullmatch(text):
            return Fact(line, frozenset({slot}), slot, match["v"], _many(slot))
    for pattern in _named_lines():
        if match := pattern.fullmatch(text):
            return Fact(line, terms(match["k"]) | {"name"}, None, match["v"], many=False)
    key, colon, value = text.replace("：", ":").partition(":")
    about = terms(key)
    if colon and value.strip() and 0 < len(about) <= 4 and not _is_gone(text):
        slot = _slot_of(about)
        return Fact(line, about, slot, value.strip(), _many(slot) if slot else False)
    return Fact(line)


def stated(clause: str, tongue: Language, *, told: bool = False) -> list[Fact]:
    """The facts in one clause; `told` means that the user asked for them to be kept, whatever they are."""
    clause = _ordered(clause, tongue)
    known = _of_slot(clause, tongue) or _of_slot(tongue.value(clause), tongue)
    if known and known.slot == "dislikes":
        return [known]
    found = _no_longer(clause, tongue) or known or _of_key(clause, tongue, told)
    return [found] if found else []


def free(clause: str, tongue: Language) -> Fact | None:
    """The clause itself, in the third person, when no pattern knows it better."""
    clause = tongue.value(_ordered(clause, tongue))[:_LONGEST]
    if not clause:
        return None
    for pattern, new in tongue.third:
        if match := pattern.fullmatch(clause):
            return Fact(_capital(match.expand(new).strip()))
    if tongue.personal.search(clause):
        return Fact(tongue.data["said"].format(text=clause))
    return Fact(_capital(clause))


def _ordered(clause: str, tongue: Language) -> str:
    clause = tongue.bare(clause)
    for pattern, new in tongue.inverted:
        if match := pattern.fullmatch(clause):
            return match.expand(new)
    return clause


def _no_longer(clause: str, tongue: Language) -> Fact | None:
    for pattern, new in tongue.negation:
        match = pattern.fullmatch(clause)
        if not match:
            continue
        past = match.expand(new).strip()
        fact = _of_slot(past, tongue) or _of_key(past, tongue, told=False) or free(past, tongue)
        if fact and fact.slot not in {"name", "dislikes"}:
            line = tongue.data["gone"].format(line=_lower(fact.line))
            return Fact(line, fact.key, fact.slot, fact.value or fact.line, gone=True)
    return None


def _of_slot(clause: str, tongue: Language) -> Fact | None:
    for slot in tongue.slots.values():
        for pattern in slot.statements:
            match = pattern.fullmatch(clause)
            value = tongue.value(match["v"]) if match else ""
            if value and _fits(slot.name, value, tongue):
                return _fact(slot.name, value, tongue)
    return None


def _fits(slot: str, value: str, tongue: Language) -> bool:
    words = value.split()
    if len(value) > _LONGEST:
        return False
    if slot == "name":
        apart = {word.lower() for word in tongue.data["not_names"].split()}
        return len(words) <= 5 and words[0].lower() not in apart and not _NO_NAME.search(value)
    if slot == "job":
        return words[-1].lower() not in tongue.data["not_jobs"].split()
    return True


def _fact(slot: str, value: str, tongue: Language) -> Fact:
    return Fact(tongue.slots[slot].line.format(v=value), frozenset({slot}), slot, value, _many(slot))


def _of_key(clause: str, tongue: Language, told: bool) -> Fact | None:
    for pattern in tongue.named:
        match = pattern.fullmatch(clause)
        fact = _named(match["k"], tongue.value(match["v"]), tongue) if match else None
        if fact:
            return fact
    for pattern in (*tongue.keyed, *(tongue.explicit if told else ())):
        match = pattern.fullmatch(clause)
        fact = _keyed(match["k"], tongue.value(match["v"]), tongue) if match else None
        if fact:
            return fact
    return None


def _named(key: str, value: str, tongue: Language) -> Fact | None:
    about = terms(key)
    if (
        not value
        or not about
        or len(key) > 40
        or _NO_KEY.search(key)
        or about & {"favourite"}
        or value.split()[0].lower() in tongue.data["not_names"].split()
    ):
        return None
    if tongue.spaceless or about & lexicon().relations or len(value.split()) <= 3:
        line = tongue.data["named_line"].format(k=_capital(_ARTICLE.sub("", key)), v=value)
        return Fact(line, about | {"name"}, None, value, many=False)
    return None


def _keyed(key: str, value: str, tongue: Language) -> Fact | None:
    key = _ARTICLE.sub("", key)
    about = terms(key)
    slot = _slot_of(about)
    if not value or not about:
        return None
    if slot and _fits(slot, value, tongue):
        return _fact(slot, value, tongue)
    if about <= lexicon().relations:
        return None
    return Fact(tongue.data["keyed_line"].format(k=_capital(key), v=value), about, None, value, many=False)


def _slot_of(about: frozenset[str]) -> str | None:
    (only,) = about if len(about) == 1 else (None,)
    return only if only in concepts()["slots"] else None


def _many(slot: str) -> bool:
    return concepts()["slots"][slot].get("many", False)


def _is_gone(text: str) -> bool:
    return any(text.startswith(raw(code)["gone"].split("{")[0]) for code in CODES)


@lru_cache(maxsize=1)
def _slot_lines() -> list[tuple[re.Pattern[str], str]]:
    return [(_reading(slot["line"]), name) for code in CODES for name, slot in raw(code)["slots"].items()]


@lru_cache(maxsize=1)
def _named_lines() -> list[re.Pattern[str]]:
    return [_reading(raw(code)["named_line"]) for code in CODES]


def _reading(line: str) -> re.Pattern[str]:
    source = re.escape(line).replace(r"\{v\}", "(?P<v>.+)").replace(r"\{k\}", r"(?P<k>[^:：]+?)")
    return re.compile(source, re.IGNORECASE)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def answer(fact: Fact, tongue: Language) -> str:
    """The fact as an answer to the user."""
    if fact.slot:
        return tongue.slots[fact.slot].answer.format(v=fact.value)
    if fact.key and not fact.gone:
        key = re.split("[:：]", fact.line)[0] if re.search("[:：]", fact.line) else ""
        if key and key.isascii() == (not tongue.spaceless):
            return tongue.data["keyed_answer"].format(
                k=key.strip("-*• ") if tongue.code == "de" else _lower(key.strip("-*• ")), v=fact.value
            )
    return tongue.say["found"].format(what=fact.line.strip("-*• .。"))


def opposite(fact: Fact) -> frozenset[str]:
    """The key under which the contrary of the fact is kept."""
    other = concepts()["slots"].get(fact.slot or "", {}).get("opposite")
    return frozenset({other}) if other else frozenset()


def slot_names() -> list[str]:
    return list(concepts()["slots"])
