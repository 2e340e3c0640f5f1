"""`letta_config.json`: what the service is told about its model, its memory and what it logs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import orjson
from pydantic import Field, ValidationError

from holdfast.config import ConfigError
from holdfast.kit.entity import Shape

MODEL = "huihui_ai/qwen3-abliterated:4b-v2"
SEMANTIC = ("semantic", "semantic_search", "hybrid", "similarity")
"""Strategies of retrieval that say what ours does: by meaning and by words together."""


class AgentPart(Shape):
    name: Annotated[str, Field(min_length=1, max_length=100)] = "QwenAgent"


class ModelPart(Shape):
    type: str = "ollama"
    name: Annotated[str, Field(min_length=1)] = MODEL
    base_url: str | None = None
    embedding_model: str | None = None
    embedding_dim: int | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    context_window: Annotated[int, Field(ge=1024, le=10_000_000)] = 8192

    @property
    def handle(self) -> str:
        return f"{self.type}/{self.name}"

    @property
    def embedding(self) -> str | None:
        return f"{self.type}/{self.embedding_model}" if self.embedding_model else None


class CorePart(Shape):
    max_tokens: Annotated[int | None, Field(ge=64, le=1_000_000)] = None


class RecallPart(Shape):
    path: str | None = None


class ArchivalPart(Shape):
    type: str = "sqlite"
    path: str | None = None


class MemoryPart(Shape):
    core: CorePart = CorePart()
    recall: RecallPart = RecallPart()
    archival: ArchivalPart = ArchivalPart()


class RetrievalPart(Shape):
    strategy: str = "semantic"
    top_k: Annotated[int, Field(ge=1, le=20)] = 3
    relevance_threshold: Annotated[float, Field(ge=0, le=1)] = 0.4
    auto_recall_on_query: bool = True


class FeaturesPart(Shape):
    enable_memory_search: bool = True
    enable_auto_summary: bool = True
    enable_memory_consolidation: bool = False
    consolidation_interval_messages: Annotated[int, Field(ge=4, le=1_000_000)] = 50


class LoggingPart(Shape):
    level: str | None = None
    file: str | None = None


class QwenConfig(Shape):
    """The whole file; what it leaves out has these values."""

    agent: AgentPart = AgentPart()
    model: ModelPart = ModelPart()
    memory: MemoryPart = MemoryPart()
    retrieval: RetrievalPart = RetrievalPart()
    features: FeaturesPart = FeaturesPart()
    logging: LoggingPart = LoggingPart()

    @property
    def searches(self) -> bool:
        """Is a message looked up in memory when the request does not say?"""
        return self.features.enable_memory_search and self.retrieval.auto_recall_on_query

    def without_effect(self) -> Iterator[str]:
        """What the file says and this service does not do, each with its reason."""
        if self.memory.recall.path is not None:
            yield (
                "memory.recall.path has no effect: conversations are in the same SQLite file as the archival memory "
                "(views `memories` and `conversations`)."
            )
        if self.memory.archival.type != "sqlite":
            yield f"memory.archival.type {self.memory.archival.type!r} has no effect: the memory is an SQLite file."
        if self.retrieval.strategy not in SEMANTIC:
            yield (
                f"retrieval.strategy {self.retrieval.strategy!r} has no effect: memories are always found by meaning "
                "and by words together."
            )
        if not self.features.enable_auto_summary:
            yield (
                "features.enable_auto_summary false has no effect: when the model's window is full, a summary takes "
                "the place of the oldest messages, or the model could not go on. No message is lost by it."
            )


def read(path: Path) -> tuple[QwenConfig, list[str]]:
    """The configuration in a file, and what in it has no effect."""
    try:
        found: Any = orjson.loads(path.read_bytes())
    except OSError as failed:
        raise ConfigError(f"The configuration {path} cannot be read: {failed.strerror}.") from failed
    except orjson.JSONDecodeError as broken:
        raise ConfigError(f"The configuration {path} is not JSON: {broken}.") from broken
    if not isinstance(found, dict):
        raise ConfigError(f"The configuration {path} is to be a JSON object, with `model`, `memory` and so on.")
    sent = cast("dict[str, Any]", found)
    try:
        config = QwenConfig.model_validate(sent)
    except ValidationError as wrong:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong.errors()[:5])
        raise ConfigError(f"The configuration {path} cannot be meant as it stands: {faults}.") from wrong
    unknown = [f"{name} is not known here and has no effect." for name in _unknown(sent, QwenConfig)]
    return config, [*config.without_effect(), *unknown]


def _unknown(sent: Mapping[str, Any], form: type[Shape], above: str = "") -> Iterator[str]:
    """The keys that the file has and the form has not; such that begin with `_` are comments."""
    for name, value in sent.items():
        kept = form.model_fields.get(name)
        if kept is None:
            if not name.startswith(("_", "$")):
                yield above + name
        elif isinstance(value, dict) and isinstance(inner := kept.annotation, type) and issubclass(inner, Shape):
            yield from _unknown(cast("dict[str, Any]", value), inner, f"{above}{name}.")
