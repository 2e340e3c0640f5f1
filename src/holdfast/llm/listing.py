"""What the various servers say of a model in their lists, under all the names that they have for it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from holdfast.llm import catalog
from holdfast.llm.model import Listed

Json = Mapping[str, Any]

WINDOWS = ("loaded_context_length", "max_model_len", "context_length", "context_window", "max_context_length")
"""What was really loaded comes before what the model could do."""
OUTPUTS = ("max_completion_tokens", "max_output_tokens", "max_output_length")
CHAT_TYPES = frozenset(("chat", "llm", "vlm", "language", "text-generation", "code", "model"))
TOOL_WORDS = frozenset(("tools", "tool_use", "tool-use", "function_calling", "function-calling", "tool_choice"))
IMAGE_WORDS = frozenset(("image", "vision", "image_input", "image-text-to-text"))
REASONING_WORDS = frozenset(("reasoning", "thinking", "include_reasoning", "reasoning_effort"))
LARGEST = 100_000_000

DIMENSIONS: Mapping[str, int] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "nomic-embed-text": 768,
    "nomic-embed-text-v1.5": 768,
    "mxbai-embed-large": 1024,
    "bge-m3": 1024,
    "bge-base-en-v1.5": 768,
    "bge-large-en-v1.5": 1024,
    "bge-small-en-v1.5": 384,
    "all-minilm": 384,
    "all-minilm-l6-v2": 384,
    "snowflake-arctic-embed": 1024,
    "mistral-embed": 1024,
    "multilingual-e5-large": 1024,
    "multilingual-e5-large-instruct": 1024,
    "m2-bert-80m-32k-retrieval": 768,
    "qwen3-embedding-0.6b": 1024,
    "qwen3-embedding-4b": 2560,
    "qwen3-embedding-8b": 4096,
    "embeddinggemma": 768,
    "embeddinggemma-300m": 768,
}
"""How long the vectors of well-known embedding models are, by their names without publisher and tag."""


def listed_all(items: Any) -> list[Listed]:
    """The models of a list: a bare one, or one under `data` or `models`; entries that name nothing are left out."""
    if isinstance(items, dict):
        body = cast(dict[str, Any], items)
        items = next((body[name] for name in ("data", "models", "value") if isinstance(body.get(name), list)), None)
    entries = cast(list[Any], items) if isinstance(items, list) else []
    found = (listed_of(cast(Json, entry)) for entry in entries if isinstance(entry, dict))
    return [listed for listed in found if listed is not None]


def listed_of(entry: Json) -> Listed | None:
    """One entry; None when it names no model, or one that cannot be used now."""
    name = entry.get("id")
    if not isinstance(name, str) or not name.strip() or entry.get("active") is False:
        return None
    words = frozenset(_words(entry))
    return Listed(
        name,
        window=window_of(entry),
        output=_number(entry, OUTPUTS) or _number(entry.get("top_provider"), OUTPUTS),
        tools=_tools(entry, words),
        images=_said(
            entry, ("supports_image_input", "supports_image_in", "supports_vision", "vision"), words, IMAGE_WORDS
        ),
        reasoning=_said(entry, ("supports_reasoning", "reasoning"), words, REASONING_WORDS),
        dimensions=dimensions_of(entry, name),
        is_chat=_is_chat(entry, name),
        serves=_model_of(entry, name),
    )


def window_of(facts: Json) -> int | None:
    """The context window: what the server really has room for, else what the model was made for."""
    return (
        _number(facts, WINDOWS)
        or _number(facts.get("meta"), ("n_ctx",))
        or _least(facts.get("providers"))
        or _number(facts.get("meta"), ("n_ctx_train",))
    )


def served_window(facts: Any) -> int | None:
    """The window that llama.cpp serves, in its own description of itself."""
    if not isinstance(facts, dict):
        return None
    body = cast(Json, facts)
    return _number(body.get("default_generation_settings"), ("n_ctx",)) or _number(body, ("n_ctx",))


def dimensions_of(entry: Json, name: str) -> int | None:
    """How long the vectors of an embedding model are; None for other models, and where nobody says."""
    if not re.search(r"embed|minilm|bge-|e5-|retrieval", name, re.IGNORECASE):
        return None
    said = _number(entry, ("embedding_length", "dimensions", "embedding_dimensions", "embedding_dim"))
    return said or known_dimensions(name)


def known_dimensions(name: str) -> int | None:
    """The same by name alone, without publisher, tag and what LM Studio puts before it."""
    bare = name.rpartition("/")[2].partition(":")[0].lower()
    return DIMENSIONS.get(bare) or DIMENSIONS.get(bare.removeprefix("text-embedding-"))


def _words(entry: Json) -> Iterator[str]:
    """All the capabilities that an entry names, wherever it does."""
    architecture = entry.get("architecture")
    modalities: Any = cast(Json, architecture).get("input_modalities") if isinstance(architecture, dict) else None
    for said in (
        entry.get("capabilities"),
        entry.get("supported_parameters"),
        entry.get("features"),
        entry.get("supported_features"),
        entry.get("input_modalities"),
        modalities,
    ):
        if isinstance(said, dict):
            yield from (str(word) for word, value in cast(dict[Any, Any], said).items() if value)
        elif isinstance(said, list):
            yield from (word for word in cast(list[Any], said) if isinstance(word, str))
    if entry.get("type") == "vlm":
        yield "vision"


def _tools(entry: Json, words: frozenset[str]) -> bool | None:
    """Whether the model can call tools; one of several hosts that can is enough."""
    hosts = entry.get("providers")
    if isinstance(hosts, list):
        said = [cast(Json, host).get("supports_tools") for host in cast(list[Any], hosts) if isinstance(host, dict)]
        return True in said if any(isinstance(each, bool) for each in said) else None
    return _said(entry, ("supports_tools", "supports_tool_calling"), words, TOOL_WORDS)


def _said(entry: Json, names: tuple[str, ...], words: frozenset[str], wanted: frozenset[str]) -> bool | None:
    """A yes or no of its own field, else whether the capabilities name it; None when nothing is said of any."""
    for name in names:
        if isinstance(entry.get(name), bool):
            return entry[name]
    if not words:
        return None
    return bool(words & wanted)


def _is_chat(entry: Json, name: str) -> bool:
    kind = entry.get("type")
    if isinstance(kind, str) and kind.lower() not in CHAT_TYPES:
        return False
    for said, word in (("capabilities", "completion_chat"), ("capabilities", "chat_completion")):
        inner = entry.get(said)
        if isinstance(inner, dict) and cast(Json, inner).get(word) is False:
            return False
    return entry.get("supports_chat") is not False and catalog.is_chat(name) and _writes_text(entry)


def _writes_text(entry: Json) -> bool:
    architecture = entry.get("architecture")
    said: Any = cast(Json, architecture).get("output_modalities") if isinstance(architecture, dict) else None
    return not isinstance(said, list) or "text" in said


def _model_of(entry: Json, name: str) -> str | None:
    """The model that a deployment serves."""
    model = entry.get("model")
    return model if isinstance(model, str) and model and model != name else None


def _least(hosts: Any) -> int | None:
    """The smallest window of a model's hosts: any of them may answer."""
    listed = cast(list[Any], hosts) if isinstance(hosts, list) else []
    return min((window for host in listed if (window := _number(host, WINDOWS))), default=None)


def _number(facts: Any, names: tuple[str, ...]) -> int | None:
    if not isinstance(facts, dict):
        return None
    body = cast(Json, facts)
    for name in names:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST:
            return value
    return None
