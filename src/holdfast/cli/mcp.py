"""`holdfast mcp`: an MCP server on standard input and output, for programs that start their servers themselves."""

import json
import sys
from typing import Any

import typer

from holdfast.cli.client import Client, Key, Url
from holdfast.errors import AppError

app = typer.Typer()
FAILED = -32000


@app.command()
def mcp(url: Url = None, key: Key = None) -> None:
    """Pass messages between standard input and output and a running server, line by line, until the input ends."""
    client = Client(url, key)
    for line in sys.stdin:
        if not line.strip():
            continue
        answer = _answer(client, line)
        if answer is not None:
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _answer(client: Client, line: str) -> Any:
    """What the server says to a message; a server that is away is an error that the other program can show."""
    try:
        message: Any = json.loads(line)
    except ValueError as broken:
        return _error(None, -32700, f"This line is not JSON: {broken}")
    try:
        return client.exchange("/mcp", message)
    except AppError as failed:
        return _error(message["id"], FAILED, failed.detail) if isinstance(message, dict) and "id" in message else None


def _error(id: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}
