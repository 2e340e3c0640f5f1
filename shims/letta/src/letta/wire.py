"""HTTP to the server."""

import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import httpx

from letta.exceptions import APIError

HERE = "http://127.0.0.1:8283"
DONE = "[DONE]"


class Wire:
    """One connection pool; every failure is an APIError."""

    def __init__(self, base_url: str | None, token: str | None, timeout: float) -> None:
        url = base_url or os.environ.get("LETTA_SERVER_URL") or os.environ.get("LETTA_BASE_URL") or HERE
        key = token or os.environ.get("LETTA_API_KEY")
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with self._told():
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout, follow_redirects=True)

    def ask(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON of the answer."""
        with self._told():
            answer = self._http.request(method, path, json=body, params=query)
            _refuse_errors(answer)
            return answer.json() if answer.content else None

    def events(self, path: str, body: Any) -> Iterator[dict[str, Any]]:
        """The objects of a stream, as they come."""
        with self._told(), self._http.stream("POST", path, json=body) as answer:
            if answer.is_error:
                answer.read()
                _refuse_errors(answer)
            for line in answer.iter_lines():
                text = line.removeprefix("data:").strip()
                if line.startswith("data:") and text != DONE:
                    yield json.loads(text)

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except httpx.TimeoutException as late:
            raise APIError(f"{self.url} did not answer in time; give Letta a longer timeout.") from late
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise APIError(f"No connection to {self.url}: {error}. Is the server running?") from error
        except json.JSONDecodeError as error:
            raise APIError(f"{self.url} answers with something else than JSON; is this the server?") from error
        except UnicodeEncodeError as error:
            raise APIError("The text holds half of a surrogate pair, which no UTF-8 can carry.", 422) from error


def _refuse_errors(answer: httpx.Response) -> None:
    if not answer.is_error:
        return
    try:
        told: Any = answer.json()
    except json.JSONDecodeError:
        told = answer.text
    detail: Any = cast(dict[str, Any], told).get("detail", told) if isinstance(told, dict) else told
    text = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
    raise APIError(f"HTTP {answer.status_code}: {text}", answer.status_code)
