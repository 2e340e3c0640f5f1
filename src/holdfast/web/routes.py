"""The pages of the server: what runs here, and the reference of its API. Nothing is loaded from elsewhere."""

from html import escape
from pathlib import Path
from string import Template

from fastapi import Request, Response

from holdfast import __version__
from holdfast.kit.routes import Router

router = Router("web", prefix="")

HERE = Path(__file__).parent
PRIVATE = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'self' 'unsafe-inline'"}


@router.get("/", documented=False)
async def front(request: Request) -> Response:
    """What runs here and what to do next."""
    models, settings = request.app.state.models, request.app.state.settings
    page = Template((HERE / "front.html").read_text()).substitute(
        version=escape(__version__),
        model=escape(models.default),
        database="PostgreSQL" if settings.pg_uri else "SQLite",
        base=escape(str(request.base_url).rstrip("/")),
    )
    return Response(page, media_type="text/html", headers=PRIVATE)


@router.get("/docs", documented=False)
async def reference() -> Response:
    """The API, operation by operation."""
    return Response((HERE / "reference.html").read_bytes(), media_type="text/html", headers=PRIVATE)


@router.get("/redoc", documented=False)
async def reference_under_its_other_name() -> Response:
    return await reference()


@router.get("/openapi.json", documented=False)
async def openapi() -> Response:
    return Response((HERE / "openapi.json").read_bytes(), media_type="application/json")
