"""One turn says the same in every mode: JSON, streams of both kinds, the background, resumed, lists (DESIGN, law 3)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, messages, of_agent, say
from tests.turns.backgrounds import background, over, read
from tests.turns.listening import Event, streamed, user
from tests.turns.test_tokens import added_up
from tests.turns.test_tokens import messages as said_in

NOTES: Json = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert"]}
INSERT = ("memory_insert", {"label": "notes", "new_string": "Likes “tea”. 茶 😀"})
NATIVE = (
    Reply("Noting this down.", calls=(INSERT,), reasoning="It matters. It really does."),
    Reply("Noted, dear friend.", reasoning="Done."),
)
HEARTBEATS = (
    Reply(calls=((INSERT[0], {"thinking": "It matters.", **INSERT[1], "request_heartbeat": True}),)),
    Reply(
        calls=(("send_message", {"thinking": "Done.", "message": "Noted, dear friend.", "request_heartbeat": False}),)
    ),
)
KINDS: dict[str, tuple[Json, tuple[Reply, ...]]] = {
    "native": (NOTES, NATIVE),
    "heartbeats": ({**NOTES, "agent_type": "memgpt_v2_agent", "tools": ["memory_insert", "send_message"]}, HEARTBEATS),
}

Mode = Callable[[Org, str], list[Json]]


def _as_json(org: Org, owner: str) -> list[Json]:
    return say(org, f"agents/{owner}", "I like tea")["messages"]


def _by_step(org: Org, owner: str) -> list[Json]:
    return said_in(_whole(streamed(org, f"agents/{owner}", "I like tea")))


def _by_token(org: Org, owner: str) -> list[Json]:
    return added_up(_whole(streamed(org, f"agents/{owner}", "I like tea", stream_tokens=True)))


def _in_background(org: Org, owner: str) -> list[Json]:
    return added_up(_whole(streamed(org, f"agents/{owner}", "I like tea", stream_tokens=True, background=True)))


def _resumed(org: Org, owner: str) -> list[Json]:
    """A client that reads some events, loses its connection, and reads on: from every event there is."""
    with background(org, f"agents/{owner}", "I like tea", stream_tokens=True, include_pings=False) as found:
        run = next(found).json["run_id"]
    over(org, run)
    whole = read(org, run)
    for at in range(1, len(whole)):
        assert [event.data for event in read(org, run, at)] == [event.data for event in whole[at:]]
    return added_up(_whole(whole))


def _asynchronously(org: Org, owner: str) -> list[Json]:
    run = org.http.post(f"/v1/agents/{owner}/messages/async", json=user("I like tea")).raise_for_status().json()["id"]
    return over(org, run)["metadata"]["result"]["messages"]


def _listed(org: Org, owner: str) -> list[Json]:
    say(org, f"agents/{owner}", "I like tea")
    return [m for m in of_agent(org, owner, order="asc") if m["run_id"] and m["message_type"] != "user_message"]


def _of_run(org: Org, owner: str) -> list[Json]:
    run = say(org, f"agents/{owner}", "I like tea")["usage"]["run_ids"][0]
    return [m for m in messages(org, f"/v1/runs/{run}/messages") if m["message_type"] != "user_message"]


def _whole(found: list[Event]) -> list[Event]:
    assert found[-1].data == "[DONE]"
    assert [event.kind for event in found].count("stop_reason") == 1
    return found


MODES: dict[str, Mode] = {
    "steps": _by_step,
    "tokens": _by_token,
    "background": _in_background,
    "resumed": _resumed,
    "async": _asynchronously,
    "listed": _listed,
    "of the run": _of_run,
}


@pytest.mark.contract("turns.stream.same-as-json")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_says_the_same(org: Org, models: OpenAIServer, kind: str, mode: str) -> None:
    fields, script = KINDS[kind]
    models.queue(*script, *script)
    expected = _as_json(org, agent(org, **fields))
    found = MODES[mode](org, agent(org, **fields))
    assert list(map(told, found)) == list(map(told, expected))


def told(message: Json) -> Json:
    """What a message tells, in whatever form it came."""
    kept: dict[str, Any] = {"type": message["message_type"]}
    for name in ("content", "reasoning", "source", "signature", "status", "tool_return"):
        if message.get(name) is not None:
            kept[name] = message[name]
    if message["message_type"] == "tool_call_message":
        calls = message["tool_calls"]
        kept["calls"] = [(call["name"], call["arguments"]) for call in calls]
    return kept
