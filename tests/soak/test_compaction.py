"""Hundreds of turns in a small window with summarisers that fail: nothing is too long, nothing is lost."""

import os
import time
from collections.abc import Iterator

import pytest

from tests.compaction.threads import LIGHT
from tests.compaction.unreliable import FAULTS, MODES, Conversation
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import environment
from tests.harness.tenants import Org, new_org

TURNS = int(os.environ.get("HOLDFAST_SOAK_TURNS", "300"))
WINDOW = 8192
LIGHT_WINDOW = 6000
PATIENCE = 5
SUMMARISERS = (f"openai/{LIGHT}", "ollama/gone", "openai/gpt-4.1-mini")


@pytest.fixture
def models() -> Iterator[OpenAIServer]:
    """Model servers one of which reads less than it may be given."""
    with OpenAIServer() as models:
        models.models = [
            {**each, "context_length": LIGHT_WINDOW} if each["id"] == LIGHT else each for each in models.models
        ]
        yield models


@pytest.fixture
def org(fresh_server: FreshServer, models: OpenAIServer) -> Org:
    patience = {"LETTA_LLM_REQUEST_TIMEOUT_SECONDS": str(PATIENCE), "OLLAMA_BASE_URL": "http://127.0.0.1:9"}
    return new_org(fresh_server({**environment(models), **patience}))


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
def test_hundreds_of_turns_with_summarisers_that_fail(org: Org, models: OpenAIServer, mode: str) -> None:
    silent = Reply("Too late.", delay=PATIENCE + 1)
    conversation = Conversation(org, models, mode, WINDOW, (*FAULTS.values(), silent), SUMMARISERS)
    began = time.monotonic()
    conversation.hold(TURNS)
    print(f"\n{conversation.figures}; {time.monotonic() - began:.0f} s")
    conversation.check()
    assert max(len(str(body)) // 4 for body in conversation.summaries_asked if body["model"] == LIGHT) < LIGHT_WINDOW
    assert "Traceback" not in org.server.log
