"""0022: a call of an MCP tool by our client and by the official SDK's, on the same server."""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable

import uvicorn
from mcp.client import Client

from holdfast.kit.egress import Egress
from holdfast.mcp.http import Site, StreamableHttp
from holdfast.mcp.session import Session
from holdfast.mcp.web import Web
from tests.fakes.mcp_sdk import application
from tests.harness.waiting import accepts, free_port, until

TIMES = 300
AT_ONCE = 100


def _serve(port: int) -> None:
    uvicorn.run(application("json"), host="127.0.0.1", port=port, log_level="error")


async def _measure(name: str, call: Callable[[], Awaitable[object]]) -> None:
    await call()
    cpu, walls = time.process_time(), list[float]()
    for _ in range(TIMES):
        begin = time.perf_counter()
        await call()
        walls.append(time.perf_counter() - begin)
    cpu = time.process_time() - cpu
    begin = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(AT_ONCE)))
    together = time.perf_counter() - begin
    print(
        f"{name:<14}{cpu / TIMES * 1000:6.2f} ms CPU {sorted(walls)[TIMES // 2] * 1000:6.2f} ms p50 "
        f"{together * 1000:8.1f} ms for {AT_ONCE} at once"
    )


async def main() -> None:
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
    process.start()
    until(lambda: accepts(port), "the server", 60)
    url = f"http://127.0.0.1:{port}/mcp"
    web = Web(Egress(allow_private=True))
    session = Session(lambda heard: StreamableHttp(web, Site("x", url, "organization", {}), heard), "x", lambda: None)
    await _measure("ours", lambda: session.call("add", {"a": 1, "b": 2}))
    await session.close()
    await web.close()
    async with Client(url) as client:
        await _measure("official SDK", lambda: client.call_tool("add", {"a": 1, "b": 2}))
    process.terminate()


if __name__ == "__main__":
    asyncio.run(main())
