"""From a message to what it wants: things to learn, to correct, to forget, to answer."""

import re
from dataclasses import dataclass

from holdfast.llm.demo import facts
from holdfast.llm.demo.facts import Fact
from holdfast.llm.demo.language import Language, concepts
from holdfast.llm.demo.terms import terms

_SENTENCE = re.compile(
    r"(?<![A-Z]\.)(?<!\b(?:St|Dr|Mr|Ms|Nr|No|Jr)\.)(?<!\b(?:Mrs|Str)\.)(?<!\d\.)(?<=[.!?;])[\"'”]?\s+"
    r"|(?<=\d[.!?])\s+(?=[A-Z]\w* (?:is|am|i|do|my|what))|(?<=[。！？；])|(?<=[\u3400-\u9fff][!?;])|\n+"
)
_POINTING = re.compile(r"(?:that|this|it|das|es|dies|这个|这|那|它)?(?: please| bitte)?[.!?]*", re.IGNORECASE)
_THAT = re.compile(r"(?:\bthat|\bdass|:|能.*)\s*$", re.IGNORECASE)
_QUERY_VERB = re.compile(r"\?\s*$")


@dataclass(frozen=True)
class Learn:
    fact: Fact


@dataclass(frozen=True)
class Correct:
    """`new` in the place of `old`; `otherwise` is what the sentence states when there is no such note."""

    new: str
    old: str
    otherwise: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Ask:
    text: str
    about: frozenset[str]
    personal: bool
    everything: bool = False


@dataclass(frozen=True)
class Forget:
    text: str
    about: frozenset[str]
    everything: bool = False


@dataclass(frozen=True)
class Smalltalk:
    kind: str


Goal = Learn | Correct | Ask | Forget | Smalltalk


def goals(text: str, tongue: Language) -> list[Goal]:
    """Everything that a message wants, in its order."""
    found: list[Goal] = []
    for sentence in _SENTENCE.split(text.strip()):
        if sentence and sentence.strip():
            found += _of_sentence(tongue.normal(sentence), tongue)
    real: list[Goal] = [goal for goal in found if not isinstance(goal, Smalltalk)]
    return real or found[:1]


def _of_sentence(sentence: str, tongue: Language) -> list[Goal]:
    bare = tongue.bare(sentence)
    stripped = sentence.strip(" .!?,")
    for kind, pattern in tongue.chat.items():
        if (pattern.fullmatch(stripped) or pattern.fullmatch(bare)) and not _about_me(sentence, tongue, kind):
            return [Smalltalk(kind)]
    if tongue.forget_not.fullmatch(bare):
        return [Smalltalk("thanks")]
    correction = _correction(sentence, tongue)
    if correction:
        return correction
    result: list[Goal] = []
    for clause in _clauses(sentence, tongue):
        after_ask = bool(result) and isinstance(result[-1], Ask)
        result += _of_clause(clause, tongue, after_ask=after_ask)
    return result


def _about_me(sentence: str, tongue: Language, kind: str) -> bool:
    """Thanks and greetings may stand before something that matters."""
    return kind in {"thanks", "whoareyou", "tools"} and bool(tongue.personal.search(sentence)) and len(sentence) > 12


def _clauses(sentence: str, tongue: Language) -> list[str]:
    clauses: list[str] = []
    for piece in tongue.split.split(sentence):
        if clauses and tongue.carry.match(piece) and not _asks(piece, tongue):
            piece = tongue.data["carry_subject"] + piece
        elif clauses and _asks(piece, tongue) and not facts.stated(clauses[-1], tongue):
            piece = f"{clauses.pop()}, {piece}"
        clauses.append(piece)
    return [clause for clause in clauses if clause.strip(" ,.!?")]


def _of_clause(clause: str, tongue: Language, *, after_ask: bool) -> list[Goal]:
    opened = tongue.unled(clause)
    bare = tongue.bare(clause)
    if tongue.asking_only.fullmatch(bare) and _asks(clause, tongue):
        return [_ask(clause, tongue)]
    kept = _remembered(clause, tongue)
    if kept is not None:
        return kept
    forgotten = _forgotten(bare, tongue)
    if forgotten:
        return [forgotten]
    if _asks(opened, tongue):
        return [_ask(clause, tongue)]
    known = facts.stated(clause, tongue)
    if known or after_ask:
        return [Learn(fact) for fact in known] or [_ask(clause, tongue)]
    return _volunteered(bare, tongue)


def _volunteered(bare: str, tongue: Language) -> list[Goal]:
    """A statement that begins with the user and is not mere talk is worth keeping."""
    starts = tongue.personal.match(bare)
    fact = facts.free(bare, tongue) if starts and len(bare) > 3 and not _noise(bare, tongue) else None
    return [Learn(fact)] if fact and len(fact.line) <= 240 else [Smalltalk("demo")]


def _noise(clause: str, tongue: Language) -> bool:
    return any(pattern.fullmatch(clause) for pattern in tongue.noise)


def _asks(clause: str, tongue: Language) -> bool:
    return any(pattern.fullmatch(clause) for pattern in tongue.question)


def _remembered(clause: str, tongue: Language) -> list[Goal] | None:
    """What the user asks to keep; None when nobody asks for that."""
    bare = tongue.polite_end.sub("", tongue.bare(clause))
    after = tongue.remember_after.search(bare)
    if after and after.start() > 0 and not _asks(clause, tongue):
        return _learn(bare[: after.start()], tongue)
    for pattern in tongue.remember:
        match = pattern.fullmatch(bare)
        if match and not _asks(match["b"], tongue):
            known = _learn(match["b"], tongue, only_known=True)
            if known or _POINTING.fullmatch(match["b"]):
                return known
            introduced = _THAT.search(bare[: match.start("b")])
            weak = tongue.remember_weak.match(bare) and not tongue.personal.search(match["b"])
            return None if not introduced and (weak or _QUERY_VERB.search(clause)) else _learn(match["b"], tongue)
    return None


def _learn(body: str, tongue: Language, *, only_known: bool = False) -> list[Goal]:
    if _POINTING.fullmatch(body.strip()):
        return []
    orders = [body]
    orders += [match.expand(new) for pattern, new in tongue.verb_last if (match := pattern.fullmatch(body))]
    for order in reversed(orders):
        known = facts.stated(order, tongue, told=True)
        if known:
            return [Learn(fact) for fact in known]
    fact = None if only_known else facts.free(orders[-1], tongue)
    return [Learn(fact)] if fact else []


def _forgotten(bare: str, tongue: Language) -> Forget | None:
    for pattern in tongue.forget:
        match = pattern.fullmatch(bare)
        if match:
            topic = tongue.value(_topic(match["t"], tongue))
            about = terms(topic)
            return Forget(topic, about, everything=not about and bool(tongue.all_words.search(bare)))
    return None


def _topic(text: str, tongue: Language) -> str:
    for pattern in tongue.topic_noise:
        text = pattern.sub(" ", text)
    return text.strip()


def _ask(clause: str, tongue: Language) -> Ask:
    bare = tongue.unled(clause).strip(" .!?")
    everything = any(pattern.fullmatch(bare) for pattern in tongue.everything)
    about = terms(_topic(bare, tongue))
    personal = bool(tongue.personal.search(clause))
    return Ask(clause.strip(" "), about, personal, everything and not about & (concepts()["words"].keys() - {"name"}))


def _correction(sentence: str, tongue: Language) -> list[Goal]:
    text = sentence.strip(" .!")
    if _asks(tongue.unled(text), tongue) or any(p.fullmatch(tongue.bare(text)) for p in tongue.forget):
        return []
    for pattern in tongue.correct:
        match = pattern.fullmatch(text)
        if match:
            parts = match.groupdict()
            new, old = tongue.value(parts["new"] or ""), tongue.value(parts.get("old") or "")
            known = facts.stated(new, tongue)
            whole = (
                tongue.bare(text[: match.start("old")].rstrip(", "))
                if old and match.start("old") > match.start("new")
                else ""
            )
            otherwise = tuple(
                known
                or (
                    facts.stated(re.sub(r"[, ]+(?:and |und )?(?:not|nicht|不是|不叫|不在)$", "", whole), tongue)
                    if whole
                    else []
                )
            )
            if known:
                return [Learn(fact) for fact in known]
            return [Correct(new, old, otherwise)] if new else []
    return []
