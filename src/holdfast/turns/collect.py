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
    async for event in live.events.follow():
        said += shown(event, view)
        if event is not None and tokens.wanted:
            tokens.hear(event)
        if isinstance(event, Ended):
            if event.error is not None:
                raise _final(event.error, event)
            answer = response(said, event.stop_reason, event.spent, live.run_id)
            answer["logprobs"], answer["turns"] = tokens.told()
            return answer
    raise AppError(f"Run {live.run_id} ended without a result; see the server's log.")


def _final(error: AppError, event: Ended) -> AppError:
    """Once something was stored, a repeat of the request would do it a second time."""
    if event.spent.steps:
        error.retry = False
    return error
