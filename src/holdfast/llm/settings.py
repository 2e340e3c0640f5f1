"""What a client may say about an agent's model: V1's settings per provider, and the older configuration objects."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from holdfast.kit.entity import Shape, Sparse

Level = Literal["low", "medium", "high"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class TextResponseFormat(Shape):
    type: Literal["text"] = "text"


class JsonSchemaResponseFormat(Shape):
    type: Literal["json_schema"] = "json_schema"
    json_schema: dict[str, Any]


class JsonObjectResponseFormat(Shape):
    type: Literal["json_object"] = "json_object"


def _format_tag(value: Any) -> str:
    """Which format is meant: the SDK lets `type` be left out."""
    if (kind := _field(value, "type")) is not None:
        return str(kind)
    return "json_schema" if _field(value, "json_schema") is not None else "text"


ResponseFormat = Annotated[
    Annotated[TextResponseFormat, Tag("text")]
    | Annotated[JsonSchemaResponseFormat, Tag("json_schema")]
    | Annotated[JsonObjectResponseFormat, Tag("json_object")],
    Discriminator(_format_tag),
]


class OpenAIReasoning(Sparse):
    reasoning_effort: Effort = "high"


class ChatGPTOAuthReasoning(Sparse):
    reasoning_effort: Effort = "medium"


class AnthropicThinking(Sparse):
    type: Literal["enabled", "disabled"] = "enabled"
    budget_tokens: int = 1024


class GeminiThinkingConfig(Sparse):
    include_thoughts: bool = True
    thinking_budget: int = 1024


class ZAIThinking(Sparse):
    type: Literal["enabled", "disabled"] = "enabled"
    clear_thinking: bool = False


class _Settings(Sparse):
    """What every provider's settings have in common."""

    max_output_tokens: int = 4096
    parallel_tool_calls: bool = True
    temperature: float = 0.7


class _Formatted(_Settings):
    response_format: ResponseFormat | None = None


class OpenAIModelSettings(_Formatted):
    """Also what settings of an unknown provider are read as."""

    provider_type: Annotated[Literal["openai"], BeforeValidator(lambda _: "openai")] = "openai"
    reasoning: OpenAIReasoning = OpenAIReasoning()
    strict: bool = True


class SGLangModelSettings(_Formatted):
    provider_type: Literal["sglang"] = "sglang"
    reasoning: OpenAIReasoning = OpenAIReasoning()
    strict: bool = True
    tool_call_parser: str | None = None


class AnthropicModelSettings(_Formatted):
    provider_type: Literal["anthropic"] = "anthropic"
    temperature: float = 1.0
    thinking: AnthropicThinking = AnthropicThinking()
    verbosity: Level | None = None
    effort: Effort | None = None
    strict: bool = False


class GoogleAIModelSettings(_Settings):
    provider_type: Literal["google_ai"] = "google_ai"
    max_output_tokens: int = 65536
    thinking_config: GeminiThinkingConfig = GeminiThinkingConfig()
    response_schema: ResponseFormat | None = None


class GoogleVertexModelSettings(_Settings):
    provider_type: Literal["google_vertex"] = "google_vertex"
    max_output_tokens: int = 65536
    thinking_config: GeminiThinkingConfig = GeminiThinkingConfig()
    response_schema: ResponseFormat | None = None


class AzureModelSettings(_Formatted):
    provider_type: Literal["azure"] = "azure"


class XAIModelSettings(_Formatted):
    provider_type: Literal["xai"] = "xai"


class ZAIModelSettings(_Formatted):
    provider_type: Literal["zai"] = "zai"
    thinking: ZAIThinking = ZAIThinking()


class MoonshotModelSettings(_Formatted):
    provider_type: Literal["moonshot"] = "moonshot"
    strict: bool = False


class MoonshotCodingModelSettings(_Formatted):
    provider_type: Literal["moonshot_coding"] = "moonshot_coding"
    effort: Effort | None = None
    strict: bool = False
    thinking: AnthropicThinking | None = None
    verbosity: Level | None = None


class GroqModelSettings(_Formatted):
    provider_type: Literal["groq"] = "groq"


class DeepseekModelSettings(_Formatted):
    provider_type: Literal["deepseek"] = "deepseek"


class TogetherModelSettings(_Formatted):
    provider_type: Literal["together"] = "together"


class BedrockModelSettings(_Formatted):
    provider_type: Literal["bedrock"] = "bedrock"


class BasetenModelSettings(_Settings):
    provider_type: Literal["baseten"] = "baseten"


class OpenRouterModelSettings(_Formatted):
    provider_type: Literal["openrouter"] = "openrouter"


class ChatGPTOAuthModelSettings(_Settings):
    provider_type: Literal["chatgpt_oauth"] = "chatgpt_oauth"
    reasoning: ChatGPTOAuthReasoning = ChatGPTOAuthReasoning()


SETTINGS: dict[str, type[_Settings]] = {
    "openai": OpenAIModelSettings,
    "sglang": SGLangModelSettings,
    "anthropic": AnthropicModelSettings,
    "google_ai": GoogleAIModelSettings,
    "google_vertex": GoogleVertexModelSettings,
    "azure": AzureModelSettings,
    "xai": XAIModelSettings,
    "zai": ZAIModelSettings,
    "moonshot": MoonshotModelSettings,
    "moonshot_coding": MoonshotCodingModelSettings,
    "groq": GroqModelSettings,
    "deepseek": DeepseekModelSettings,
    "together": TogetherModelSettings,
    "bedrock": BedrockModelSettings,
    "baseten": BasetenModelSettings,
    "openrouter": OpenRouterModelSettings,
    "chatgpt_oauth": ChatGPTOAuthModelSettings,
}


def _settings_tag(value: Any) -> str:
    """Whose settings these are; those of no provider, or of one that V1 does not know, are OpenAI's."""
    kind = _field(value, "provider_type")
    return kind if isinstance(kind, str) and kind in SETTINGS else "openai"


ModelSettings = Annotated[
    Annotated[OpenAIModelSettings, Tag("openai")]
    | Annotated[SGLangModelSettings, Tag("sglang")]
    | Annotated[AnthropicModelSettings, Tag("anthropic")]
    | Annotated[GoogleAIModelSettings, Tag("google_ai")]
    | Annotated[GoogleVertexModelSettings, Tag("google_vertex")]
    | Annotated[AzureModelSettings, Tag("azure")]
    | Annotated[XAIModelSettings, Tag("xai")]
    | Annotated[ZAIModelSettings, Tag("zai")]
    | Annotated[MoonshotModelSettings, Tag("moonshot")]
    | Annotated[MoonshotCodingModelSettings, Tag("moonshot_coding")]
    | Annotated[GroqModelSettings, Tag("groq")]
    | Annotated[DeepseekModelSettings, Tag("deepseek")]
    | Annotated[TogetherModelSettings, Tag("together")]
    | Annotated[BedrockModelSettings, Tag("bedrock")]
    | Annotated[BasetenModelSettings, Tag("baseten")]
    | Annotated[OpenRouterModelSettings, Tag("openrouter")]
    | Annotated[ChatGPTOAuthModelSettings, Tag("chatgpt_oauth")],
    Discriminator(_settings_tag),
]


class LLMConfig(Shape):
    """The older way to describe a model. Clients send any part of it, often only the name."""

    model: str | None = None
    display_name: str | None = None
    model_endpoint_type: str | None = None
    model_endpoint: str | None = None
    provider_name: str | None = None
    provider_category: Literal["base", "byok"] | None = None
    model_wrapper: str | None = None
    context_window: int | None = Field(None, gt=0)
    put_inner_thoughts_in_kwargs: bool | None = None
    handle: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    enable_reasoner: bool | None = None
    reasoning_effort: Effort | None = None
    max_reasoning_tokens: int | None = None
    effort: Effort | None = None
    frequency_penalty: float | None = None
    compatibility_type: Literal["gguf", "mlx"] | None = None
    verbosity: Level | None = None
    tier: str | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    strict: bool | None = None
    return_logprobs: bool | None = None
    top_logprobs: int | None = None
    return_token_ids: bool | None = None
    tool_call_parser: str | None = None


class EmbeddingConfig(Shape):
    """The older way to describe an embedding model, in any part."""

    embedding_endpoint_type: str | None = None
    embedding_endpoint: str | None = None
    embedding_model: str | None = None
    embedding_dim: int | None = None
    embedding_chunk_size: int | None = None
    handle: str | None = None
    batch_size: int | None = None
    azure_endpoint: str | None = None
    azure_version: str | None = None
    azure_deployment: str | None = None


class CompactionSettings(Sparse):
    """How a thread that outgrows the model's window is shortened."""

    model: str | None = None
    model_settings: ModelSettings | None = None
    prompt: str | None = None
    prompt_acknowledgement: bool = False
    clip_chars: int | None = 50000
    mode: Literal["all", "sliding_window", "self_compact_all", "self_compact_sliding_window"] = "sliding_window"
    sliding_window_percentage: float = Field(0.3, ge=0, le=1)


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- a decoded object, or one already validated
