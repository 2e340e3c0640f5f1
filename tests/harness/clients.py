"""HTTP clients of a server. They share what they know of certificates, which takes longer to read than most tests."""

import ssl
from collections.abc import Mapping

import httpx
from letta_client import DefaultHttpxClient, Letta

CERTIFICATES = ssl.create_default_context()
SECONDS = 30.0


def raw(url: str, headers: Mapping[str, str] | None = None, timeout: float = SECONDS) -> httpx.Client:
    """Answers that are errors are answers."""
    return httpx.Client(base_url=url, headers=headers, timeout=timeout, trust_env=False, verify=CERTIFICATES)


def official(url: str, key: str | None = None, headers: Mapping[str, str] | None = None) -> Letta:
    """The official client: without the repeats that would hide a failing request, and strict about what it reads."""
    return Letta(
        base_url=url,
        api_key=key,
        default_headers=headers,
        max_retries=0,
        timeout=SECONDS,
        http_client=DefaultHttpxClient(verify=CERTIFICATES),
        _strict_response_validation=True,
    )
