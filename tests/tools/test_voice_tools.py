"""The tools of agents that listen along with a conversation by voice (CONTRACT §6.3)."""

import json

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.tools.test_builtin_tools import Talk, talk

TOOLS = ("search_memory", "store_memories", "rethink_user_memory", "finish_rethinking_memory")
SAID = "0. user: I moved to Oslo.\n1. assistant: How is it?\nCold?\n2. user: Rainy.\n"


@pytest.fixture(autouse=True)
def scripted(models: OpenAIServer) -> OpenAIServer:
    return models


def listener(org: Org) -> Talk:
    blocks = [{"label": "human", "value": "Ann"}]
    return talk(org, tools=TOOLS, memory_blocks=blocks)


@pytest.mark.contract("tools.voice.search-memory")
def test_search_finds_what_was_said(org: Org) -> None:
    owner = listener(org)
    owner.send("The parrot is called Plato. REPLY noted")
    owner.send("We eat at seven. REPLY noted")

    def found(queries: list[str] | None, start: int | None, end: int | None) -> list[str]:
        given = {"convo_keyword_queries": queries, "start_minutes_ago": start, "end_minutes_ago": end}
        answer = json.loads(owner.call("search_memory", **given))
        return [each["content"] for each in answer["results"] if each["role"] == "user"]

    assert "Plato" in found(["parrot"], None, None)[0]
    both = " ".join(found(["parrot", "seven"], 60, 0))
    assert ("Plato" in both, "seven" in both) == (True, True)
    assert found(["parrot"], 600, 60) == []
    assert found(None, 60, None) != []
    wrong = {"convo_keyword_queries": None, "start_minutes_ago": 5, "end_minutes_ago": 50}
    assert "exchange" in owner.refused("search_memory", **wrong)
    assert "`start_minutes_ago` is -5" in owner.refused("search_memory", **{**wrong, "start_minutes_ago": -5})


@pytest.mark.contract("tools.voice.store-memories")
def test_numbered_lines_are_kept(org: Org) -> None:
    owner = listener(org)

    def kept(**chunk: object) -> list[dict[str, str]]:
        sent = owner.send(f"{SAID}CALL store_memories {json.dumps({'chunks': [chunk]})}")
        return [each for each in sent if each["message_type"] == "tool_return_message"]

    (done,) = kept(start_index=0, end_index=1, context="Where the user lives.")
    assert (done["status"], done["tool_return"]) == ("success", "Kept 1 part of the conversation.")
    (passage,) = org.http.get(f"/v1/agents/{owner.id}/archival-memory").json()
    assert passage["text"] == "Where the user lives.\nuser: I moved to Oslo.\nassistant: How is it?\nCold?"
    (beyond,) = kept(start_index=1, end_index=9, context="x")
    assert (beyond["status"], "lines 0 to 2" in beyond["tool_return"]) == ("error", True)
    (wrong,) = kept(start_index="first", end_index=9)
    assert (wrong["status"], "chunks.0" in wrong["tool_return"]) == ("error", True)
    chunk = {"start_index": 0, "end_index": 0, "context": "x"}
    assert "numbered" in listener(org).refused("store_memories", chunks=[chunk])


@pytest.mark.contract("tools.voice.rethink")
def test_the_users_block_is_rewritten(org: Org) -> None:
    owner = listener(org)
    assert owner.call("rethink_user_memory", new_memory="Ann, who lives in Oslo.") == owner.value("human")
    assert "line number" in owner.refused("rethink_user_memory", new_memory="1→ Ann")
    assert owner.call("finish_rethinking_memory") == "None"
    assert "'notes'" in talk(org, tools=TOOLS).refused("rethink_user_memory", new_memory="x")
