"""What a turn answers with (CONTRACT §3.1, §3.2)."""

from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.messages.shapes import Common, LettaMessage
from holdfast.runs.model import StopReason


class LettaStopReason(TypedDict):
    message_type: Literal["stop_reason"]
    stop_reason: StopReason


class LettaUsageStatistics(TypedDict):
    message_type: Literal["usage_statistics"]
    completion_tokens: int
    prompt_tokens: int
    total_tokens: int
    step_count: int
    run_ids: list[str] | None
    cached_input_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    context_tokens: int | None


class TopLogprob(TypedDict):
    token: str
    bytes: list[int] | None
    logprob: float


class TokenLogprob(TopLogprob):
    top_logprobs: list[TopLogprob]


class ChoiceLogprobs(TypedDict):
    content: list[TokenLogprob] | None
    refusal: list[TokenLogprob] | None


class TurnTokenData(TypedDict):
    role: Literal["assistant", "tool"]
    output_ids: list[int] | None
    output_token_logprobs: list[list[Any]] | None
    content: str | None
    tool_name: str | None


class LettaResponse(TypedDict):
    messages: list[LettaMessage]
    stop_reason: LettaStopReason
    usage: LettaUsageStatistics
    logprobs: ChoiceLogprobs | None
    turns: list[TurnTokenData] | None


class CompactionResponse(TypedDict):
    summary: str
    num_messages_before: int
    num_messages_after: int


class Ping(Common):
    message_type: Literal["ping"]


class ErrorMessage(TypedDict):
    message_type: Literal["error_message"]
    run_id: str
    error_type: str
    message: str
    detail: str | None
    seq_id: int | None


StreamedEvent = LettaMessage | Ping | ErrorMessage | LettaStopReason | LettaUsageStatistics
