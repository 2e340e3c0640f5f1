"""Bounded waits and free ports."""

import os
import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_random = random.Random(os.getpid())  # parallel test workers must not draw the same ports
_PORTS = range(20_000, 32_000)
"""Below the range from which the kernel gives ports to outgoing connections."""


def until(condition: Callable[[], T], what: str, seconds: float = 10.0, pause: float = 0.02) -> T:
    """Poll until the condition holds and return its value; a readable failure when it never does."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(pause)


def free_port() -> int:
    for _ in range(100):
        port = _random.choice(_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("no free port on 127.0.0.1")


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
