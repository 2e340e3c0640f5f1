"""What `llm_letta` calls since 18.0.1.0.3, in its order, with its letta-client, `Bearer False` included."""

from typing import Any

import pytest
from letta_client import APIStatusError, Letta, NotFoundError

from tests.fakes.mcp_odoo import Odoo
from tests.fakes.mcp_zoo import Zoo
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness import clients
from tests.harness.models import EMBEDDING, MODEL
from tests.harness.server import Server

NO_KEY = "False"
"""What an empty field of Odoo is as text, and so what a provider without a key sends."""
ACME = {"model": "res.partner", "fields": {"name": "Acme Corp", "email": "acme@example.com", "is_company": True}}
PERSONA = {"label": "persona", "value": "I work in Odoo."}
HUMAN = {"label": "human", "value": "The user."}


@pytest.fixture
def client(server: Server) -> Letta:
    return clients.official(server.url, NO_KEY)


def thread(client: Letta, number: int, key: str) -> str:
    """The agent of a thread."""
    made = client.agents.create(
        name=f"thread_{number}",
        model=MODEL,
        embedding=EMBEDDING,
        memory_blocks=[{**PERSONA}, {**HUMAN}],  # pyright: ignore[reportArgumentType] -- dicts, as Odoo sends them
        tools=[],
        tool_exec_environment_variables={"ODOO_API_KEY": key},
    )
    return made.id


def of_mcp(client: Letta, agent: str) -> set[str]:
    """The tools that Odoo keeps in step with the thread's."""
    return {str(each.name) for each in client.agents.tools.list(agent) if each.tool_type == "external_mcp"}


def ensure_registered(client: Letta, name: str, url: str) -> None:
    if any(each.server_name == name for each in client.mcp_servers.list()):
        return
    client.mcp_servers.create(
        server_name=name,
        config={
            "mcp_server_type": "streamable_http",
            "server_url": url,
            "custom_headers": {"Authorization": "Bearer {{ ODOO_API_KEY | system-api-key }}"},
        },
    )


def attach(client: Letta, agent: str, tool_name: str) -> None:
    tool = next(each for each in client.tools.list() if each.name == tool_name)
    assert tool.tool_type == "external_mcp"
    client.agents.tools.attach(tool.id, agent_id=agent)


def streamed(client: Letta, agent: str, text: str) -> tuple[str, list[Any]]:
    """What is put together for the user, and all chunks."""
    client.agents.retrieve(agent)
    stream: Any = client.agents.messages.create(
        agent, messages=[{"role": "user", "content": text}], streaming=True, stream_tokens=True
    )
    chunks = list(stream)
    said = ""
    for chunk in chunks:
        if chunk.message_type == "assistant_message":
            said += chunk.content
    return said, chunks


def test_a_thread_from_its_first_call_to_its_last(
    client: Letta, models: OpenAIServer, zoo: Zoo, odoo: Odoo, mcp_name: str
) -> None:
    assert MODEL in {model.handle for model in client.models.list()}
    assert EMBEDDING in {model.handle for model in client.models.embeddings.list()}

    agent = thread(client, 7, "key-of-mitchell")
    assert client.agents.retrieve(agent).name == "thread_7"
    assert of_mcp(client, agent) == set()
    ensure_registered(client, mcp_name, zoo.url("odoo"))
    ensure_registered(client, mcp_name, zoo.url("odoo"))
    for tool in ("odoo_record_creator", "odoo_record_retriever"):
        attach(client, agent, tool)
    assert of_mcp(client, agent) == {"odoo_record_creator", "odoo_record_retriever"}

    models.queue(Reply(calls=(("odoo_record_creator", ACME),)), Reply('Created "Acme Corp"\n\twith ID 123.'))
    said, chunks = streamed(client, agent, 'Create a new customer named "Acme Corp" with email acme@example.com')

    assert said == 'Created "Acme Corp"\n\twith ID 123.'
    assert [(each["values"], each["create_uid"]) for each in odoo.records] == [(ACME["fields"], "Mitchell")]
    assert sum(each.message_type == "assistant_message" for each in chunks) > 1
    returned = next(each for each in chunks if each.message_type == "tool_return_message")
    assert (returned.status, '"id": 123' in returned.tool_return) == ("success", True)

    models.queue(Reply("Yes."))
    whole = client.agents.messages.create(agent, messages=[{"role": "user", "content": "Done?"}], streaming=False)
    assert [each.content for each in whole.messages if each.message_type == "assistant_message"] == ["Yes."]

    creator = next(each.id for each in client.agents.tools.list(agent) if each.name == "odoo_record_creator")
    client.agents.tools.detach(creator, agent_id=agent)
    assert of_mcp(client, agent) == {"odoo_record_retriever"}

    client.agents.delete(agent)
    with pytest.raises(NotFoundError, match=agent):
        client.agents.retrieve(agent)


def test_another_model_keeps_memory_and_history(client: Letta, models: OpenAIServer) -> None:
    agent = thread(client, 8, "key-of-mitchell")
    client.agents.blocks.update("human", agent_id=agent, value="Sells solar panels.")
    streamed(client, agent, "REPLY Good to know.")
    window = client.agents.retrieve(agent).llm_config.context_window

    client.agents.update(agent, model="openai/gpt-4o", system="You are the sales assistant.")

    changed = client.agents.retrieve(agent)
    assert changed.llm_config.handle == "openai/gpt-4o"
    assert changed.llm_config.model == "gpt-4o"
    assert changed.llm_config.context_window == window == 128_000
    assert changed.system == "You are the sales assistant."
    assert client.agents.blocks.retrieve("human", agent_id=agent).value == "Sells solar panels."
    models.queue(Reply("Still here."))
    assert streamed(client, agent, "And now?")[0] == "Still here."
    asked = models.chats[-1].body
    assert asked["model"] == "gpt-4o"
    assert "Sells solar panels." in str(asked["messages"][0])
    assert "Good to know." in str(asked["messages"])


def test_two_people_reach_one_odoo_with_their_own_keys(
    client: Letta, models: OpenAIServer, zoo: Zoo, odoo: Odoo, mcp_name: str
) -> None:
    ensure_registered(client, mcp_name, zoo.url("odoo"))
    agents = [thread(client, 9, key) for key in ("key-of-mitchell", "key-of-marc", "key-of-nobody", "key-of-mitchell")]
    said: list[str] = []
    for agent in agents:
        attach(client, agent, "odoo_record_creator")
        models.queue(Reply(calls=(("odoo_record_creator", ACME),)), Reply("done"))
        _, chunks = streamed(client, agent, "Create it")
        said += [f"{each.status}: {each.tool_return}" for each in chunks if each.message_type == "tool_return_message"]

    assert [each["create_uid"] for each in odoo.records] == ["Mitchell", "Marc", "Mitchell"]
    assert said[2].startswith("error: ")
    assert "API key needed" in said[2]
    assert {client.agents.retrieve(each).name for each in agents} == {"thread_9"}


def test_a_model_that_fails_ends_the_stream_with_a_frame_that_says_so(client: Letta) -> None:
    agent = thread(client, 10, "key-of-mitchell")

    with pytest.raises(APIStatusError) as failed:
        streamed(client, agent, "FAIL 400")

    frame: Any = failed.value.body
    assert (frame["message_type"], frame["error_type"]) == ("error_message", "llm_bad_request")
    assert "scripted failure 400" in frame["detail"]
    assert streamed(client, agent, "REPLY Better now.")[0] == "Better now."


def test_lists_end_for_a_client_that_pages_until_nothing_comes(client: Letta, server: Server, mcp_name: str) -> None:
    """It asks again with `after` until a page is empty: a list that ignored `after` would have no end."""
    agent = thread(client, 11, "key-of-mitchell")
    tools = list(client.tools.list(limit=3))
    assert len({each.id for each in tools}) == len(tools) > 3
    last = server.http.get("/v1/tools/").json()[-1]["id"]
    for path in (f"/v1/agents/{agent}/tools", f"/v1/agents/{agent}/core-memory/blocks", "/v1/tools/", "/v1/agents/"):
        every = server.http.get(path).json()
        after = every[-1]["id"] if every else last
        assert server.http.get(path, params={"after": after}).json() == [], path
