"""Dozens of token streams at once: each is whole, in order, and what is stored. Hundreds are in the soak tests."""

import pytest

from tests.fakes.ticking_server import TickingServer
from tests.harness import crowd
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.tenants import new_org
from tests.messages.talking import agent

STREAMS, WORDS = 60, 20


@pytest.mark.contract("turns.tokens.many")
def test_dozens_of_token_streams(fresh_server: FreshServer) -> None:
    with TickingServer() as models:
        org = new_org(fresh_server({"OPENAI_API_BASE": models.url}))
        heard = crowd.listen(org, [agent(org, model=MODEL) for _ in range(STREAMS)], f"TICK {WORDS} 0.02")
        for each in heard:
            crowd.check(org, each, WORDS)
        assert "Traceback" not in org.server.log
