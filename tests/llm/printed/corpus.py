"""Generations of small models that print their calls, and how many of them are read as they were meant."""

import json
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.llm.model import Delta, ReasoningDelta, TextDelta, ToolSchema
from holdfast.llm.printed import fit, read
from holdfast.llm.printed.fit import Offer
from holdfast.llm.thoughts import Thoughts

HERE = Path(__file__).parent
FAMILIES = ("qwen", "llama", "gemma", "mistral", "phi")
PARTS = ("tuning", "held_out")
GENERATED = 10
"""Cases that the grammar adds to each family of each part."""

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def schema(name: str, required: dict[str, Any], **optional: Any) -> ToolSchema:
    parameters = {"type": "object", "properties": {**required, **optional}, "required": list(required)}
    return ToolSchema(name, f"What {name} does.", parameters)


OFFER = Offer(
    (
        schema("archival_memory_insert", {"content": TEXT}, tags=TEXTS),
        schema("archival_memory_search", {"query": TEXT}, tags=TEXTS, top_k=WHOLE),
        schema("memory_insert", {"label": TEXT, "new_string": TEXT}, insert_line=WHOLE),
        schema("memory_replace", {"label": TEXT, "old_string": TEXT, "new_string": TEXT}),
        schema("conversation_search", {"query": TEXT}, limit=WHOLE),
        schema("send_message", {"message": TEXT}),
        schema("get_weather", {"city": TEXT}, unit={"type": "string", "enum": ["celsius", "fahrenheit"]}),
        schema("create_record", {"model": TEXT, "values": {"type": "object"}}),
    ),
    extras=("thinking", "request_heartbeat"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One answer of a model, and what it meant by it."""

    family: str
    text: str
    calls: tuple[tuple[str, Any], ...] | None
    """None: nobody could read it, and the model is asked once more."""

    @property
    def is_read(self) -> bool:
        return outcome(self.text) == (list(self.calls) if self.calls is not None else "retry")


def outcome(text: str) -> Any:
    """What is made of an answer: calls, `retry`, or `text`."""
    thoughts = Thoughts()
    deltas: list[Delta] = [*thoughts.feed(text), *thoughts.rest()]
    spoken = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    assert not spoken or not any(isinstance(delta, ReasoningDelta) and "tool_call" in delta.text for delta in deltas)
    found = read.read(spoken, OFFER)
    if found.calls:
        return [(call.name, json.loads(fit.encoded(call))) for call in found.calls]
    return "retry" if found.fault else "text"


def cases(part: str) -> Iterator[Case]:
    """The written and the generated cases of one part."""
    for family in FAMILIES:
        told = tomllib.loads((HERE / part / f"{family}.toml").read_text("utf-8"))
        for text, wanted in told["cases"]:
            yield Case(family, text, None if wanted == "retry" else tuple(map(_call, wanted.split("\n"))))
        yield from generated(family, part)


def talk() -> list[str]:
    return tomllib.loads((HERE / "talk.toml").read_text("utf-8"))["cases"]


def share(part: str, family: str | None = None) -> tuple[int, int]:
    """How many cases are read as they were meant, of how many."""
    chosen = [case for case in cases(part) if family in (None, case.family)]
    return sum(case.is_read for case in chosen), len(chosen)


def _call(line: str) -> tuple[str, Any]:
    name, _, arguments = line.partition(" ")
    return name, json.loads(arguments)


FORMS = {
    "qwen": ("<tool_call>\n{call}\n</tool_call>", "<tool_call>\n{call}", "{call}", "```json\n{call}\n```"),
    "llama": ("{call}", "<|python_tag|>{call}", "<function={name}>{arguments}</function>", "{call}<|eot_id|>"),
    "gemma": (
        "```tool_code\n{python}\n```",
        "```tool_code\nprint({python})\n```",
        "```json\n{call}\n```",
        "[{python}]",
    ),
    "mistral": ("[TOOL_CALLS] [{call}]", "[TOOL_CALLS]{name}[ARGS]{arguments}", "[{call}]", "[TOOL_CALLS] {call}"),
    "phi": ("<|tool_call|>[{call}]<|/tool_call|>", "functools[{call}]", "<|tool_call|>{call}", "{python}"),
}
LEADS = ("", "", "Sure.\n\n", "Let me do that.\n")
FACTS = (
    "Likes tea.",
    "Born in 1990; two sons.",
    "Said: {never} [again]",
    "Größe 43, naïve",
    "Pays 5 € / day",
    "it's fine",
)
CITIES = ("Rome", "São Paulo", "'s-Hertogenbosch", "Łódź")


def generated(family: str, part: str) -> Iterator[Case]:
    """Calls in the forms of a family, each spoiled in ways that leave one meaning."""
    chance = random.Random(f"{family} {part}")
    for _ in range(GENERATED):
        name, arguments = _meant(chance)
        yield Case(family, _printed(chance, family, name, arguments), ((name, arguments),))


def _meant(chance: random.Random) -> tuple[str, dict[str, Any]]:
    match chance.randrange(4):
        case 0:
            return "get_weather", {"city": chance.choice(CITIES), "unit": "celsius"}
        case 1:
            return "archival_memory_search", {"query": chance.choice(FACTS), "top_k": chance.randint(1, 9)}
        case 2:
            return "memory_insert", {"label": "human", "new_string": chance.choice(FACTS)}
        case _:
            return "archival_memory_insert", {"content": chance.choice(FACTS), "tags": ["a", "b c"]}


def _printed(chance: random.Random, family: str, name: str, arguments: dict[str, Any]) -> str:
    word = chance.choice(("arguments", "parameters"))
    spoiled = {
        key: str(value) if isinstance(value, int) and chance.random() < 0.3 else value
        for key, value in arguments.items()
    }
    inner = json.dumps(spoiled, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 2)))
    if chance.random() < 0.2:
        inner = f"{inner[:-1].rstrip()},}}"
    shown = json.dumps(inner) if chance.random() < 0.2 else inner
    called = _spelled(chance, name)
    call = f'{{"name": "{called}", "{word}": {shown}' + chance.choice(("}", "}", "}", "}}", "", " }"))
    python = f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
    form = chance.choice(FORMS[family])
    lead = "" if form.startswith(("[{", "{python}")) else chance.choice(LEADS)
    filled = {"{call}": call, "{name}": name, "{arguments}": inner, "{python}": python}
    for slot, value in filled.items():
        if slot in form:
            form = form.replace(slot, value, 1)
            if slot != "{name}":
                break
    return lead + form


def _spelled(chance: random.Random, name: str) -> str:
    """The name, now and then as a model misspells it."""
    camel = name.split("_")[0] + "".join(word.title() for word in name.split("_")[1:])
    return chance.choice((name, name, name, name, camel, f"functions.{name}", name.replace("_", "-"), name.title()))
