"""Dozens of token streams at once: each is whole, in order, and what is stored. Hundreds are in the soak tests."""

import pytest

from tests.fakes.ticking_server import TickingServer
from tests.harness import crowd
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.server import Server
from tests.harness.tenants import new_org
from tests.messages.talking import agent

STREAMS, WORDS = 60, 20
FEW_FILES = 64
"""How many open files and connections the server is started with: not enough, if it does not ask for more."""


def _with_few_files(server: Server) -> Server:
    command = ("/bin/sh", "-c", f'ulimit -Sn {FEW_FILES} && exec "$@"', "sh", *server.process.command)
    server.process.command = command
    return server.start()


@pytest.mark.contract("turns.tokens.many")
def test_dozens_of_token_streams(fresh_server: FreshServer) -> None:
    with TickingServer() as models:
        org = new_org(_with_few_files(fresh_server({"OPENAI_API_BASE": models.url}, start=False)))
        heard = crowd.listen(org, [agent(org, model=MODEL) for _ in range(STREAMS)], f"TICK {WORDS} 0.02")
        for each in heard:
            crowd.check(org, each, WORDS)
        assert "Traceback" not in org.server.log
