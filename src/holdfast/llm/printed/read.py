"""What a small model has printed: the calls that it meant, the text that it said, or what is wrong with it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from holdfast.llm.printed import coerce, fit, marks, values, written
from holdfast.llm.printed.fit import Fitted, NoFit, Offer
from holdfast.llm.printed.marks import PrintedSpan
from holdfast.llm.printed.written import Written

LONGEST = 200_000
"""Characters of an answer that is looked through; a longer one is text."""
MOST_TRIES = 8

_LEFTOVER = (
    r"<\|im_(?:start|end)\|>(?:assistant\b)?|<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>|<\|eo[tm]_id\|>"
    r"|</?s>|<end_of_turn>|<start_of_turn>(?:model)?|<\|(?:end|endoftext|assistant)\|>|\[AVAILABLE_TOOLS\]|/no_think\b"
)
_LEADING = re.compile(rf"(?:\s*(?:{_LEFTOVER}))+\s*")
_TRAILING = re.compile(rf"\s*(?:{_LEFTOVER})(?:\s*(?:{_LEFTOVER}))*\s*\Z")
_FENCE = re.compile(r"^[ \t]*```(\w*)[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL | re.MULTILINE)
_DATA = re.compile(r"^[ \t]*(?=[{\[]\s*[\[{\"'A-Za-z“])", re.MULTILINE)
_EXAMPLE = re.compile(
    r"\bexamples?\b|\be\.g\.|\bfor instance\b|\blooks? like\b|\blike this\b"
    r"|\b(?:would|could|can|might) (?:then )?call\b"
    r"|\bformat\b|\bsyntax\b|\bschema\b",
    re.IGNORECASE,
)
LANGUAGES = ("", "json", "json5", "jsonc", "xml", "text", "plaintext", "javascript", "js", "tool")
PYTHON = ("python", "py", "")


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer, read."""

    text: str
    """What it says before its first call."""
    calls: Sequence[Fitted] = field(default=())
    fault: str = ""
    """Why what was clearly meant as a call is none."""


def read(text: str, offer: Offer, *, must_call: bool = False) -> Reading:
    """Find the calls in an answer; text that merely speaks of calls has none."""
    bare = without_leftovers(text)
    if not bare.strip() or len(bare) > LONGEST:
        return Reading(bare)
    if spans := marks.spans(bare, offer.names):
        return _settled(bare, spans, offer)
    if not (found := _unmarked(bare, offer)):
        return _guessed(bare, offer) if must_call else Reading(bare)
    prose = _outside(bare, found)
    is_whole = not re.search(r"\w", prose)
    if not is_whole and _EXAMPLE.search(prose):
        return Reading(bare)
    meant = [span for span in found if any(_is_meant(call, offer, is_whole=is_whole) for call in span.calls)]
    return _settled(bare, meant, offer) if meant else Reading(bare)


def without_leftovers(text: str) -> str:
    """The text without the marks of turns that a badly set up server leaves at its ends."""
    leading = _LEADING.match(text)
    return _TRAILING.sub("", text[leading.end() :] if leading else text)


def _settled(text: str, spans: Sequence[PrintedSpan], offer: Offer) -> Reading:
    fits = [fit.fitted(call, offer) for span in spans for call in span.calls]
    calls = [each for each in fits if isinstance(each, Fitted)]
    if calls:
        return Reading(text[: spans[0].start].strip(), calls)
    why = next((each.why for each in fits if isinstance(each, NoFit)), "It could not be read.")
    return Reading(text[: spans[0].start].strip(), fault=why)


def _is_meant(call: Written, offer: Offer, *, is_whole: bool) -> bool:
    """Whether a call without marks was meant as one: it names a tool, or it is all that there is."""
    if _is_schema(call.arguments):
        return False
    return fit.is_exact(call.name, offer) or (is_whole and call.is_formal)


def _is_schema(arguments: Any) -> bool:
    return isinstance(arguments, dict) and {"type", "properties"} <= cast(dict[str, Any], arguments).keys()


def _unmarked(text: str, offer: Offer) -> list[PrintedSpan]:
    """Pieces of a text that have the form of a call, in order and apart."""
    found: list[PrintedSpan] = []
    for spans in (_fenced(text, offer), _named(text, offer), _python(text, offer), _data(text, offer)):
        for span in spans:
            if span.calls and all(span.end <= other.start or span.start >= other.end for other in found):
                found.append(span)
    return sorted(found, key=lambda span: span.start)


def _fenced(text: str, offer: Offer) -> Iterator[PrintedSpan]:
    for fence in list(_FENCE.finditer(text))[:MOST_TRIES]:
        language, body = fence[1].lower(), fence[2].strip()
        calls: list[Written] = []
        if language in LANGUAGES and body.startswith(("{", "[")):
            calls = [call for value in values.values(body) for call in written.calls_of(value, offer.names)]
        if language in PYTHON and not calls:
            calls = _only_calls(body, offer)
        yield PrintedSpan(fence.start(), fence.end(), calls)


def _only_calls(body: str, offer: Offer) -> list[Written]:
    """The calls of a piece of code that does nothing but call tools."""
    found, at = list[Written](), 0
    body = re.sub(r"^\s*#.*$", "", body, flags=re.MULTILINE).strip()
    body = body[1:-1].strip() if body.startswith("[") and body.endswith("]") else body
    while at < len(body):
        call, end = written.python_call(body, at)
        if call is None or not fit.is_exact(call.name, offer):
            return []
        found.append(call)
        at = len(body) - len(body[end:].lstrip(" \n\t,;"))
    return found


def _data(text: str, offer: Offer) -> Iterator[PrintedSpan]:
    """Objects and lists at the beginning of a line, outside of fences; or a string that holds one."""
    stripped = text.strip()
    if stripped.startswith('"') and stripped.endswith('"') and isinstance(inner := coerce.decoded(stripped), str):
        yield PrintedSpan(0, len(text), list(written.calls_of(coerce.decoded(inner), offer.names)))
    at = 0
    for _ in range(MOST_TRIES):
        found = _DATA.search(text, at)
        if found is None:
            return
        value, end = values.value_at(text, found.end())
        at = max(end, found.end() + 1)
        calls = list(written.calls_of(value, offer.names))
        while calls and (more := re.compile(r"\s*[;,]\s*(?=\{)").match(text, at)):
            value, at = values.value_at(text, more.end())
            calls += written.calls_of(value, offer.names)
        yield PrintedSpan(found.start(), at, calls[: written.MOST])


def _named(text: str, offer: Offer) -> Iterator[PrintedSpan]:
    """A tool's name, and the object of its arguments behind it."""
    if not offer.names:
        return
    either = "|".join(map(re.escape, offer.names))
    pattern = rf"(?<![\w\"'])(?:functions\.)?({either})(?::\d+)?`?\s*(?:with(?: arguments)?|:|=)?\s*(?=\{{)"
    for found in list(re.finditer(pattern, text))[:MOST_TRIES]:
        value, end = values.value_at(text, found.end())
        yield PrintedSpan(found.start(), end, [Written(found[1], value)] if isinstance(value, dict) else [])


def _python(text: str, offer: Offer) -> Iterator[PrintedSpan]:
    """Lines that are calls in the manner of Python, after which nothing else follows."""
    if not offer.names:
        return
    either = "|".join(map(re.escape, offer.names))
    begin = re.search(rf"^[ \t]*\[?[ \t]*(?:print\()?(?:default_api\.|functions\.)?(?:{either})\(", text, re.MULTILINE)
    if begin and (calls := _only_calls(text[begin.start() :].strip(), offer)):
        yield PrintedSpan(begin.start(), len(text), calls)


def _guessed(text: str, offer: Offer) -> Reading:
    """Of a model that must call a tool: an object of arguments that only one tool takes."""
    sent = coerce.decoded(text)
    if not isinstance(sent, dict) or not sent:
        return Reading(text)
    keys = cast(dict[str, Any], sent).keys() - set(offer.extras)
    able = [tool for tool in offer.tools if _takes(tool.parameters, keys, offer.extras)]
    made = fit.fitted(Written(able[0].name, sent), offer) if len(able) == 1 else None
    return Reading("", [made]) if isinstance(made, Fitted) else Reading(text)


def _takes(parameters: dict[str, Any], keys: set[str], extras: Sequence[str]) -> bool:
    properties = cast(dict[str, Any], parameters.get("properties") or {}).keys()
    required = set(cast(list[str], parameters.get("required") or [])) - set(extras)
    return bool(keys) and keys <= properties and required <= keys


def _outside(text: str, spans: Sequence[PrintedSpan]) -> str:
    pieces, at = list[str](), 0
    for span in spans:
        pieces.append(text[at : span.start])
        at = span.end
    return " ".join([*pieces, text[at:]])
