"""Who talks to an agent through a chat program: conversations of users and chats, and agents of their own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import ollama
import openai
import pytest

from tests.facades.chatting import complete, conversations, ollama_client, openai_client, openwebui, said_in
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, missing, texts

BLOCKS = [
    {"label": "human", "value": "Nobody yet."},
    {"label": "rules", "value": "Be kind.", "read_only": True},
]


def test_each_user_and_each_chat_has_a_conversation(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, name="Ada")
    people = [("ann", "1"), ("ann", "2"), ("bob", "1"), ("ann", "1")]
    for number, (user, chat) in enumerate(people):
        client = openai_client(org, **openwebui(user, chat, name=f"{user.title()}%20%C3%84"))
        assert complete(client, "Ada", f"REPLY answer {number}") == f"answer {number}"
    found = {tuple(said_in(org, each["id"])): each for each in conversations(org, owner)}
    assert set(found) == {
        ("REPLY answer 0", "answer 0", "REPLY answer 3", "answer 3"),
        ("REPLY answer 1", "answer 1"),
        ("REPLY answer 2", "answer 2"),
    }
    assert {each["summary"] for each in found.values()} == {"Ann Ä", "Bob Ä"}
    own = org.http.get("/v1/conversations/default/messages", params={"agent_id": owner}).json()
    assert texts(own) == []


def test_the_user_of_the_body_and_ollamas_clients(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, name="Ada")
    complete(openai_client(org), "Ada", "REPLY a", user="ann")
    complete(openai_client(org, **openwebui("bob")), "Ada", "REPLY b", user="ann")
    said = ollama_client(org, **openwebui("bob")).chat("Ada", [{"role": "user", "content": "REPLY c"}])
    assert said.message.content == "c"
    complete(openai_client(org, **openwebui("x" * 5000, "y" * 5000)), "Ada", "REPLY d")
    talks = {" ".join(text for text in said_in(org, each["id"])) for each in conversations(org, owner)}
    assert talks == {"REPLY a a", "REPLY b b REPLY c c", "REPLY d d"}


def test_memory_is_shared_between_the_chats_of_one_agent(org: Org, models: OpenAIServer) -> None:
    agent(org, name="Ada", memory_blocks=BLOCKS[:1], include_base_tools=True)
    insert = 'CALL memory_insert {"label": "human", "new_string": "Ann sails."} REPLY noted'
    assert complete(openai_client(org, **openwebui("ann", "1")), "Ada", insert) == "noted"
    complete(openai_client(org, **openwebui("ann", "2")), "Ada", "REPLY hi")
    assert "Ann sails." in models.chats[-1].body["messages"][0]["content"]


def test_many_users_talk_at_once(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, name="Ada")

    def say(number: int) -> str:
        client = openai_client(org, **openwebui(f"user-{number % 4}", "1"))
        return complete(client, "Ada", f"REPLY answer {number}", stream=False)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(say, range(8))) == [f"answer {number}" for number in range(8)]
    talks = [said_in(org, each["id"]) for each in conversations(org, owner)]
    assert [len(said) for said in talks] == [4] * 4


@pytest.mark.contract("openai.chat.user")
def test_a_user_of_this_server_may_be_named(server: Server, models: OpenAIServer) -> None:
    org = new_org(server)
    agent(org, name="Ada")
    user = server.http.post("/v1/admin/users/", json={"name": "ann", "organization_id": org.id}).json()["id"]
    body = {"model": "Ada", "messages": [{"role": "user", "content": "REPLY hi"}], "user": user}
    answer = server.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    unknown = server.http.post("/v1/chat/completions", json={**body, "user": missing("user")})
    assert unknown.status_code == 404 and unknown.json()["error"]["message"]


@pytest.fixture
def apart(fresh_server: FreshServer, models: OpenAIServer) -> Iterator[Org]:
    """A tenant of a server with a password, where each user has an agent."""
    server = fresh_server({"HOLDFAST_CHAT_USERS": "apart", "LETTA_SERVER_PASSWORD": "open sesame"})
    with server.http_as("open sesame") as admin:
        id = admin.post("/v1/admin/orgs/", json={"name": f"test-{uuid4()}"}).json()["id"]
        key = admin.post(f"/v1/admin/orgs/{id}/keys", json={"name": "test"}).json()["key"]
    yield Org(server, id, key)


def _values(org: Org, agent_id: str) -> dict[str, str]:
    held: list[Json] = org.http.get(f"/v1/agents/{agent_id}/core-memory/blocks").json()
    return {block["label"]: block["value"] for block in held}


def test_each_user_has_an_agent(apart: Org, models: OpenAIServer) -> None:
    owner = agent(apart, name="Ada", memory_blocks=BLOCKS, include_base_tools=True, secrets={"KEY": "v"})
    insert = 'CALL memory_insert {"label": "human", "new_string": "Ann sails."} REPLY noted'
    ann = openai_client(apart, **openwebui("ann", "1", name="Ann%20%C3%84 <b>"))

    def greet(_: int) -> str:
        return complete(ann, "Ada", "REPLY hi")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(greet, range(4))) == ["hi"] * 4
    assert complete(ann, "Ada", insert) == "noted"
    complete(openai_client(apart, **openwebui("bob")), "Ada", "REPLY hi")
    assert "Ann sails." not in models.chats[-1].body["messages"][0]["content"]
    copies = {each["name"]: each for each in apart.http.get("/v1/agents/").json() if each["id"] != owner}
    assert set(copies) == {"Ada - Ann Ä b", "Ada - bob"}
    mine = copies["Ada - Ann Ä b"]
    assert "Ann sails." in _values(apart, mine["id"])["human"]
    assert _values(apart, owner)["human"] == "Nobody yet."
    apart.http.patch(f"/v1/agents/{owner}/core-memory/blocks/rules", json={"value": "Be brave."})
    assert _values(apart, mine["id"])["rules"] == "Be brave."
    assert [model.id for model in openai_client(apart).models.list().data] == ["Ada"]
    assert len(conversations(apart, mine["id"])) == 1
    _strangers_are_refused(apart)


def _strangers_are_refused(org: Org) -> None:
    url = org.server.url
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{url}/openai/v1", api_key="wrong", max_retries=0).models.list()
    with pytest.raises(ollama.ResponseError) as refused:
        ollama.Client(url).list()
    assert refused.value.status_code == 401
    for path in ("/v1/chat/completions", "/api/chat", "/api/embed", "/openai/v1/embeddings"):
        assert httpx.post(url + path, json={}, trust_env=False).status_code == 401
