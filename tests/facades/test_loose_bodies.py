"""Bodies of programs that write null for what they leave out, and describe models as the lists show them."""

from typing import Any

import pytest

from tests.facades.tonny import WEATHER, agent, heard, made, say, sent
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org

SHOWN = ("model", "model_endpoint_type", "model_endpoint", "context_window")
SHOWN_EMBEDDING = ("embedding_endpoint_type", "embedding_endpoint", "embedding_model", "embedding_dim")


def test_null_is_what_is_left_out(org: Org, models: OpenAIServer) -> None:
    block = {"name": "tasks", "label": None, "value": None, "limit": None, "read_only": None, "description": None}
    chosen = dict.fromkeys(("include_base_tools", "metadata", "tags", "session_idle_hours", "context_window", "system"))
    id = agent(org, tools=[{**WEATHER, "strict": None}], memory_blocks=[block], **chosen)
    models.queue(Reply(calls=(("get_weather", {"location": "Oslo"}),)), Reply("Sunny."))
    nulls = dict.fromkeys(("stream", "sentences", "max_steps", "messages", "tool_results", "thread_id", "user_id"))
    [call] = sent(org, id, {"message": "Weather?", "session_id": "oslo", **nulls})["tool_calls"]
    result = {"tool_call_id": call["id"], "content": "Sunny, 72°F", "status": None, "is_error": None, "name": None}
    assert heard(sent(org, id, {"message": None, "tool_results": [result], "session_id": "oslo"})) == "Sunny."

    session = org.http.get(f"/api/agents/{id}/sessions/oslo/export").json()
    bare = {"tool_calls": None, "tool_call_id": None, "name": None, "status": None, "created_at": None}
    session["messages"] = [{**bare, **message} for message in session["messages"]]
    imported = org.http.post(f"/api/agents/{agent(org)}/sessions/import", json=session)
    assert (imported.status_code, imported.json()["imported"]) == (200, 4), imported.text


def test_null_is_what_is_left_out_of_requests_of_v1(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    switches = ("streaming", "stream_tokens", "background", "include_pings", "use_assistant_message", "max_steps")
    names = ("assistant_message_tool_name", "assistant_message_tool_kwarg", "enable_thinking", "return_logprobs")
    models.queue(Reply("Yes."))
    body = {"messages": [{"role": "user", "content": "Here?"}], "input": None, **dict.fromkeys((*switches, *names))}
    said = org.http.post(f"/v1/agents/{id}/messages", json=body)
    assert (said.status_code, said.json()["messages"][-1]["content"]) == (200, "Yes.")
    block = org.http.post("/v1/blocks/", json={"label": "a", "value": "b", "limit": None, "read_only": None})
    assert (block.status_code, block.json()["limit"]) == (200, 100_000)
    refused = org.http.post(f"/v1/agents/{id}/messages", json={"messages": None, "input": None})
    assert refused.status_code == 422


def test_a_null_of_a_new_agent_leaves_it_as_usual(org: Org) -> None:
    usual = org.http.post("/v1/agents/", json={}).json()
    settings = dict.fromkeys(("max_output_tokens", "parallel_tool_calls", "temperature", "reasoning", "strict"))
    body = {
        **dict.fromkeys(("agent_type", "include_base_tools", "include_multi_agent_tools", "message_buffer_autoclear")),
        "model_settings": {"provider_type": "openai", **settings, "reasoning": {"reasoning_effort": None}},
        "compaction_settings": dict.fromkeys(("mode", "prompt_acknowledgement", "sliding_window_percentage")),
    }
    made = org.http.post("/v1/agents/", json=body)
    assert made.status_code == 200, made.text
    for name in ("agent_type", "model_settings", "message_buffer_autoclear"):
        assert made.json()[name] == usual[name], name
    assert {tool["name"] for tool in made.json()["tools"]} == {tool["name"] for tool in usual["tools"]} != set()
    assert made.json()["compaction_settings"]["mode"] == "sliding_window"


CODE = (
    'def shout(word: str) -> str:\n    """Shout.\n\n    Args:\n        word: What.\n    """\n    return word.upper()\n'
)


@pytest.mark.parametrize(
    ("method", "path", "body", "left_out"),
    [
        ("POST", "/v1/messages/search", {"query": "tea"}, ("search_mode", "limit", "agent_id")),
        ("POST", "/v1/agents/messages/search", {"query": "tea"}, ("search_mode", "limit", "roles")),
        ("POST", "/v1/tools/search", {"query": "memory"}, ("search_mode", "limit", "tags")),
        ("POST", "/v1/passages/search", {"query": "tea"}, ("tag_match_mode", "limit", "tags")),
        ("POST", "/v1/tools/", {"source_code": CODE}, ("tags", "return_char_limit", "enable_parallel_execution")),
        ("POST", "/v1/agents/{id}/archival-memory", {"text": "tea"}, ("tags", "link_duplicates", "created_at")),
        ("PATCH", "/v1/agents/{id}/reset-messages", {}, ("add_default_initial_messages",)),
        ("PATCH", "/v1/agents/{id}", {"name": "Ada"}, ("model_settings", "tags", "hidden")),
        ("POST", "/v1/agents/{id}/export", {}, ("skills", "scrub_messages", "conversation_id")),
    ],
)
def test_null_is_what_is_left_out_of_other_requests(
    org: Org, method: str, path: str, body: dict[str, Any], left_out: tuple[str, ...]
) -> None:
    id = org.http.post("/v1/agents/", json={}).json()["id"]
    answer = org.http.request(method, path.format(id=id), json={**body, **dict.fromkeys(left_out)})
    assert answer.status_code == 200, answer.text


def test_each_listed_model_is_understood_without_its_handle(org: Org) -> None:
    """Programs choose from the lists, and keep of a model what the older generation had."""
    for listed in org.http.get("/v1/models/embedding").json():
        body = {"name": "any", "embedding_config": {name: listed[name] for name in SHOWN_EMBEDDING}}
        answer = org.http.post("/v1/agents/", json=body)
        assert (answer.status_code, answer.json()["embedding_config"]["handle"]) == (200, listed["handle"]), answer.text
    for listed in org.http.get("/v1/models/").json():
        answer = org.http.post("/v1/agents/", json={"llm_config": {name: listed[name] for name in SHOWN}})
        assert (answer.status_code, answer.json()["llm_config"]["handle"]) == (200, listed["handle"]), answer.text


@pytest.mark.parametrize(
    ("config", "handle"),
    [
        ({"model": "own-tune", "model_endpoint_type": "openai"}, "openai/own-tune"),
        ({"model": "gpt-4.1", "model_endpoint_type": "anthropic"}, "openai/gpt-4.1"),
        ({"model": "letta-free", "model_endpoint_type": "openai"}, None),
    ],
)
def test_where_a_model_is_served_tells_when_its_name_does_not(org: Org, config: Any, handle: str | None) -> None:
    answer = org.http.post("/v1/agents/", json={"llm_config": config})
    usual = org.http.post("/v1/agents/", json={}).json()["llm_config"]["handle"]
    assert (answer.status_code, answer.json()["llm_config"]["handle"]) == (200, handle or usual), answer.text


def test_a_message_and_a_tool_in_other_programs_forms(org: Org, models: OpenAIServer) -> None:
    id = agent(org, tools=[{"type": "function", "function": WEATHER}])
    models.queue(Reply("Noted."))
    assert heard(say(org, id, "The user has left.", role="system")) == "Noted."
    asked = models.chats[-1].body
    assert "get_weather" in {tool["function"]["name"] for tool in asked["tools"]}
    assert (asked["messages"][-1]["role"], "has left" in str(asked["messages"][-1]["content"])) == ("system", True)
    unknown = org.http.post(f"/api/agents/{id}/messages", json={"message": "Hi", "role": "nobody"})
    assert (unknown.status_code, "'user'" in unknown.json()["detail"]) == (422, True)


def test_an_empty_name_is_still_no_name(org: Org) -> None:
    assert org.http.post("/api/agents", json={"name": ""}).status_code == 422
    assert made(org, name=None)["name"]
    assert heard(say(org, agent(org), "REPLY Here.")) == "Here."
