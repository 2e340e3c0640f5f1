"""Summarisers that fail in any way, over many turns; `make soak` holds the same conversations for hundreds."""

import pytest

from tests.compaction.threads import SMALL
from tests.compaction.unreliable import MODES, Conversation
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org

TURNS = 25


@pytest.mark.contract("compaction.unreliable-summariser")
@pytest.mark.parametrize("mode", MODES)
def test_a_conversation_goes_on_whatever_its_summariser_does(org: Org, models: OpenAIServer, mode: str) -> None:
    conversation = Conversation(org, models, mode, SMALL)
    conversation.hold(TURNS)
    conversation.check()
    assert len(conversation.compactions) > 1
