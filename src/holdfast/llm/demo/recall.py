"""Which of the things known answer a question or fall under a topic."""

import json
from collections.abc import Iterable
from typing import Any, cast

from holdfast.llm.demo import language, understand
from holdfast.llm.demo.facts import Fact
from holdfast.llm.demo.language import detect
from holdfast.llm.demo.terms import lexicon, terms
from holdfast.llm.demo.transcript import spoken

_ENOUGH = 0.5
_KEPT = 3


def matching(about: frozenset[str], known: Iterable[Fact]) -> list[Fact]:
    """The facts that fit best, in their order; none when no fact fits well enough."""
    scored = [(_score(about, fact), fact) for fact in known]
    best = max((score for score, _ in scored), default=0.0)
    return [fact for score, fact in scored if score == best and score > 0]


def loosely(about: frozenset[str], known: Iterable[Fact]) -> list[Fact]:
    """For "which music do I like?": what the user likes, when nothing says music."""
    return [fact for fact in known if fact.slot == "likes"] if "likes" in about and len(about) == 2 else []


def _score(about: frozenset[str], fact: Fact) -> float:
    known = lexicon()
    wanted = about - known.weak or about
    if not wanted:
        return 0.0
    has = fact.terms
    met = [term for term in wanted if _meets(term, fact)]
    asked = about.union(*(known.includes.get(term, frozenset()) for term in about))
    concepts = frozenset(language.concepts()["words"])
    strangers = ((fact.key or has) & known.relations) - asked if concepts.issuperset(met) else frozenset[str]()
    missed = wanted - frozenset(met)
    covered = bool(fact.key and met) and fact.key <= about and not missed & known.relations
    if strangers or not met or (len(met) / len(wanted) <= _ENOUGH and not covered):
        return 0.0
    exact = 1.0 if fact.key == about else 0.5 if fact.key and fact.key <= about else 0.0
    direct = len([term for term in wanted if term in has]) / len(wanted)
    return round(direct + exact + 0.2 * len(about & known.weak & has), 3) + 0.01


def _meets(term: str, fact: Fact) -> bool:
    has = fact.terms
    within = term[0] >= "\u3400" and term in fact.line
    return term in has or within or bool(lexicon().includes.get(term, frozenset()) & has)


def told(texts: Iterable[str]) -> list[Fact]:
    """The facts that the user's earlier words state."""
    found: list[Fact] = []
    for text in texts:
        for goal in understand.goals(text[:1000], detect(text)):
            if isinstance(goal, understand.Learn):
                found.append(goal.fact)
    return found


def results(output: str) -> list[str]:
    """The texts that a search tool returned."""
    try:
        value: Any = json.loads(output)
    except (ValueError, RecursionError):
        return [line for line in output.splitlines() if line.strip()]
    if isinstance(value, dict):
        value = cast(dict[str, Any], value).get("results")
    rows = cast(list[Any], value) if isinstance(value, list) else []
    return [text for row in rows if (text := spoken(_content(row)))]


def _content(row: Any) -> str:
    if isinstance(row, dict):
        found = cast(dict[str, Any], row)
        row = found.get("content") or found.get("text") or ""
    if isinstance(row, list):
        return " ".join(_content(part) for part in cast(list[Any], row))
    return row if isinstance(row, str) else ""


def quotable(about: frozenset[str], texts: Iterable[str], asked: str) -> list[str]:
    """The found texts that speak of the topic and are not questions themselves."""
    fitting: list[str] = []
    for text in texts:
        question = text.rstrip().endswith(("?", "？")) or text.strip() == asked.strip()
        if not question and (not about or about & terms(text)) and text not in fitting:
            fitting.append(text)
    return fitting[:_KEPT]
