"""A server made with the official SDK, on loopback."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette

from tests.harness.waiting import accepts, free_port, until


def application(kind: str) -> Starlette:
    server = MCPServer("official")

    @server.tool()
    def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def complain() -> str:
        """Never works."""
        raise ValueError("out of paper")

    match kind:
        case "sse":
            return server.sse_app()
        case "json":
            return server.streamable_http_app(json_response=True)
        case "stateless":
            return server.streamable_http_app(stateless_http=True)
        case _:
            return server.streamable_http_app()


@contextmanager
def official(kind: str) -> Generator[str]:
    """The URL of such a server: `http`, `json`, `stateless` or `sse`."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(kind), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: accepts(port), "the SDK's server", 30)
    yield f"http://127.0.0.1:{port}/{'sse' if kind == 'sse' else 'mcp'}"
    server.should_exit = True
    thread.join(10)
