"""Talking to a memory service over HTTP."""

import os
from typing import Any

PATIENCE_S = 1800.0
"""How long a local model may take for an answer."""
HEALTH_S = 2.0


class MemoryProblem(RuntimeError):
    """What the service said it cannot do, or that it is not there."""


class ServiceLine:
    """A connection to one service."""

    def __init__(self, url: str) -> None:
        import httpx2

        self.url = url.rstrip("/")
        key = os.environ.get("HOLDFAST_API_KEY") or os.environ.get("LETTA_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """What the service answers, decoded; what it refuses is raised in its own words."""
        import httpx2

        try:
            answer = self._http.request(method, path, json=body, params=query)
        except httpx2.TransportError as failed:
            raise MemoryProblem(
                f"No memory service answers at {self.url} ({failed}). Start it with `holdfast service qwen`."
            ) from failed
        try:
            told = answer.json()
        except ValueError as broken:
            raise MemoryProblem(
                f"{self.url} answers {answer.status_code}, and not as a memory service does."
            ) from broken
        if answer.status_code >= 400:
            raise MemoryProblem(str(told.get("detail") if isinstance(told, dict) else told))  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType] -- decoded JSON
        return told

    def is_there(self) -> bool:
        """Does a memory service answer at the address, and not some other program?"""
        import httpx2

        try:
            answer = self._http.get("/", timeout=HEALTH_S)
            return answer.status_code == 200 and "endpoints" in answer.json()
        except (httpx2.TransportError, ValueError):
            return False
