"""V1's JSON of models: the rows of its lists and the configuration objects that every agent carries."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from holdfast.llm import catalog
from holdfast.llm.model import ModelCard
from holdfast.llm.models import EmbeddingCard
from holdfast.llm.settings import SETTINGS, OpenAIModelSettings, ResponseFormat

LARGEST_WINDOW = 128_000
"""The window of an agent that names none, however large its model's is (CONTRACT §7)."""

EMBEDDING_ENDPOINTS = (
    {"holdfast": "hugging-face", "lmstudio_openai": "lmstudio"}
    | {
        name: name
        for name in (
            "bedrock",
            "google_ai",
            "google_vertex",
            "azure",
            "groq",
            "ollama",
            "vllm",
            "hugging-face",
            "mistral",
        )
    }
    | {"together": "together"}
)
"""What V1 calls the endpoints of embedding models; all others are called OpenAI's."""


class LLMConfigWire(TypedDict):
    model: str
    display_name: str | None
    model_endpoint_type: str
    model_endpoint: str | None
    provider_name: str | None
    provider_category: Literal["base", "byok"] | None
    model_wrapper: str | None
    context_window: int
    put_inner_thoughts_in_kwargs: bool | None
    handle: str | None
    temperature: float | None
    max_tokens: int | None
    enable_reasoner: bool | None
    reasoning_effort: str | None
    max_reasoning_tokens: int | None
    effort: str | None
    frequency_penalty: float | None
    compatibility_type: str | None
    verbosity: str | None
    tier: str | None
    parallel_tool_calls: bool | None
    response_format: ResponseFormat | None
    strict: bool | None
    return_logprobs: bool | None
    top_logprobs: int | None
    return_token_ids: bool | None
    tool_call_parser: str | None


class Model(LLMConfigWire):
    """A row of `GET /v1/models/`: the new names and the older configuration in one flat object."""

    name: str
    provider_type: str
    model_type: Literal["llm"]
    max_context_window: int


class EmbeddingConfigWire(TypedDict):
    embedding_endpoint_type: str
    embedding_endpoint: str | None
    embedding_model: str
    embedding_dim: int
    embedding_chunk_size: int | None
    handle: str | None
    batch_size: int | None
    azure_endpoint: str | None
    azure_version: str | None
    azure_deployment: str | None


class EmbeddingModel(EmbeddingConfigWire):
    """A row of `GET /v1/models/embedding`, in both generations' names."""

    name: str
    display_name: str
    provider_type: str
    provider_name: str
    model_type: Literal["embedding"]


def llm_config(
    card: ModelCard, overrides: Mapping[str, Any] | None = None, *, most: int = LARGEST_WINDOW
) -> LLMConfigWire:
    """The configuration object of an agent on this model; what is null in `overrides` keeps the model's own value."""
    row = catalog.row_of(card.provider_type)
    config: LLMConfigWire = {
        "model": card.name,
        "display_name": card.display_name or card.name,
        "model_endpoint_type": row.endpoint_type if row else "openai",
        "model_endpoint": card.endpoint or None,
        "provider_name": card.provider,
        "provider_category": card.category,
        "model_wrapper": None,
        "context_window": min(card.default_window, most),
        "put_inner_thoughts_in_kwargs": False,
        "handle": card.handle,
        "temperature": 1.0,
        "max_tokens": None,
        "enable_reasoner": card.reasoning,
        "reasoning_effort": None,
        "max_reasoning_tokens": 0,
        "effort": None,
        "frequency_penalty": None,
        "compatibility_type": None,
        "verbosity": None,
        "tier": None,
        "parallel_tool_calls": False,
        "response_format": None,
        "strict": False,
        "return_logprobs": False,
        "top_logprobs": None,
        "return_token_ids": False,
        "tool_call_parser": None,
    }
    known = {name: value for name, value in (overrides or {}).items() if name in config and value is not None}
    return cast(LLMConfigWire, config | known)


def model(card: ModelCard) -> Model:
    """The row of a model in the list of models."""
    own = {"context_window": card.default_window, "max_tokens": card.max_output_tokens}
    return {
        **llm_config(card, own, most=card.context_window),
        "name": card.name,
        "provider_type": provider_type(card.provider_type),
        "model_type": "llm",
        "max_context_window": card.context_window,
    }


def embedding_config(card: EmbeddingCard, overrides: Mapping[str, Any] | None = None) -> EmbeddingConfigWire:
    """The configuration object of an agent, archive or folder on this embedding model."""
    config: EmbeddingConfigWire = {
        "embedding_endpoint_type": _embedding_endpoint(card.provider_type),
        "embedding_endpoint": card.endpoint,
        "embedding_model": card.name,
        "embedding_dim": card.dimensions,
        "embedding_chunk_size": 300,
        "handle": card.handle,
        "batch_size": 32,
        "azure_endpoint": None,
        "azure_version": None,
        "azure_deployment": None,
    }
    known = {name: value for name, value in (overrides or {}).items() if name in config and value is not None}
    return cast(EmbeddingConfigWire, config | known)


def embedding_model(card: EmbeddingCard) -> EmbeddingModel:
    """The row of an embedding model in its list."""
    return {
        **embedding_config(card),
        "name": card.name,
        "display_name": card.name,
        "provider_type": "hugging-face" if card.provider == "holdfast" else provider_type(card.provider_type),
        "provider_name": card.provider,
        "model_type": "embedding",
    }


def model_settings(card: ModelCard, sent: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An agent's settings in the form of its model's provider: what was sent, else that provider's defaults."""
    settings = SETTINGS.get(card.provider_type, OpenAIModelSettings)
    values = {name: value for name, value in (sent or {}).items() if name != "provider_type" and value is not None}
    return settings.model_validate(values).model_dump()


def provider_type(own: str) -> str:
    """The provider's type as V1's clients know it; what they do not know is shown as OpenAI's."""
    row = catalog.row_of(own)
    return row.type if row else "openai"


def _embedding_endpoint(own: str) -> str:
    return EMBEDDING_ENDPOINTS.get(own, "openai")
