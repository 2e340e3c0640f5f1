"""HTTP of what is measured: text for Prometheus, or the last turns of an organization as JSON."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import Header, Request, Response
from typing_extensions import TypedDict

from holdfast import __version__
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.kit.meter import Meter, family
from holdfast.kit.page import Page
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.steps import store as steps
from holdfast.steps.filter import StepFilter
from holdfast.steps.model import Step
from holdfast.store.table import Tx
from holdfast.turns.runner import Runner
from holdfast.turns.send import Running

router = Router("metrics", prefix="")

LAST = 100
"""So many of an organization's last steps are looked at."""
NANOSECONDS_PER_MS = 1_000_000
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class TurnAverages(TypedDict):
    llm_latency_ms: int | None
    token_count: int | None
    turns: int


class TurnMetrics(TypedDict):
    """The last turn of an organization, and the averages of its newest ones."""

    llm_latency_ms: int | None
    token_count: int | None
    model: str | None
    average: TurnAverages


@router.get("/metrics", TurnMetrics)
async def metrics(
    who: Caller, db: Db, runner: Running, request: Request, accept: Annotated[str, Header()] = ""
) -> Response:
    """What is measured: as text for Prometheus, or the newest turns as JSON when the request accepts that."""
    found = await db.read(_turns, who)
    if "application/json" in accept.lower():
        return reply(found)
    lines = [*_own(found), *(_server(request.app.state.meter, runner) if who.is_admin else ())]
    return Response("\n".join(lines) + "\n", headers={"Content-Type": TEXT})


def _turns(tx: Tx, who: Who) -> TurnMetrics:
    newest = steps.page(tx, who, Page(LAST, "desc"), StepFilter())
    by_run: dict[str | None, list[Step]] = {}
    for step in newest:
        by_run.setdefault(step.run_id, []).append(step)
    turns = list(by_run.values())
    latencies, tokens = [_latency(turn) for turn in turns], [_tokens(turn) for turn in turns]
    return {
        "llm_latency_ms": latencies[0] if turns else None,
        "token_count": tokens[0] if turns else None,
        "model": newest[0].model if newest else None,
        "average": {"llm_latency_ms": _mean(latencies), "token_count": _mean(tokens), "turns": len(turns)},
    }


def _latency(turn: Sequence[Step]) -> int:
    return round(sum(step.llm_request_ns or 0 for step in turn) / NANOSECONDS_PER_MS)


def _tokens(turn: Sequence[Step]) -> int:
    return sum(step.total_tokens or 0 for step in turn)


def _mean(values: Sequence[int]) -> int | None:
    return round(sum(values) / len(values)) if values else None


def _own(found: TurnMetrics) -> Iterator[str]:
    """What the caller's organization has done last."""
    latency, tokens = found["llm_latency_ms"], found["token_count"]
    if latency is not None and tokens is not None:
        about = "Milliseconds of the last turn at its model."
        yield from family("holdfast_last_llm_latency_ms", "gauge", about, {(): latency})
        yield from family("holdfast_last_token_count", "gauge", "Tokens of the last turn.", {(): tokens})


def _server(meter: Meter, runner: Runner) -> Iterator[str]:
    """What the whole server process does, which is its administrator's business."""
    yield from family("holdfast_info", "gauge", "The version.", {(("version", __version__),): 1})
    at_work, waiting = runner.load
    yield from family("holdfast_turns_at_work", "gauge", "Turns that are worked on, or wait.", {(): at_work})
    yield from family("holdfast_turns_waiting", "gauge", "Turns that wait for their threads.", {(): waiting})
    yield from meter.lines()
