"""The OpenAPI document: made ahead of time, because making it costs seconds and tens of megabytes."""

from typing import Any

from fastapi import APIRouter, FastAPI

from holdfast import __version__
from holdfast.kit.routes import build
from holdfast.routers import ROUTERS

DESCRIPTION = "A self-hosted server for agents that keep their memory. It speaks the Letta V1 API."


def document() -> dict[str, Any]:
    """The document of everything that this server serves under its documented paths."""
    app = FastAPI(title="Holdfast", version=__version__, description=DESCRIPTION)
    routes = APIRouter()
    for router in ROUTERS:
        for endpoint in router.endpoints:
            routes.routes.append(build(endpoint, document=True))
    app.include_router(routes)
    return app.openapi()
