"""Summarisers that are slow, or fail in any way over many turns; `make soak` holds conversations for hundreds."""

import pytest

from holdfast.runs.processes import BEAT_S
from tests.compaction.threads import SMALL, compact, talker
from tests.compaction.unreliable import MODES, Conversation
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import say

TURNS = 25


@pytest.mark.contract("compaction.unreliable-summariser")
@pytest.mark.parametrize("mode", MODES)
def test_a_conversation_goes_on_whatever_its_summariser_does(org: Org, models: OpenAIServer, mode: str) -> None:
    conversation = Conversation(org, models, mode, SMALL)
    conversation.hold(TURNS)
    conversation.check()
    assert len(conversation.compactions) > 1


def test_a_summary_may_take_its_time(org: Org, models: OpenAIServer) -> None:
    """Longer than several looks of the server for runs that it has lost."""
    owner = talker(org)
    models.queue(Reply("All of it, slowly.", delay=3.5 * BEAT_S))
    assert compact(org, owner)["summary"] == "All of it, slowly."
    say(org, f"agents/{owner}", "and now?")
