"""`MemoryService`: agents of an application remember on the server."""

import asyncio
import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.integrations.crewai import MemoryServer, MemoryService, MemoryServiceError, agent_name, memory_id
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Fleet
from tests.harness.models import MODEL
from tests.harness.process import plain_environment
from tests.harness.server import Server
from tests.harness.tenants import Org
from tests.harness.waiting import free_port


async def test_an_observation_is_kept_and_found_without_a_model(
    memory: MemoryService, org: Org, models: OpenAIServer
) -> None:
    kept = await memory.store("42", "The customer wants invoices in Norwegian kroner.", "system")
    await memory.store("42", "The weather was fine.", "user")
    await memory.store("42", "I promised an answer by Friday.", "assistant", tags=["promise"])
    found = await memory.recall("42", "Which currency do invoices have?")
    assert (found[0].id, found[0].role, found[0].source) == (kept.id, "system", "archive")
    assert found[0].relevance > found[-1].relevance
    assert [each.role for each in await memory.memories("42")] == ["assistant", "user", "system"]
    assert org.client.agents.retrieve(kept.agent_id).name == "app_agent_42"
    assert models.chats == []


async def test_a_whole_turn_and_an_answer_in_the_agents_words(memory: MemoryService, models: OpenAIServer) -> None:
    heard = await memory.tell("42", "The gate code changed today. REPLY Noted: the gate code changed.")
    assert heard.answer == "Noted: the gate code changed."
    assert await memory.ask("42", "What of the gate? REPLY Its code changed.") == "Its code changed."
    models.queue(Reply("Noted."))
    assert (await memory.tell("42", "The old gate was sold.", "system")).answer == "Noted."
    found = await memory.recall("42", "gate code", sources=["messages"])
    assert {"Noted: the gate code changed."} <= {each.text for each in found}
    assert {each.source for each in found} == {"messages"}
    question = "gate code"
    await memory.tell("42", question)
    assert question not in {each.text for each in await memory.recall("42", question)}


async def test_memories_of_different_agents_tasks_and_organizations_are_apart(
    memory: MemoryService, server: Server, place: MemoryServer
) -> None:
    research, writing = memory_id("news", "research"), memory_id("news", "writing", "editor")
    await memory.store(research, "Reactor three was shut down.")
    await memory.store(writing, "Headlines have six words.")
    assert [each.text for each in await memory.recall(writing, "reactor")] == ["Headlines have six words."]
    assert await memory.agent_id(research) != await memory.agent_id(writing) != await memory.agent_id(memory_id("news"))
    async with MemoryService(MemoryServer(server.url), model=MODEL) as others:
        assert await others.agent_id(research) != await memory.agent_id(research)
        await others.delete(research)


def test_names_tell_ids_apart() -> None:
    ids = ["a/b", "a:b", "a-b", "a b", "é", "x" * 500, "x" * 501, memory_id("a/b"), memory_id("a", "b"), "\ud800", "\0"]
    names = {agent_name(each) for each in ids}
    assert len(names) == len(ids)
    assert max(map(len, names)) <= 200
    assert agent_name("7f0c-11") == "app_agent_7f0c-11"


async def test_many_at_once_make_one_agent(memory: MemoryService, org: Org, place: MemoryServer) -> None:
    services = [MemoryService(place, model=MODEL) for _ in range(8)]
    ids = await asyncio.gather(*(each.agent_id("crowded") for each in [*services, memory] for _ in range(2)))
    await asyncio.gather(*(each.close() for each in services))
    assert len(set(ids)) == 1
    assert [agent.id for agent in org.client.agents.list(name=agent_name("crowded")).items] == [ids[0]]


def test_several_processes_make_one_agent(org: Org) -> None:
    program = textwrap.dedent("""
        import asyncio
        from holdfast.integrations.crewai import MemoryService

        async def main():
            async with MemoryService() as memory:
                print(await memory.agent_id("everywhere"))

        asyncio.run(main())
    """)
    env = plain_environment(LETTA_SERVER_URL=org.server.url, LETTA_API_KEY=org.key)
    command = [sys.executable, "-c", program]
    running = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ids = {each.communicate(timeout=60)[0].strip() for each in running}
    assert ids == {agent.id for agent in org.client.agents.list(name=agent_name("everywhere")).items}
    assert len(ids) == 1


async def test_what_was_deleted_is_made_anew(memory: MemoryService, org: Org, place: MemoryServer) -> None:
    lives = {await memory.agent_id("phoenix")}
    assert await memory.delete("phoenix")
    assert not await memory.delete("phoenix")
    lives.add((await memory.store("phoenix", "A new life.")).agent_id)
    org.client.agents.delete(await memory.agent_id("phoenix"))
    lives.add((await memory.store("phoenix", "Another one.")).agent_id)
    assert len(lives) == 3
    assert [each.text for each in await memory.memories("phoenix")] == ["Another one."]


async def test_how_much_is_kept_and_recalled(memory: MemoryService) -> None:
    before = await memory.stats("42")
    assert (before.stored, before.recalled, before.last_activity) == (0, 0, None)
    for text in ("Ann lives in Oslo.", "Ann plays the violin."):
        await memory.store("42", text)
    await memory.recall("42", "Ann", limit=1)
    stored = await memory.stats("42")
    assert (stored.stored, stored.recalled) == (2, 1)
    await memory.ask("42", "Who is Ann? REPLY A violinist.")
    after = await memory.stats("42")
    assert (after.stored, after.recalled) == (2, 2)
    assert after.messages > stored.messages
    assert stored.last_activity is not None and after.last_activity is not None
    assert stored.last_activity < after.last_activity < datetime.now(UTC) + timedelta(minutes=1)


async def test_the_server_is_looked_at_first(place: MemoryServer) -> None:
    async with MemoryService(place) as memory:
        assert (await memory.health())["status"] == "ok"


async def test_a_server_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(MemoryServiceError, match=f"No connection to {url}.*LETTA_SERVER_URL") as unreached:
        async with MemoryService(MemoryServer(url, retries=1)):
            pass
    assert (unreached.value.status_code, unreached.value.retryable) == (None, True)


async def test_a_model_that_takes_too_long(org: Org, models: OpenAIServer) -> None:
    place = MemoryServer(org.server.url, org.key, turn_timeout=0.5, retries=0)
    async with MemoryService(place, model=MODEL) as memory:
        with pytest.raises(MemoryServiceError, match="did not answer in time") as late:
            await memory.tell("42", "SLEEP 3000")
    assert late.value.retryable


@pytest.mark.parametrize(
    ("observation", "role", "status"),
    [("  ", "user", 422), ("half \ud800 a pair", "user", 422), ("fine", "wizard", 422)],
)
async def test_what_cannot_be_kept_is_refused(
    memory: MemoryService, observation: str, role: object, status: int
) -> None:
    with pytest.raises(MemoryServiceError) as refused:
        await memory.store("42", observation, role)  # pyright: ignore[reportArgumentType] -- wrong on purpose
    assert (refused.value.status_code, refused.value.retryable) == (status, False)


async def test_nul_bytes_do_no_harm(memory: MemoryService) -> None:
    try:
        await memory.store("42", "before\0after")
    except MemoryServiceError as refused:
        assert refused.status_code == 422
    assert len(await memory.memories("42")) <= 1


async def test_a_wrong_key_says_so(fleet: Fleet, model_env: Mapping[str, str]) -> None:
    locked = fleet.make("sqlite", {**model_env, "LETTA_SERVER_PASSWORD": "right-one"}).start()
    with pytest.raises(MemoryServiceError, match="LETTA_API_KEY") as refused:
        async with MemoryService(MemoryServer(locked.url, "wrong-one", retries=0)):
            pass
    assert refused.value.status_code == 401
    async with MemoryService(MemoryServer(locked.url, "right-one", retries=0)) as memory:
        assert await memory.memories("42") == []
    assert "right-one" not in repr(MemoryServer(locked.url, "right-one"))


async def test_a_model_that_does_not_exist_says_so(place: MemoryServer) -> None:
    async with MemoryService(place, embedding="nobody/nothing") as memory:
        with pytest.raises(MemoryServiceError, match="no model provider") as unknown:
            await memory.store("42", "something")
    assert not unknown.value.retryable


@pytest.mark.parametrize("url", ["localhost:8283", "", "ftp://x", "http://user:secret@host"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(MemoryServiceError) as refused:
        MemoryServer(url)
    assert "secret" not in str(refused.value)


def test_what_the_environment_says() -> None:
    read = MemoryServer.from_environment
    assert (read({}).url, read({}).key) == ("http://127.0.0.1:8283", None)
    assert read({"LETTA_SERVER_URL": "http://one:1/", "LETTA_BASE_URL": "http://two:2"}).url == "http://one:1"
    assert read({"LETTA_SERVER_URL": "", "LETTA_BASE_URL": "http://two:2"}).url == "http://two:2"
    assert read({"LETTA_API_KEY": "k"}) == MemoryServer(key="k")


TOOLS = """
import asyncio, json
from holdfast.integrations.crewai import recall_memories_tool, store_memory_tool

def use():
    return [
        store_memory_tool("7", "The depot closes at five.", "system"),
        recall_memories_tool("7", "When does the depot close?", "user"),
        recall_memories_tool("7", "And REPLY At five.", "user", True),
        store_memory_tool("7", "", "user"),
        store_memory_tool("7", "x", "nobody"),
    ]

async def inside():
    return use()

print(json.dumps([json.loads(text) for text in asyncio.run(inside())]))
"""


def test_the_two_tools_answer_with_json_in_a_running_loop_too(org: Org) -> None:
    env = plain_environment(LETTA_SERVER_URL=org.server.url, LETTA_API_KEY=org.key)
    org.client.agents.create(name=agent_name("7"), model=MODEL)
    done = subprocess.run(
        [sys.executable, "-c", TOOLS], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    stored, recalled, answered, empty, wrong = json.loads(done.stdout)
    assert stored["success"] and stored["memory_id"].startswith("passage-")
    assert recalled["memories"][0]["text"] == "The depot closes at five."
    assert (recalled["memories"][0]["role"], recalled["answer"]) == ("system", None)
    assert answered["answer"] == "At five."
    assert (empty["success"], empty["status_code"], empty["retryable"]) == (False, 422, False)
    assert "wizard" not in wrong["error"] and "assistant" in wrong["error"]
