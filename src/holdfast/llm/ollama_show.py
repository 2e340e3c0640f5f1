"""What Ollama says of its models (`/api/tags`, `/api/show`, `/api/ps`), in the words of its various versions."""

import re
from dataclasses import dataclass, replace
from typing import Any, cast

from holdfast.llm import catalog, sizes
from holdfast.llm.model import Listed
from holdfast.llm.reading import Json, object_of

_NUM_CTX = re.compile(r"^\s*num_ctx\s+(\d+)", re.MULTILINE)
_LEVELS = re.compile(r"gpt-?oss", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of one model. What its server is too old to say is None."""

    listed: Listed
    has_levels: bool = False
    """It thinks in levels, and not at all is none of them."""

    def without(self, *, tools: bool = False, reasoning: bool = False) -> "Shown":
        """What was learned from a refusal."""
        changed: dict[str, Any] = {"tools": False} if tools else {}
        changed |= {"reasoning": False} if reasoning else {}
        return replace(self, listed=replace(self.listed, **changed))


def facts_of(name: str, body: Json) -> Shown:
    """An answer of `/api/show`."""
    info, details = object_of(body.get("model_info")), object_of(body.get("details"))
    can = _capabilities(body)
    listed = Listed(
        name,
        window=_number(info, ".context_length"),
        usual=_num_ctx(body.get("parameters")),
        tools="tools" in can if can else None,
        images="vision" in can if can else None,
        reasoning="thinking" in can if can else None,
        dimensions=_number(info, ".embedding_length") if "embedding" in can else None,
        is_chat="completion" in can if can else catalog.is_chat(name),
        parameters=sizes.said(details.get("parameter_size")),
    )
    family = f"{name} {details.get('family')} {info.get('general.architecture')}"
    return Shown(listed, has_levels=_LEVELS.search(family) is not None)


def unknown(name: str) -> Shown:
    """A model of a server that cannot describe it."""
    return Shown(Listed(name, is_chat=catalog.is_chat(name)), has_levels=_LEVELS.search(name) is not None)


def name_of(entry: Json) -> str | None:
    """The name of an entry of `/api/tags` or `/api/ps`."""
    name = entry.get("model") or entry.get("name")
    return name if isinstance(name, str) and name else None


def _capabilities(body: Json) -> list[str]:
    found = body.get("capabilities")
    return [str(each) for each in cast(list[Any], found)] if isinstance(found, list) else []


def _number(info: Json, ending: str) -> int | None:
    """A number that stands under the name of the model's architecture."""
    named = info.get(f"{info.get('general.architecture')}{ending}")
    found = named or next((value for name, value in info.items() if name.endswith(ending)), None)
    return found if isinstance(found, int) and found > 0 else None


def _num_ctx(parameters: Any) -> int | None:
    """The window that whoever made the model set it up with."""
    found = _NUM_CTX.search(parameters) if isinstance(parameters, str) else None
    return int(found[1]) or None if found and len(found[1]) < 10 else None
