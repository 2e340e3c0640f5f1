"""What clients are shown of a turn: its messages, how it ended, what it cost."""

from collections.abc import Iterable

from holdfast.loop.events import Committed, Compacted, Event, Spent
from holdfast.messages import wire
from holdfast.messages.shapes import LettaMessage
from holdfast.messages.wire import View
from holdfast.runs.model import StopReason
from holdfast.turns.requests import SendMessage
from holdfast.turns.shapes import LettaResponse, LettaStopReason, LettaUsageStatistics


def response(messages: list[LettaMessage], reason: StopReason, spent: Spent, run_id: str) -> LettaResponse:
    return {
        "messages": messages,
        "stop_reason": stop_reason(reason),
        "usage": usage(spent, [run_id]),
        "logprobs": None,
        "turns": None,
    }


def shown(event: Event, view: View) -> list[LettaMessage]:
    """The messages that a client gets of an event: none of most events."""
    match event:
        case Committed():
            return wire.expand_all(event.messages, view)
        case Compacted() if view.summaries:
            return wire.compacted(event.summary, event.stats, view)
        case _:
            return []


def view_of(body: SendMessage) -> View:
    types = body.include_return_message_types
    return View(
        types=None if types is None else frozenset(types),
        summaries=body.include_compaction_messages,
        use_assistant_message=body.use_assistant_message,
        tool_name=body.assistant_message_tool_name,
        tool_kwarg=body.assistant_message_tool_kwarg,
    )


def stop_reason(reason: StopReason) -> LettaStopReason:
    return {"message_type": "stop_reason", "stop_reason": reason}


def usage(spent: Spent, run_ids: Iterable[str]) -> LettaUsageStatistics:
    return {
        "message_type": "usage_statistics",
        "completion_tokens": spent.completion_tokens,
        "prompt_tokens": spent.prompt_tokens,
        "total_tokens": spent.total_tokens,
        "step_count": spent.steps,
        "run_ids": list(run_ids),
        "cached_input_tokens": spent.cached_input_tokens,
        "cache_write_tokens": spent.cache_write_tokens,
        "reasoning_tokens": spent.reasoning_tokens,
        "context_tokens": spent.context_tokens,
    }
