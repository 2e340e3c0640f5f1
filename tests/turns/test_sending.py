"""A message is sent and answered with JSON (CONTRACT §3.1)."""

from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org
from tests.messages.talking import agent, missing, of_agent, say, texts
from tests.turns.listening import MODERN, asked, user


@pytest.mark.contract("turns.send")
def test_an_answer_holds_what_the_request_produced(org: Org, models: OpenAIServer) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
    models.queue(Reply("Hello Ada.", usage=usage))
    answer = say(org, f"agents/{agent(org)}", "I am Ada.")
    assert set(answer) == {"messages", "stop_reason", "usage", "logprobs", "turns"}
    (said,) = answer["messages"]
    assert (said["message_type"], said["content"]) == ("assistant_message", "Hello Ada.")
    assert answer["stop_reason"] == {"message_type": "stop_reason", "stop_reason": "end_turn"}
    assert {name: answer["usage"][name] for name in usage} == usage
    assert answer["usage"]["step_count"] == 1
    assert said["run_id"] == answer["usage"]["run_ids"][0]


@pytest.mark.contract("turns.send.history")
def test_what_was_said_is_before_the_model_in_the_next_turn(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    say(org, f"agents/{owner}", "REPLY one")
    say(org, f"agents/{owner}", "REPLY two")
    assert [message["role"] for message in asked(models)] == ["system", "user", "assistant", "user"]
    assert [message["content"] for message in asked(models)][1:] == ["REPLY one", "one", "REPLY two"]
    assert texts(of_agent(org, owner, order="asc")) == ["REPLY one", "one", "REPLY two", "two"]


@pytest.mark.contract("turns.send.input")
@pytest.mark.parametrize("sent", ["Hello", [{"type": "text", "text": "Hello"}], [{"text": "Hello"}]])
def test_input_is_one_message_of_the_user(org: Org, models: OpenAIServer, sent: Any) -> None:
    owner = agent(org)
    answer = org.http.post(f"/v1/agents/{owner}/messages", json={"input": sent})
    assert answer.status_code == 200, answer.text
    assert asked(models)[1:] == [{"role": "user", "content": "Hello"}]


@pytest.mark.contract("turns.send.system-messages")
def test_system_messages_may_come_with_the_one_of_the_user(org: Org, models: OpenAIServer) -> None:
    roles = ("system", "system", "user")
    sent = [{"role": role, "content": f"{role} {n}"} for n, role in enumerate(roles)]
    answer = org.http.post(f"/v1/agents/{agent(org)}/messages", json={"messages": sent})
    assert answer.status_code == 200, answer.text
    assert [(m["role"], m["content"]) for m in asked(models)[1:]] == [(m["role"], m["content"]) for m in sent]


@pytest.mark.contract("turns.send.invalid")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {**user("a"), "input": "b"},
        {**user("a"), "stream_tokens": True},
        {**user("a"), "background": True},
        {**user("a"), "include_pings": False},
        {**user("a"), "max_steps": 0},
        {**user("a"), "max_steps": "many"},
    ],
    ids=str,
)
def test_a_malformed_request_is_422(org: Org, models: OpenAIServer, body: dict[str, Any]) -> None:
    answer = org.http.post(f"/v1/agents/{agent(org)}/messages", json=body)
    assert answer.status_code == 422, answer.text
    assert isinstance(answer.json()["detail"], str)
    assert models.chats == []


@pytest.mark.contract("turns.send.empty")
@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}]], ids=str)
def test_empty_content_is_400(org: Org, models: OpenAIServer, content: Any) -> None:
    owner = agent(org)
    sent = {"messages": [{"role": "user", "content": content}]}
    answer = org.http.post(f"/v1/agents/{owner}/messages", json=sent)
    assert answer.status_code == 400, answer.text
    assert "empty" in answer.json()["detail"]
    assert texts(of_agent(org, owner)) == []


@pytest.mark.contract("turns.send.unknown-agent")
def test_an_unknown_agent_is_named(org: Org) -> None:
    unknown = missing("agent")
    answer = org.http.post(f"/v1/agents/{unknown}/messages", json=user("hello"))
    assert (answer.status_code, answer.json()["detail"]) == (404, f"No agent with id {unknown}.")
    assert org.http.post("/v1/agents/agent-1/messages", json=user("hello")).status_code == 422


@pytest.mark.contract("turns.send.override-model")
def test_one_request_may_use_another_model(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, model=MODEL)
    say(org, f"agents/{owner}", "hello", override_model="openai/gpt-4.1")
    say(org, f"agents/{owner}", "hello")
    assert [chat.body["model"] for chat in models.chats] == ["gpt-4.1", "gpt-4o-mini"]
    unknown = org.http.post(f"/v1/agents/{owner}/messages", json={**user("a"), "override_model": "nobody/nothing"})
    assert unknown.status_code == 404
    assert "nobody" in unknown.json()["detail"]


@pytest.mark.contract("turns.send.override-system")
@pytest.mark.parametrize("name", ["override_system", "system"])
def test_one_request_may_have_another_system_message(org: Org, models: OpenAIServer, name: str) -> None:
    owner = agent(org, system="You are Ada.")
    say(org, f"agents/{owner}", "hello", **{name: "You are Bob."})
    say(org, f"agents/{owner}", "hello again")
    assert asked(models, 0)[0]["content"] == "You are Bob."
    assert asked(models, 1)[0]["content"].startswith("You are Ada.")
    prompts = [m["content"] for m in of_agent(org, owner) if m["message_type"] == "system_message"]
    assert "Bob" not in str(prompts)


@pytest.mark.contract("turns.send.return-types")
def test_returned_messages_can_be_narrowed(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("Hi.", reasoning="A greeting."))
    owner = agent(org)
    answer = say(org, f"agents/{owner}", "hello", include_return_message_types=["reasoning_message"])
    assert [m["message_type"] for m in answer["messages"]] == ["reasoning_message"]
    assert "assistant_message" in {m["message_type"] for m in of_agent(org, owner)}


@pytest.mark.contract("turns.send.streaming-needs-1x")
def test_only_1x_clients_may_ask_this_endpoint_to_stream(org: Org) -> None:
    owner = agent(org)
    body = {**user("hello"), "streaming": True}
    refused = org.http.post(f"/v1/agents/{owner}/messages", json=body)
    assert refused.status_code == 422
    assert "/messages/stream" in refused.json()["detail"]
    assert org.http.post(f"/v1/agents/{owner}/messages", json=body, headers=MODERN).status_code == 200


@pytest.mark.contract("turns.send.known-model-without-key")
def test_a_model_without_its_key_names_the_variable(org: Org) -> None:
    owner = agent(org, model="anthropic/claude-sonnet-4-5")
    answer = org.http.post(f"/v1/agents/{owner}/messages", json=user("hello"))
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["x-should-retry"] == "false"
    refused = org.http.post(f"/v1/agents/{agent(org, model='groq/llama-3.3-70b-versatile')}/messages", json=user("a"))
    assert refused.status_code == 401
    assert "GROQ_API_KEY" in refused.json()["error"]["message"]


@pytest.mark.contract("turns.preview")
def test_the_next_request_can_be_looked_at(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, system="You are Ada.", model=MODEL)
    shown = org.http.post(f"/v1/agents/{owner}/messages/preview-raw-payload", json=user("REPLY hi")).json()
    assert models.chats == []
    say(org, f"agents/{owner}", "REPLY hi")
    assert shown == models.chats[-1].body


def test_the_official_client_sends(org: Org) -> None:
    answer = org.client.agents.messages.create(agent(org), messages=[{"role": "user", "content": "REPLY hello"}])
    assert [getattr(message, "content", None) for message in answer.messages] == ["hello"]
    assert answer.stop_reason.stop_reason == "end_turn"


@pytest.mark.contract("turns.send.tokens")
def test_chosen_tokens_are_told_to_whoever_asks(org: Org, models: OpenAIServer) -> None:
    token = {"token": "Hi", "bytes": [72, 105], "logprob": -0.25, "top_logprobs": []}
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [token]}, "token_ids": [7]}]}
    said: tuple[Any, ...] = (chunk, {"choices": [{"index": 0, "finish_reason": "stop"}]}, "[DONE]")
    models.queue(Reply(chunks=said), Reply(chunks=said))
    owner = agent(org)
    wish = {"return_logprobs": True, "top_logprobs": 2, "return_token_ids": True}
    answer = org.http.post(f"/v1/agents/{owner}/messages", json={**user("hello"), **wish}).json()
    assert (models.chats[-1].body["logprobs"], models.chats[-1].body["top_logprobs"]) == (True, 2)
    assert answer["logprobs"] == {"content": [token], "refusal": None}
    assert answer["turns"] == [
        {
            "role": "assistant",
            "output_ids": [7],
            "output_token_logprobs": [[-0.25, 7, "Hi"]],
            "content": "Hi",
            "tool_name": None,
        }
    ]
    unasked = org.http.post(f"/v1/agents/{owner}/messages", json=user("hello")).json()
    assert (unasked["logprobs"], unasked["turns"]) == (None, None)
    assert "logprobs" not in models.chats[-1].body
