"""Is the server alive, is it taking work, which version is it: open to everyone."""

from fastapi import Request, Response
from typing_extensions import NotRequired, TypedDict

from holdfast import __version__
from holdfast.kit.reply import encode, reply
from holdfast.kit.routes import Router
from holdfast.store.table import Tx

router = Router("health")


class Health(TypedDict):
    version: str
    status: str
    sandbox: NotRequired[str]
    """How code of others is kept apart; only when `detail` is asked for."""


ALIVE = encode({"version": __version__, "status": "ok"})


@router.get("/health/", Health)
async def health(request: Request, detail: bool = False) -> Response:
    if not detail:
        return Response(ALIVE, media_type="application/json")
    return reply({"version": __version__, "status": "ok", "sandbox": await request.app.state.sandbox.level()})


@router.get("/ready/", Health)
async def ready(request: Request) -> Response:
    """503 while the server finishes what it has and takes nothing new, or when its database does not answer."""
    if request.app.state.draining.is_set():
        return reply({"version": __version__, "status": "draining"}, 503)
    await request.app.state.db.read(_answers)
    return Response(ALIVE, media_type="application/json")


def _answers(tx: Tx) -> None:
    tx.exec_driver_sql("SELECT 1")


@router.get("/version", Health)
async def version() -> Response:
    return Response(ALIVE, media_type="application/json")


root = Router("health", prefix="")


@root.get("/health", Health)
async def health_at_root() -> Response:
    """Where voice assistants and load balancers look for it."""
    return Response(ALIVE, media_type="application/json")
