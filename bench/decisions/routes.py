"""0002: what finding and building a route costs, as FastAPI does it and as we do."""

import time
import tracemalloc
from collections.abc import Callable

from fastapi import Request, Response
from starlette.routing import Match, Router
from starlette.types import Scope

from holdfast import openapi
from holdfast.kit import routes
from holdfast.routers import ROUTERS

AT = 200
TIMES = 5000


def main() -> None:
    ours = [endpoint for router in ROUTERS for endpoint in router.endpoints]
    print(f"we serve {len(ours)} operations; measured for {AT}")
    endpoints = (ours * (AT // len(ours) + 1))[:AT]
    print(f"build all as FastAPI routes {_once(lambda: [routes.build(each) for each in endpoints]):8.1f} ms")
    print(f"collect them for Dispatch   {_once(lambda: routes.Dispatch([_numbered()])):8.1f} ms")
    linear = Router(routes=[routes.build(each) for each in _numbered().endpoints])
    scope: Scope = {"type": "http", "method": "GET", "path": f"/v1/things{AT - 1}/some-id/parts", "root_path": ""}
    print(f"find the last one by one    {_each(lambda: _linear(linear, scope)):8.4f} ms")
    dispatch = routes.Dispatch([_numbered()])
    words = [word for word in scope["path"].split("/") if word]
    print(f"find it by its segments     {_each(lambda: dispatch._find(dispatch._root, words, 0, [])):8.4f} ms")  # pyright: ignore[reportPrivateUsage] -- what is measured
    made = _once(openapi.document)
    tracemalloc.start()
    openapi.document()
    print(
        f"make the OpenAPI document   {made:8.1f} ms, {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MB at its peak"
    )


async def _nothing(request: Request) -> Response:
    return Response()


def _numbered() -> routes.Router:
    router = routes.Router("things")
    for number in range(AT):
        router.get(f"/things{number}/{{thing_id}}/parts")(_nothing)
    return router


def _linear(router: Router, scope: Scope) -> None:
    assert any(route.matches(scope)[0] is Match.FULL for route in router.routes)


def _once(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def _each(work: Callable[[], object]) -> float:
    return _once(lambda: [work() for _ in range(TIMES)]) / TIMES


if __name__ == "__main__":
    main()
