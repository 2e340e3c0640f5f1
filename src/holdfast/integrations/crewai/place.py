"""Where the server is, how to get in, and how long to wait for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from holdfast.integrations.crewai.failures import MemoryServiceError

if TYPE_CHECKING:
    from letta_client import AsyncLetta

HERE = "http://127.0.0.1:8283"


@dataclass(frozen=True)
class MemoryServer:
    """A server. Requests that may succeed later are repeated `retries` times, after 0.5 to 8 seconds each."""

    url: str = HERE
    key: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    turn_timeout: float = 300.0
    """How long a model may take to answer."""
    retries: int = 4

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise MemoryServiceError(f"{self.url!r} is no address of a server; it looks like {HERE}.")
        if parts.username or parts.password:
            raise MemoryServiceError("The address holds a password; give it as LETTA_API_KEY instead.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "MemoryServer":
        """LETTA_SERVER_URL (or LETTA_BASE_URL) and LETTA_API_KEY; what is empty counts as not set."""
        given = os.environ if environment is None else environment
        url = given.get("LETTA_SERVER_URL") or given.get("LETTA_BASE_URL") or HERE
        return cls(url.strip().rstrip("/"), (given.get("LETTA_API_KEY") or "").strip() or None)

    def client(self) -> "AsyncLetta":
        """The official client of this server."""
        try:
            from letta_client import AsyncLetta
        except ImportError as missing:
            raise MemoryServiceError("The client library is missing: pip install 'letta-client>=1'.") from missing
        headers = {} if self.key else {"Authorization": ""}
        return AsyncLetta(
            base_url=self.url,
            api_key=self.key or "",
            timeout=self.timeout,
            max_retries=self.retries,
            default_headers=headers,
        )
