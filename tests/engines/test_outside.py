"""The guard of the suite itself: a test that reaches for another host fails."""

import socket

import httpx
import pytest

from tests.harness.network import OutsideCallError


def test_names_are_not_looked_up() -> None:
    with pytest.raises(OutsideCallError):
        httpx.get("http://example.com/", timeout=1)


def test_addresses_are_not_connected_to() -> None:
    with pytest.raises(OutsideCallError), socket.socket() as connection:
        connection.settimeout(1)
        connection.connect(("192.0.2.1", 80))
