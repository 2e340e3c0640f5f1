"""The guard: nothing in the test process talks to a host that is not this one."""

import ipaddress
import os
import sys
from typing import Any, cast

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")


class OutsideCallError(AssertionError):
    """A test, or a library in it, tried to reach another host."""


def only_loopback() -> None:
    """From here on connections elsewhere fail; proxies are forgotten, because they would hide the target."""
    for name in PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and not _local(arguments[1]):
        raise OutsideCallError(f"a test connected to {arguments[1]!r}; only loopback is allowed")
    if event == "socket.getaddrinfo" and not _local(arguments):
        raise OutsideCallError(f"a test looked up {arguments[0]!r}; only loopback is allowed")


def _local(address: object) -> bool:
    """Unix sockets are paths; internet addresses are tuples that start with the host."""
    if not isinstance(address, tuple):
        return True
    host = str(cast(tuple[object, ...], address)[0] or "")
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback or host == "0.0.0.0"
    except ValueError:
        return False
