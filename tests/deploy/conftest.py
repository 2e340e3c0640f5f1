"""The stack of deploy/ as processes: nginx with the shipped configuration, the server, PostgreSQL, Redis."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.stepping_server import SteppingServer
from tests.harness.fleet import Fleet, engines
from tests.harness.nginx import Nginx
from tests.harness.redis import RedisServer
from tests.harness.server import Server

WORDS = tuple(f"word{number} " for number in range(8))
ORIGINS = "http://localhost:8283,https://app.letta.com,app://obsidian.md,capacitor://localhost,https://own.example"


@dataclass(frozen=True)
class Stack:
    """What a container engine would start from the compose file."""

    server: Server
    nginx: Nginx
    redis: RedisServer
    models: SteppingServer


@pytest.fixture(scope="session")
def stack(shared: Fleet) -> Iterator[Stack]:
    """Once for all tests, on PostgreSQL unless that is left out."""
    redis = RedisServer().start()
    with SteppingServer(WORDS) as models:
        settings = {
            "HOLDFAST_PG_SCHEMA": "public",
            "HOLDFAST_REDIS_URL": redis.url,
            "HOLDFAST_KEEPALIVE_SECONDS": "120",  # no ping carries on what a proxy holds back
            "LETTA_SERVER_SECURE": "false",
            "LETTA_SERVER_CORS_ORIGINS": ORIGINS,
            "OPENAI_API_KEY": "scripted",
            "OPENAI_API_BASE": models.url,
        }
        server = shared.make(engines()[-1], settings).start()
        nginx = Nginx(server.port)
        try:
            yield Stack(server, nginx.start(), redis, models)
        finally:
            nginx.remove()
            server.stop()
            redis.remove()
