"""Where in a text the marks stand between which models print their calls."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from holdfast.llm.printed import written
from holdfast.llm.printed.written import Written

_TAGS = r"tool_calls?|toolcall|function_calls?|tools|tool_code|tool_use"
_NAME = r"""["']?(?P<name>[\w.\-]+)["']?"""


@dataclass(frozen=True, slots=True)
class Mark:
    """How one kind of printed call begins and ends."""

    opening: re.Pattern[str]
    closing: re.Pattern[str]


def _mark(opening: str, closing: str) -> Mark:
    return Mark(re.compile(opening, re.MULTILINE), re.compile(closing))


FUNCTION = _mark(
    rf"<function=\s*{_NAME}\s*>?|<(?:function|invoke)\s+name\s*=\s*(?P<quoted>[\"']?[\w.\-]+[\"']?)\s*>",
    r"</?(?:function|invoke)\s*>|(?=</?tool_call|<function=|<invoke )|\Z",
)
MARKS = (
    _mark(
        rf"<\|?(?:{_TAGS}|start_function_call)\|?>",
        rf"<\|?/(?:{_TAGS})\|?>|<\|?end_function_call\|?>|(?=<\|?(?:{_TAGS})\|?>)|\Z",
    ),
    FUNCTION,
    _mark(r"\[TOOL_CALLS?\]|^TOOL_CALLS?:", r"\[/TOOL_CALLS?\]|(?=\[TOOL_CALLS?\])|\Z"),
    _mark(r"<\|python_tag\|>", r"<\|eo\w+\|>|\Z"),
    _mark(r"\bfunctools\s*(?=\[\s*\{)", r"\Z"),
    _mark(r"^[ \t]*```(?:tool_code|tool_calls?|function_calls?|tool_outputs)\b", r"```|\Z"),
    _mark(rf"^[* ]*Action:[* ]*{_NAME}[* ]*\n[* ]*Action Input:[* ]*", r"\n\s*\**Observation|\Z"),
    _mark(rf"✿FUNCTION✿:\s*{_NAME}\s*✿ARGS✿:\s*", r"✿|\Z"),
)
BEGINNINGS = (
    *(f"<{bar}{tag}" for tag in ("tool", "function", "start_function_call") for bar in ("", "|")),
    *("<invoke ", "[TOOL_CALL", "<|python_tag|>", "functools[", "functools [", "✿FUNCTION✿"),
)
"""What a mark may begin with anywhere in a text."""
LINE_BEGINNINGS = ("TOOL_CALL", "Action:", "**Action", '"{')
"""What may begin a call at the start of a line."""
PREFIXES = ("print(", "default_api.", "functions.")
"""What may stand there before the name of a tool."""


@dataclass(frozen=True, slots=True)
class PrintedSpan:
    """A piece of a text that is a call by its marks, and what was found in it."""

    start: int
    end: int
    calls: Sequence[Written]


def spans(text: str, names: Sequence[str]) -> list[PrintedSpan]:
    """The marked pieces, in order."""
    kinds = [*MARKS, *_tags_of(names)]
    found, at = list[PrintedSpan](), 0
    while len(found) < written.MOST and (span := _next(text, at, kinds)):
        found.append(span)
        at = max(span.end, span.start + 1)
    return found


def _next(text: str, at: int, kinds: Sequence[Mark]) -> PrintedSpan | None:
    openings = [(opening, kind) for kind in kinds if (opening := kind.opening.search(text, at))]
    if not openings:
        return None
    opening, kind = min(openings, key=lambda each: each[0].start())
    closing = kind.closing.search(text, opening.end())
    stop, end = (closing.start(), closing.end()) if closing else (len(text), len(text))
    return PrintedSpan(opening.start(), end, list(_calls(opening, text[opening.end() : stop])))


def _calls(opening: re.Match[str], body: str) -> Iterator[Written]:
    facts = opening.groupdict()
    if name := facts.get("name") or facts.get("quoted"):
        attributes = dict(re.findall(r"""(\w+)\s*=\s*["']([^"']*)["']""", facts.get("attributes") or ""))
        yield Written(name.strip("\"'"), attributes or written.arguments_in(body))
    elif inner := FUNCTION.opening.search(body):
        while inner:
            closing = FUNCTION.closing.search(body, inner.end())
            stop = closing.start() if closing else len(body)
            yield from _calls(inner, body[inner.end() : stop])
            inner = FUNCTION.opening.search(body, stop)
    else:
        yield from written.calls_in(body)


def _tags_of(names: Sequence[str]) -> Iterator[Mark]:
    """Tags that are named as a tool is."""
    if names:
        either = "|".join(map(re.escape, names))
        yield _mark(rf"<(?P<name>{either})\b(?P<attributes>[^<>]*?)/?>", rf"</(?:{either})>|\Z")
