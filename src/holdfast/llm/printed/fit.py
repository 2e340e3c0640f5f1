"""Makes a written call fit the tools that there are: the nearest name, the arguments that its schema knows."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, cast

from holdfast.llm.model import ToolSchema
from holdfast.llm.printed import coerce
from holdfast.llm.printed.written import Written

NEAR, LEAD = 0.72, 0.08
"""How like a tool's name another one must be, and how much more like it than the next."""
LONGEST_NAME = 100

SYNONYMS = {
    **dict.fromkeys(("add", "save", "store", "write", "append", "remember", "create"), "insert"),
    **dict.fromkeys(("find", "lookup", "query", "retrieve", "recall"), "search"),
    **dict.fromkeys(("archive", "archives"), "archival"),
    **dict.fromkeys(("memories",), "memory"),
    **dict.fromkeys(("update", "edit", "change"), "replace"),
}
"""Words of names that mean the same."""

ALIKE = tuple(
    frozenset(names.split())
    for names in (
        "content text value memory fact note data message info information body passage new_string",
        "query q search question search_query keyword keywords term search_term text",
        "label block block_label block_name section",
        "top_k limit k n count num max_results num_results",
        "city location place town",
    )
)
"""Names of arguments that models take for one another."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAMESPACE = re.compile(r"^(?:functions?|default_api|tools?|api|multi_tool_use)[.:/]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A call that a tool can be given."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NoFit:
    """Why a call cannot be given to a tool, in a sentence that its model can act on."""

    why: str
    is_known: bool = False
    """The tool is there; its arguments do not fit."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools that may be called, and what their calls may hold besides their own arguments."""

    tools: Sequence[ToolSchema]
    extras: Sequence[str] = ()
    names: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", [tool.name for tool in self.tools])


def fitted(written: Written, offer: Offer) -> Fitted | NoFit:
    """The call as a tool can be given it."""
    near = _nearest(written.name, offer)
    fits = [(tool, score, _given(tool, written.arguments, offer)) for tool, score in near]
    good = [(tool, score, given) for tool, score, given in fits if isinstance(given, dict)]
    if not near:
        return NoFit(f"There is no tool named {written.name[:LONGEST_NAME]!r}.")
    if not good:
        return NoFit(str(fits[0][2]), is_known=True)
    best, score, given = good[0]
    if len(good) > 1 and score - good[1][1] < LEAD:
        return NoFit(f"{written.name[:LONGEST_NAME]!r} may be {best.name} or {good[1][0].name}.")
    return Fitted(best.name, given)


def is_exact(name: str, offer: Offer) -> bool:
    """Whether a name is that of a tool, written in whichever way."""
    return any(score >= 1 for _, score in _nearest(name, offer))


def _nearest(name: str, offer: Offer) -> list[tuple[ToolSchema, float]]:
    """The tools that a name may mean, the most likely first."""
    if len(name) > LONGEST_NAME:
        return []
    wanted = _NAMESPACE.sub("", name.strip().strip("<>`*\"'").strip())
    if same := [tool for tool in offer.tools if tool.name == wanted]:
        return [(same[0], 2.0)]
    scored = [(tool, _likeness(wanted, tool.name)) for tool in offer.tools]
    near = [(tool, score) for tool, score in scored if score >= NEAR]
    return sorted(near, key=lambda each: -each[1])


def _likeness(name: str, other: str) -> float:
    words, others = _words(name), _words(other)
    if not words:
        return 0.0
    if words == others:
        return 1.0
    shared = len(words & others) / len(words | others)
    contained = 0.75 if words < others or (others < words and len(others) > 1) else 0.0
    spelled = SequenceMatcher(None, name.lower(), other.lower()).ratio()
    return max(shared, contained, spelled if spelled >= 0.85 else 0.0)


def _words(name: str) -> frozenset[str]:
    return frozenset(SYNONYMS.get(word, word) for word in map(str.lower, _WORDS.findall(name)))


def _given(tool: ToolSchema, sent: Any, offer: Offer) -> dict[str, Any] | str:
    """The arguments as the tool's schema wants them, or why that cannot be had."""
    properties = cast(dict[str, dict[str, Any]], tool.parameters.get("properties") or {})
    own = {name: schema for name, schema in properties.items() if name not in offer.extras}
    required = [name for name in cast(list[str], tool.parameters.get("required") or []) if name in own]
    arguments = _as_object(sent, own, required)
    if arguments is None:
        return f"The arguments of {tool.name} must be one JSON object with {_listed(list(own))}."
    named, left = _renamed(arguments, own, required, offer)
    given = {name: coerce.coerced(value, own[name]) for name, value in named.items() if name in own}
    given = {name: value for name, value in given.items() if value is not coerce.MISFIT}
    if lacking := [name for name in required if name not in given]:
        return f"{tool.name} needs {_listed(lacking)}."
    kept = {name: value for name, value in named.items() if name in offer.extras}
    is_open = not own and tool.parameters.get("additionalProperties") is not False
    return {**kept, **(left if is_open else {}), **given}


def _as_object(sent: Any, own: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any] | None:
    if isinstance(sent, str):
        found: Any = coerce.decoded(sent)
        sent = cast(Any, found) if isinstance(found, dict | list) else sent
    if isinstance(sent, dict):
        return cast(dict[str, Any], sent)
    if isinstance(sent, list):
        return _placed(cast(list[Any], sent), own)
    if sent is None:
        return {}
    only = required[0] if len(required) == 1 else next(iter(own)) if len(own) == 1 else None
    return {only: sent} if only is not None and sent != "" else None


def _placed(sent: list[Any], own: Mapping[str, Any]) -> dict[str, Any] | None:
    if len(sent) == 1 and isinstance(sent[0], dict):
        return cast(dict[str, Any], sent[0])
    return dict(zip(own, sent, strict=False)) if len(sent) <= len(own) else None


def _renamed(
    sent: Mapping[str, Any], own: Mapping[str, dict[str, Any]], required: Sequence[str], offer: Offer
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments under their right names, and those that belong to none."""
    named = {name: value for name, value in sent.items() if name in own or name in offer.extras}
    left = {name: value for name, value in sent.items() if name not in named}
    for name in list(left):
        if target := _place_of(name, own):
            named.setdefault(target, left.pop(name))
    for alike in (_is_same, _is_alike):
        for name in list(left):
            free = [target for target in own if target not in named and alike(name, target)]
            needed = [target for target in free if target in required] or free
            if len(needed) == 1:
                named[needed[0]] = left.pop(name)
    lacking = [name for name in required if name not in named]
    if len(left) == 1 and len(lacking) == 1:
        value = next(iter(left.values()))
        if coerce.is_of_type(value, own[lacking[0]]):
            named[lacking[0]] = value
            left = {}
    return named, left


def _place_of(name: str, own: Mapping[str, Any]) -> str | None:
    """The argument that a place means."""
    at = int(name[1:]) if name.startswith("#") and name[1:].isdigit() else None
    return list(own)[at] if at is not None and at < len(own) else None


def _is_same(name: str, target: str) -> bool:
    return _bare(name) == _bare(target)


def _is_alike(name: str, target: str) -> bool:
    words, others = frozenset(_WORDS.findall(name.lower())), frozenset(_WORDS.findall(target.lower()))
    if words and others and (words <= others or others <= words):
        return True
    return any(name.lower() in group and target.lower() in group for group in ALIKE)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "no arguments"


def encoded(call: Fitted) -> str:
    """The arguments as a call of a provider carries them."""
    return json.dumps(call.arguments, ensure_ascii=False)
