"""A person at a terminal, and a script at a pipe."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.harness.fleet import Engine
from tests.harness.tenants import Org

Open = Callable[..., Terminal]


@pytest.fixture
def engine() -> Engine:
    """A client over HTTP never sees the engine; one is enough."""
    return "sqlite"


@pytest.fixture
def env(org: Org, tmp_path: Path) -> Mapping[str, str]:
    """A user of the shared server, who sees an organization of their own."""
    return {"HOME": str(tmp_path), "HOLDFAST_URL": org.server.url, "HOLDFAST_API_KEY": org.key}


@pytest.fixture
def opened() -> Iterator[Open]:
    """`opened(env, *options)`: `holdfast chat` in a window that is closed at the end of the test."""
    windows: list[Terminal] = []

    def open_one(env: Mapping[str, str], *options: str, columns: int = 100) -> Terminal:
        windows.append(Terminal("chat", *options, env=env, columns=columns))
        windows[-1].wait_for("> ")
        return windows[-1]

    yield open_one
    for window in windows:
        window.kill()
