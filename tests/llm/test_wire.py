"""V1's JSON of models and their settings, checked against the types of its own client."""

from typing import Any, get_args

import letta_client.types as sdk
import pytest
from letta_client.types import agent_state
from pydantic import TypeAdapter

from holdfast.llm import wire
from holdfast.llm.models import BUNDLED, Models
from holdfast.llm.settings import (
    SETTINGS,
    CompactionSettings,
    EmbeddingConfig,
    LLMConfig,
    ModelSettings,
    OpenAIModelSettings,
    ResponseFormat,
)
from tests.llm.asking import Asker

settings: TypeAdapter[Any] = TypeAdapter(ModelSettings)
formats: TypeAdapter[Any] = TypeAdapter(ResponseFormat)


@pytest.fixture
def models(ask: Asker) -> Models:
    return ask.models({"OPENAI_API_KEY": "k", "LMSTUDIO_BASE_URL": "localhost:1234", "SGLANG_API_BASE": "localhost:3"})


def names(model: Any) -> set[str]:
    """The fields that the client's class reads, by their names in JSON."""
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    "handle", ["openai/gpt-5-mini", "holdfast/demo", "lmstudio_openai/x", "sglang/x", "anthropic/claude-x"]
)
def test_a_model_row_is_what_the_client_expects(models: Models, handle: str) -> None:
    row = wire.model(models.card(handle))
    assert names(sdk.Model) <= row.keys()
    assert sdk.Model.model_validate(row, strict=True).handle == handle
    assert TypeAdapter(wire.Model).validate_python(row)


def test_an_embedding_row_is_what_the_client_expects(models: Models) -> None:
    for card in models.embedding_cards():
        row = wire.embedding_model(card)
        assert names(sdk.EmbeddingModel) <= row.keys()
        assert sdk.EmbeddingModel.model_validate(row, strict=True).embedding_dim == card.dimensions
    assert wire.embedding_model(BUNDLED)["handle"] == "holdfast/minilm-l6-v2"


def test_an_agents_configuration(models: Models) -> None:
    config = wire.llm_config(models.card("openai/gpt-4.1"), {"temperature": 0.2, "max_tokens": None, "odd": 1})
    assert names(sdk.LlmConfig) <= config.keys()
    assert sdk.LlmConfig.model_validate(config, strict=True).temperature == 0.2
    assert (config["context_window"], config["model"], config["handle"]) == (128_000, "gpt-4.1", "openai/gpt-4.1")
    assert wire.llm_config(models.card("openai/gpt-4.1"), {"context_window": 500_000})["context_window"] == 500_000
    assert wire.model(models.card("openai/gpt-4.1"))["max_context_window"] == 1_047_576


def test_an_embedding_configuration() -> None:
    config = wire.embedding_config(BUNDLED, {"embedding_chunk_size": 500})
    assert names(sdk.EmbeddingConfig) <= config.keys()
    assert sdk.EmbeddingConfig.model_validate(config, strict=True).embedding_chunk_size == 500


def test_settings_of_every_provider_have_the_clients_fields() -> None:
    union = agent_state.AgentState.model_fields["api_model_settings"].annotation
    classes = {cls for cls in _classes(union) if "provider_type" in cls.model_fields}
    assert len(classes) == len(SETTINGS)
    for cls in classes:
        [kind] = get_args(_bare(cls.model_fields["provider_type"].annotation))
        ours = SETTINGS[kind]().model_dump()
        assert names(cls) == ours.keys(), kind
        cls.model_validate(ours, strict=True)


def test_settings_are_read_by_their_provider() -> None:
    sent = {"provider_type": "anthropic", "thinking": {"type": "enabled", "budget_tokens": 2048}}
    assert settings.validate_python(sent).model_dump()["thinking"]["budget_tokens"] == 2048
    assert "max_output_tokens" not in settings.validate_python(sent).model_fields_set


@pytest.mark.parametrize("kind", [{"provider_type": "new-one"}, {"provider_type": None}, {}])
def test_settings_of_an_unknown_provider_are_openais(kind: dict[str, Any]) -> None:
    read = settings.validate_python({**kind, "temperature": 0.1})
    assert isinstance(read, OpenAIModelSettings)
    assert (read.provider_type, read.temperature) == ("openai", 0.1)


def test_settings_follow_the_model(models: Models) -> None:
    assert wire.model_settings(models.card("holdfast/demo"))["provider_type"] == "openai"
    sent = {"provider_type": "openai", "temperature": 0.3, "strict": True}
    assert wire.model_settings(models.card("anthropic/claude-x"), sent)["provider_type"] == "anthropic"


@pytest.mark.parametrize(
    ("sent", "kind"),
    [({}, "text"), ({"json_schema": {"a": 1}}, "json_schema"), ({"type": "json_object"}, "json_object")],
)
def test_response_formats(sent: dict[str, Any], kind: str) -> None:
    assert formats.validate_python(sent).type == kind


def test_configurations_may_be_partial() -> None:
    assert LLMConfig.model_validate({"model": "gpt-4.1"}).model_dump(exclude_unset=True) == {"model": "gpt-4.1"}
    assert EmbeddingConfig.model_validate({"embedding_dim": 384}).embedding_model is None
    assert names(sdk.LlmConfig) <= LLMConfig.model_fields.keys()
    assert names(sdk.EmbeddingConfig) <= EmbeddingConfig.model_fields.keys()


def test_compaction() -> None:
    read = CompactionSettings.model_validate({"model_settings": {"provider_type": "groq"}})
    assert names(agent_state.CompactionSettings) == CompactionSettings.model_fields.keys()
    assert (read.mode, read.sliding_window_percentage) == ("sliding_window", 0.3)
    assert read.model_settings is not None
    assert read.model_settings.provider_type == "groq"


def _classes(annotation: Any) -> set[Any]:
    """All classes inside an annotation, however its unions are nested."""
    inner = get_args(annotation)
    return {annotation} if hasattr(annotation, "model_fields") else {cls for part in inner for cls in _classes(part)}


def _bare(annotation: Any) -> Any:
    return next((part for part in get_args(annotation) if get_args(part)), annotation)
