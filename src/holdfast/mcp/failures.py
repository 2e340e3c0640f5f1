"""What can go wrong with an MCP server; each says which server, what happened, and what to do."""

from collections.abc import Mapping
from typing import Any

from holdfast.errors import AppError, BadGateway


class McpFailure(BadGateway):
    """The server cannot be reached, or answered with what is no MCP."""

    code = "mcp_connection_error"

    def body(self) -> Mapping[str, Any]:
        return {"detail": self.detail, "error": {"type": self.code, "message": self.detail, "detail": ""}}


class Rejected(McpFailure):
    """The server answered a request with a status of HTTP that is no success."""

    def __init__(self, detail: str, code: int, challenge: str = "") -> None:
        super().__init__(detail)
        self.answered = code
        self.challenge = challenge
        """What it said in `WWW-Authenticate`."""


class ErrorAnswer(McpFailure):
    """The server understood the request and answered it with an error."""

    def __init__(self, detail: str, number: int) -> None:
        super().__init__(detail)
        self.number = number


class Late(AppError):
    """The server did not answer in time; whether it did what it was asked for is unknown."""

    status = 408
    retry = False
