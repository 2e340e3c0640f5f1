"""What is counted of a turn that is over."""

from holdfast.kit.meter import Meter
from holdfast.loop.events import Ended, Spent
from holdfast.turns.live import Live

NANOSECONDS = 1_000_000_000


def tally(meter: Meter, live: Live) -> None:
    """Count a turn with its tokens and its times."""
    ended, turn = live.events.last, live.begun.turn
    if not isinstance(ended, Ended):
        return
    meter.count("holdfast_turns_total", "Turns by how they ended.", stop_reason=ended.stop_reason)
    for kind, tokens in _tokens(ended.spent).items():
        meter.count("holdfast_tokens_total", "Tokens that models were sent and have written.", tokens, kind=kind)
    if turn is None:
        return
    meter.took("holdfast_turn_seconds", "How long turns took, from their request on.", turn.elapsed_ns / NANOSECONDS)
    if turn.first_token_ns is not None:
        seconds = turn.first_token_ns / NANOSECONDS
        meter.took("holdfast_first_token_seconds", "Until a model's first token, from the request on.", seconds)


def _tokens(spent: Spent) -> dict[str, int]:
    return {
        "prompt": spent.prompt_tokens,
        "completion": spent.completion_tokens,
        "cached": spent.cached_input_tokens or 0,
        "reasoning": spent.reasoning_tokens or 0,
    }
