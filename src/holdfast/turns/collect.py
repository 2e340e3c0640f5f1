"""A turn's events, collected into one JSON answer."""

from holdfast.errors import AppError
from holdfast.loop.events import Ended
from holdfast.messages.shapes import LettaMessage
from holdfast.turns.answer import response, shown, view_of
from holdfast.turns.live import Live
from holdfast.turns.sampled import ChosenTokens
from holdfast.turns.shapes import LettaResponse


async def collect(live: Live) -> LettaResponse:
    """Wait for the turn to end; an error of it is raised."""
    view = view_of(live.asked.body)
    said: list[LettaMessage] = []
    tokens = ChosenTokens(live.asked.body)
    async for events in live.events.batches():
        for event in events:
            said += shown(event, view)
            tokens.hear(event)
    ended = live.events.last
    if not isinstance(ended, Ended):
        raise AppError(f"Run {live.run_id} ended without a result; see the server's log.")
    if ended.error is not None:
        raise _final(ended.error, ended)
    answer = response(said, ended.stop_reason, ended.spent, live.run_id)
    answer["logprobs"], answer["turns"] = tokens.told()
    return answer


def texts_said(answer: LettaResponse) -> list[str]:
    """What the agent has said in an answer."""
    return [
        message["content"]
        for message in answer["messages"]
        if message["message_type"] == "assistant_message" and isinstance(message["content"], str)
    ]


def _final(error: AppError, event: Ended) -> AppError:
    """Once something was stored, a repeat of the request would do it a second time."""
    if event.spent.steps:
        error.retry = False
    return error
