"""Requests exactly as given, and what an answer to anything has to be like."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from tests.harness.server import Server

PATIENCE_SECONDS = 20


def _sentence(said: dict[str, Any]) -> Any:
    """What an error says: V1's `detail`, or what stands in the `error` of OpenAI, of Ollama and of JSON-RPC."""
    error = said.get("error")
    if error is None:
        return said.get("detail")
    return cast(dict[str, Any], error).get("message") if isinstance(error, dict) else error


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    type: str
    body: bytes

    @property
    def fault(self) -> str | None:
        """Why it is not a good answer; None when it is one."""
        if self.status < 400:
            return None
        if self.status >= 500:
            return f"{self.status} {self._start}"
        if not self.type.startswith("application/json"):
            return f"{self.status} as {self.type or 'nothing'}: {self._start}"
        sentence = _sentence(json.loads(self.body))
        is_one = isinstance(sentence, str) and len(sentence) > 8
        return None if is_one else f"{self.status} without a sentence: {self._start}"

    @property
    def _start(self) -> str:
        return self.body[:300].decode(errors="replace")


class Caller:
    """One connection; nothing that is sent is checked or tidied on our side."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: http.client.HTTPConnection | None = None

    def __call__(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str | bytes] | None = None
    ) -> Answer:
        try:
            return self._send(method, target, body, headers or {})
        except (http.client.HTTPException, ConnectionError):
            self._connection = None  # the server may close after a refusal; a second failure counts
            return self._send(method, target, body, headers or {})

    def json(self, method: str, target: str, text: str) -> Answer:
        return self(method, target, text.encode(), {"content-type": "application/json"})

    def _send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str | bytes]) -> Answer:
        connection = self._connection
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE_SECONDS)
        self._connection = connection
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers.get("content-type", ""), answer.read())
