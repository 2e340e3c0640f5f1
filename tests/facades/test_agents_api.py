"""`/api/agents`: agents of simple bodies, what is said to them, their sessions and their archives."""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.facades.tonny import TONNY, WEATHER, Json, agent, heard, made, say, sent, told
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org
from tests.messages.talking import messages, missing
from tests.messages.talking import say as say_v1

EXAMPLES: Mapping[str, Json] = {
    "personal": {
        "persona": "You are Tonny, a personal assistant who helps manage tasks, calendar, and reminders via voice "
        "commands.",
        "tools": ["add_task", "check_calendar", "set_reminder"],
        "memory_blocks": [
            {"name": "tasks", "description": "User's current tasks"},
            {"name": "schedule", "description": "User's schedule"},
        ],
    },
    "developer": {
        "persona": "You are Tonny, a senior developer who provides quick coding help and technical guidance via voice.",
        "tools": ["search_docs", "run_command", "explain_code"],
        "memory_blocks": [
            {"name": "current_project", "description": "Active project context"},
            {"name": "tech_stack", "description": "Technologies being used"},
        ],
    },
    "home": {
        "persona": "You are Tonny, a smart home assistant who controls devices and answers questions about your home.",
        "tools": ["control_lights", "set_thermostat", "check_security"],
        "memory_blocks": [
            {"name": "device_states", "description": "Current device states"},
            {"name": "automations", "description": "Active automation rules"},
        ],
    },
}


def test_the_calls_of_a_voice_assistant_in_their_order(org: Org, models: OpenAIServer) -> None:
    assert org.http.get("/api/agents").json() == []
    body = {"name": "tonny-voice-assistant", **TONNY}
    id = org.http.post("/api/agents", json=body).json()["id"]
    assert [(each["name"], each["id"]) for each in org.http.get("/api/agents").json()] == [(body["name"], id)]
    models.queue(Reply("It is sunny."))
    session = str(uuid4())
    answer = sent(org, id, {"message": "What's the weather?", "session_id": session})
    assert heard(answer) == answer["message"] == "It is sunny."
    assert (answer["session_id"], answer["thread_id"]) == (session, session)
    assert (answer["model"], answer["tool_calls"], answer["stop_reason"]) == ("gpt-4.1", [], "end_turn")
    assert answer["token_count"] == answer["usage"]["total_tokens"] > 0
    assert answer["llm_latency_ms"] >= 0
    assert answer["messages"][-1]["message_type"] == "assistant_message"
    asked = models.chats[0].body
    assert TONNY["persona"] in str(asked["messages"][0]) and TONNY["human"] in str(asked["messages"][0])


def test_what_was_chosen_for_an_agent_is_kept(org: Org) -> None:
    shown = made(org, llm_config="gpt-4.1", description="Speaks.", tags=["voice"])
    assert (shown["model"], shown["description"], shown["tags"]) == ("openai/gpt-4.1", "Speaks.", ["voice"])
    assert made(org)["llm_config"]["context_window"] == 8000
    assert org.http.get(f"/api/agents/{shown['id']}/").json() == {
        name: value for name, value in shown.items() if name != "warnings"
    }
    assert org.http.delete(f"/api/agents/{shown['id']}").status_code == 200
    assert org.http.get(f"/api/agents/{shown['id']}").status_code == 404


@pytest.mark.parametrize(
    ("name", "handle"),
    [("claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"), ("gpt-3.5-turbo", "openai/gpt-3.5-turbo")],
)
def test_models_are_named_without_their_providers(org: Org, name: str, handle: str) -> None:
    assert made(org, llm_config={"model": name, "context_window": 4000})["model"].startswith(handle)


@pytest.mark.parametrize(
    "named", [{"model": "no-such-embedding"}, {"model": "mistral/embed-x"}, "nowhere/at-all", {}, {"model": 3}, None]
)
def test_an_embedding_model_that_nobody_has_is_replaced(org: Org, named: Any) -> None:
    shown = made(org, embedding_config=named)
    assert [text for text in shown["warnings"] if "embedding" in text] == shown["warnings"]
    kept = org.http.post(f"/api/agents/{shown['id']}/archival", json={"content": "The key is under the mat."})
    assert kept.status_code == 200, kept.text


def test_blocks_have_names_labels_or_both(org: Org) -> None:
    blocks = [
        {
            "name": "user_preferences",
            "label": "User Preferences",
            "description": "User's settings and preferences",
            "value": "Preferred temperature unit: Celsius",
        },
        {"name": "conversation_context", "label": "Context", "description": "Current context", "value": ""},
        {"name": "tasks"},
    ]
    held = {block["label"]: block for block in made(org, memory_blocks=blocks)["blocks"]}
    assert set(held) == {"User Preferences", "Context", "tasks", "persona", "human"}
    assert held["User Preferences"]["value"] == "Preferred temperature unit: Celsius"
    assert held["User Preferences"]["metadata"] == {"name": "user_preferences"}
    assert (held["tasks"]["value"], held["tasks"]["description"]) == ("", None)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_configurations_run(org: Org, models: OpenAIServer, example: str) -> None:
    config = EXAMPLES[example]
    shown = org.http.post("/api/agents", json=config).json()
    assert [tool["name"] for tool in shown["client_tools"]] == config["tools"]
    assert [name for name in config["tools"] if any(name in text for text in shown["warnings"])] == config["tools"]
    models.queue(Reply("At once.", calls=((config["tools"][0], {"what": "milk"}),)), Reply("All set."), Reply("Hi."))
    first = say(org, shown["id"], "do it", "a")
    assert heard(first) == "At once."
    (call,) = first["tool_calls"]
    assert (call["name"], call["arguments"]) == (config["tools"][0], {"what": "milk"})
    assert heard(say(org, shown["id"], "and then?", "a")) == "All set."  # nobody ran it, and the talk goes on
    assert "did not run it" in str(models.chats[1].body["messages"])
    assert heard(say(org, shown["id"], "hello", "b")) == "Hi."


RESULTS: Mapping[str, Callable[[Json], Json]] = {
    "by id": lambda call: {"tool_results": [{"tool_call_id": call["id"], "content": "Sunny, 72°F"}]},
    "by name": lambda call: {"tool_results": [{"name": "get_weather", "result": "Sunny, 72°F"}]},
    "the only one": lambda _: {"tool_results": [{"output": "Sunny, 72°F"}]},
    "as a message": lambda call: {"messages": [{"role": "tool", "tool_call_id": call["id"], "content": "Sunny, 72°F"}]},
    "alone": lambda call: {"tool_results": {"tool_call_id": call["id"], "content": "Sunny, 72°F"}},
    "as the body": lambda call: {"role": "tool", "tool_call_id": call["id"], "message": "Sunny, 72°F"},
    "with more": lambda call: {"tool_results": [{"id": call["id"], "content": "Sunny, 72°F"}], "message": "Well?"},
}


@pytest.mark.parametrize("way", RESULTS)
def test_the_weather_tool_is_run_by_the_client(org: Org, models: OpenAIServer, way: str) -> None:
    id = agent(org, tools=[WEATHER])
    models.queue(Reply(calls=(("get_weather", {"location": "Oslo"}),)), Reply("Sunny in Oslo, 72 degrees."))
    asked = say(org, id, "What's the weather in Oslo?", "s")
    assert asked["stop_reason"] == "requires_approval"
    assert isinstance(heard(asked), str)
    (call,) = asked["tool_calls"]
    assert (call["name"], call["arguments"]) == ("get_weather", {"location": "Oslo"})
    offered = {tool["function"]["name"]: tool["function"] for tool in models.chats[0].body["tools"]}
    assert offered["get_weather"]["parameters"]["required"] == ["location"]
    answer = sent(org, id, {"session_id": "s", **RESULTS[way](call)})
    assert heard(answer) == "Sunny in Oslo, 72 degrees."
    assert ("tool", "Sunny, 72°F") in [(each["role"], each["content"]) for each in answer["messages"]]
    assert "Sunny, 72°F" in str(models.chats[1].body["messages"])


def test_results_that_fit_nothing_are_refused(org: Org, models: OpenAIServer) -> None:
    id = agent(org, tools=[WEATHER], llm_config={"model": "gpt-4.1", "parallel_tool_calls": True})
    place = f"/api/agents/{id}/messages"
    nobody = org.http.post(place, json={"session_id": "x", "tool_results": [{"content": "hm"}]})
    assert nobody.status_code == 404 and "no session 'x'" in nobody.text
    models.queue(Reply(calls=(("get_weather", {"location": "A"}), ("get_weather", {"location": "B"}))))
    calls = say(org, id, "both", "s")["tool_calls"]
    unclear = org.http.post(place, json={"session_id": "s", "tool_results": [{"content": "hm"}]})
    assert unclear.status_code == 400 and all(call["id"] in unclear.text for call in calls)
    wrong = {"session_id": "s", "tool_results": [{"id": "call_nothing", "content": "hm"}]}
    assert "call_nothing" in org.http.post(place, json=wrong).json()["detail"]
    models.queue(Reply("Rain in both."))
    named = [{"name": "get_weather", "content": "rain"}, {"name": "get_weather", "content": "rain too"}]
    assert heard(sent(org, id, {"session_id": "s", "tool_results": named})) == "Rain in both."


def test_a_call_that_a_person_must_approve_is_not_given_up(org: Org, models: OpenAIServer) -> None:
    id = agent(
        org,
        tools=["memory_insert"],
        memory_blocks=[{"name": "notes"}],
        tool_rules=[{"type": "requires_approval", "tool_name": "memory_insert"}],
    )
    models.queue(Reply(calls=(("memory_insert", {"label": "notes", "new_string": "x"}),)))
    answer = say(org, id, "note x", "s")
    assert (answer["tool_calls"], answer["pending_approvals"][0]["name"]) == ([], "memory_insert")
    assert org.http.post(f"/api/agents/{id}/messages", json={"message": "go on", "session_id": "s"}).status_code == 409


def test_the_router_example(org: Org, models: OpenAIServer) -> None:
    """Two agents, one session: each has a conversation of its own under the same name."""
    weather, calendar = (agent(org, persona=f"You know the {topic}.") for topic in ("weather", "calendar"))
    models.queue(Reply("Rain."), Reply("A dentist at nine."))
    session = str(uuid4())
    heard_of = [
        heard(say(org, weather if "weather" in text else calendar, text, session))
        for text in ("the weather, please", "what is on today?")
    ]
    assert heard_of == ["Rain.", "A dentist at nine."]
    assert told(org, calendar, session) == [("user", "what is on today?"), ("assistant", "A dentist at nine.")]


def test_a_conversation_is_handed_over(org: Org, models: OpenAIServer) -> None:
    first, second = agent(org, tools=[WEATHER]), agent(org)
    call = ("get_weather", {"location": "Rome"})
    models.queue(Reply("Hello Ann."), Reply(calls=(call,)), Reply("It rains."), Reply("You are Ann."), Reply("Bye."))
    say(org, first, "I am Ann", "s")
    sent(org, first, {"session_id": "s", "tool_results": [{"content": "rain"}]} | _weather(org, first))
    exported = org.http.get(f"/api/agents/{first}/sessions/s/export").json()
    assert exported["agent"]["id"] == first
    taken = org.http.post(f"/api/agents/{second}/sessions/import", json=exported)
    assert taken.status_code == 200, taken.text
    assert told(org, second, "s") == told(org, first, "s")
    assert heard(say(org, second, "Who am I?", "s")) == "You are Ann."
    asked = str(models.chats[-1].body["messages"])
    assert "I am Ann" in asked and "rain" in asked and "Rome" in asked
    back = org.http.get(f"/api/agents/{second}/sessions/s/export").json()
    assert org.http.post(f"/api/agents/{first}/sessions/import", json=back).status_code == 200
    assert told(org, first, "s") == told(org, second, "s")
    assert heard(say(org, first, "Thanks", "s")) == "Bye."


def _weather(org: Org, id: str) -> Json:
    (call,) = say(org, id, "the weather?", "s")["tool_calls"]
    return {"tool_results": [{"id": call["id"], "content": "rain"}]}


def test_an_import_of_a_few_lines(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    lines = [{"role": "user", "content": "I like tea"}, {"role": "assistant", "content": "Noted."}]
    lines += [{"role": "user", "content": ""}, {"role": "assistant", "tool_calls": [{"id": "c", "name": "lost"}]}]
    answer = org.http.post(f"/api/agents/{id}/sessions/import", json={"messages": lines}).json()
    assert told(org, id, answer["session_id"])[:2] == [("user", "I like tea"), ("assistant", "Noted.")]
    assert answer["imported"] == 3
    models.queue(Reply("Tea."))
    assert heard(say(org, id, "What do I like?", answer["session_id"])) == "Tea."


def test_sessions_share_what_the_agent_knows_and_nothing_else(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    models.queue(
        Reply(calls=(("core_memory_append", {"label": "human", "content": "Likes tea."}),)),
        Reply("Noted."),
        Reply("Tea"),
    )
    attached = org.http.get("/v1/tools/", params={"name": "core_memory_append"}).json()
    if attached:
        org.http.patch(f"/v1/agents/{id}/tools/attach/{attached[0]['id']}")
    say(org, id, "secret of session one", "one")
    say(org, id, "hello", "two")
    asked = str(models.chats[-1].body["messages"])
    assert "Likes tea." in asked and "secret of session one" not in asked
    listed = org.http.get(f"/api/agents/{id}/sessions").json()
    assert [each["session_id"] for each in listed] == ["two", "one"]
    assert told(org, id, "one")[0] == ("user", "secret of session one")
    conversation = listed[0]["conversation_id"]
    assert [each["content"] for each in messages(org, f"/v1/conversations/{conversation}/messages", order="asc")][-1:]
    assert org.http.delete(f"/api/agents/{id}/sessions/one").status_code == 200
    assert org.http.get(f"/api/agents/{id}/sessions/one").status_code == 404


def test_a_session_begins_anew(org: Org) -> None:
    id = agent(org)
    say(org, id, "REPLY first", "s")
    before = org.http.get(f"/api/agents/{id}/sessions/s").json()["conversation_id"]
    fresh = org.http.post(f"/api/agents/{id}/sessions/s/reset").json()
    assert fresh["conversation_id"] != before and told(org, id, "s") == []
    assert say(org, id, "REPLY second", "s")["conversation_id"] == fresh["conversation_id"]
    assert messages(org, f"/v1/conversations/{before}/messages", order="asc")[-1]["content"] == "first"
    say(org, id, "REPLY own")
    assert told(org, id, "default")[-1] == ("assistant", "own")
    assert org.http.post(f"/api/agents/{id}/sessions/default/reset").status_code == 200
    assert org.http.delete(f"/api/agents/{id}/sessions/default").status_code == 400


def test_a_session_that_was_idle_for_too_long_begins_anew(org: Org, models: OpenAIServer) -> None:
    id = agent(org, session_idle_hours=1e-9)
    models.queue(Reply("one"), Reply("two"))
    first, second = say(org, id, "first", "s"), say(org, id, "second", "s")
    assert first["conversation_id"] != second["conversation_id"]
    assert told(org, id, "s") == [("user", "second"), ("assistant", "two")]
    assert "first" not in str(models.chats[-1].body["messages"])


def test_sessions_of_one_agent_are_worked_on_at_once_and_one_session_in_order(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    gate = threading.Event()
    models.script = lambda body: Reply(
        "ok", waits=gate if "slow" in str(body["messages"][-1]) and not gate.is_set() else None
    )
    with ThreadPoolExecutor(4) as pool:
        slow = pool.submit(say, org, id, "slow one", "a")
        assert models.asked.wait(30)
        queued = pool.submit(say, org, id, "after it", "a")
        assert heard(say(org, id, "quick", "b")) == "ok"
        assert not slow.done() and not queued.done()
        gate.set()
        assert heard(slow.result(60)) == heard(queued.result(60)) == "ok"
    said = [text for role, text in told(org, id, "a") if role == "user"]
    assert said == ["slow one", "after it"]


def test_sessions_opened_by_many_at_once_are_one(org: Org) -> None:
    id = agent(org)
    with ThreadPoolExecutor(4) as pool:
        answers = [each.result(60) for each in [pool.submit(say, org, id, "REPLY x", "new") for _ in range(4)]]
    assert len({answer["conversation_id"] for answer in answers}) == 1
    assert len(told(org, id, "new")) == 8


def test_threads_and_users_name_sessions_too(org: Org) -> None:
    shown = org.http.post("/api/agents", json={"name": "thoth", "description": "Reads.", "tools": []}).json()
    place = f"/api/agents/{shown['id']}/messages"
    answer = org.http.post(place, json={"message": "REPLY hi", "user_id": "ann", "thread_id": "t-1"}).json()
    assert (answer["message"], answer["thread_id"]) == ("hi", "t-1")
    assert org.http.post(place, json={"message": "REPLY hi", "user_id": 7}).json()["session_id"] == "7"
    assert org.http.post(place, json={"message": "REPLY hi"}).json()["thread_id"] == "default"
    own = say_v1(org, f"agents/{shown['id']}", "REPLY there")["messages"]
    assert own and told(org, shown["id"], "default")[-1] == ("assistant", "there")


def test_what_is_stored_is_found_by_what_it_means(org: Org) -> None:
    id = agent(org)
    place = f"/api/agents/{id}/archival"
    colour = {"content": "User's favorite color is blue", "metadata": {"category": "preferences"}}
    stored = org.http.post(place, json=colour).json()
    assert (stored["content"], stored["metadata"]) == (colour["content"], colour["metadata"])
    org.http.post(place, json={"text": "The dentist is on Monday", "tags": ["dates"]})
    found = org.http.get(f"{place}/search", params={"query": "favorite color", "limit": 1}).json()
    (best,) = found["results"]
    assert (found["count"], best["content"], best["metadata"]) == (1, colour["content"], colour["metadata"])
    assert best["score"] > 0
    assert len(org.http.get(f"{place}/search").json()["results"]) == 2
    assert org.http.delete(f"{place}/{stored['id']}").status_code == 200
    assert org.http.get(f"{place}/search", params={"query": "favorite color"}).json()["count"] <= 1


def test_a_session_survives_a_restart_and_a_password(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server({"LETTA_SERVER_PASSWORD": "open sesame"})
    assert server.http.get("/health").status_code == 200
    assert server.http.get("/api/agents").status_code == 401
    with server.http_as("open sesame") as http:
        id = http.post("/api/agents", json={"name": "tonny-voice-assistant", **TONNY}).json()["id"]
        models.queue(Reply("Hello Ann."), Reply("You are Ann."))
        http.post(f"/api/agents/{id}/messages", json={"message": "I am Ann", "session_id": "s"}).raise_for_status()
        server.restart()
        answer = http.post(f"/api/agents/{id}/messages", json={"message": "Who am I?", "session_id": "s"}).json()
        assert heard(answer) == "You are Ann."
        assert "I am Ann" in str(models.chats[-1].body["messages"])
        assert len(http.get(f"/api/agents/{id}/sessions/s").json()["messages"]) == 4


BAD: list[tuple[str, Any, int, str]] = [
    ("/api/agents", {"name": "bad/name"}, 422, "letters, digits"),
    ("/api/agents", {"tools": ["no good name!"]}, 422, "no good name!"),
    ("/api/agents", {"tools": [WEATHER, WEATHER]}, 422, "get_weather more than once"),
    ("/api/agents", {"tools": [{"description": "nameless"}]}, 422, "tools"),
    ("/api/agents", {"memory_blocks": [{"value": "x"}]}, 422, "`name` or a `label`"),
    ("/api/agents", {"llm_config": {"model": "no such model"}}, 400, "no such model"),
    ("/api/agents", {"llm_config": {"context_window": -1}}, 422, "context_window"),
    ("/api/agents", {"session_idle_hours": 0}, 422, "session_idle_hours"),
    ("/api/agents/{id}/messages", {}, 422, "send a `message`"),
    ("/api/agents/{id}/messages", {"message": ""}, 400, "empty"),
    ("/api/agents/{id}/messages", {"message": "x", "session_id": "k" * 501}, 422, "1 to 500 characters"),
    ("/api/agents/{id}/messages", {"message": "x", "session_id": ["a"]}, 422, "session_id"),
    ("/api/agents/{id}/messages", {"messages": [{"role": "robot", "content": "x"}]}, 422, "role"),
    ("/api/agents/{id}/messages", {"messages": [{"role": "user"}]}, 422, "no `content`"),
    ("/api/agents/{id}/archival", {"content": " "}, 422, "empty"),
    ("/api/agents/{id}/sessions/import", {"messages": [{"role": "wizard"}]}, 422, "role"),
    ("/api/agents/{id}/sessions/import", {"session_id": "default", "messages": []}, 400, "default"),
    ("/api/agents/{id}/sessions/nothing/reset", {}, 404, "no session 'nothing'"),
    ("/api/agents/{id}/sessions/nothing/cancel", {"spoken": "x"}, 404, "no session 'nothing'"),
]


def test_bad_input_is_told_what_is_wrong(org: Org) -> None:
    id = agent(org)
    for path, body, status, reason in BAD:
        answer = org.http.post(path.format(id=id), json=body)
        assert (answer.status_code, reason in answer.text) == (status, True), (path, body, answer.text)
    assert org.http.get(f"/api/agents/{missing('agent')}").status_code == 404
    assert org.http.get("/api/agents/tonny").status_code == 422
    torn = org.http.post(f"/api/agents/{id}/messages", content=b'{"message": "x')
    assert torn.status_code == 422
    strange = {"message": "a\u0000b \ud800", "session_id": "nul\u0000 and \ud800"}
    answer = org.http.post(f"/api/agents/{id}/messages", content=json.dumps(strange).encode())
    assert answer.status_code == 200, answer.text
    assert org.http.get(f"/api/agents/{id}/sessions/a%2Fb").status_code == 404
    slashed = say(org, id, "REPLY in a slash", "a/b?c#d e")
    assert (
        told(org, id, "a%2Fb%3Fc%23d%20e")[-1] == ("assistant", "in a slash") and slashed["session_id"] == "a/b?c#d e"
    )
