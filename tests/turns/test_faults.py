"""Models that fail, in every mode: the run ends as it should, and the agent can be used."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Engine, Fleet
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.backgrounds import over
from tests.turns.listening import Later, active, kinds, streamed, user
from tests.turns.test_tool_calls import INSERT, NOTES

SILENCE_S = 1
"""How long the server of these tests lets a model be silent."""

LIMIT_S = 15
"""How long a run may take that waits for nothing but such a silence; a bound for hangs, not a measurement."""

WORDS = "one two three four five six seven eight"

Mode = Callable[[Org, str], Json]
"""Sends a message and gives back the error that the client is told of, if there is one."""


def _as_json(org: Org, owner: str) -> Json:
    answer = org.http.post(f"/v1/agents/{owner}/messages", json=user("hello")).json()
    found: Json = answer.get("error") or {}
    return {"type": found["type"], "message": found["message"]} if found else {}


def _streaming(**body: bool) -> Mode:
    def mode(org: Org, owner: str) -> Json:
        found = streamed(org, f"agents/{owner}", "hello", **body)
        assert found[-1].kind == "[DONE]"
        assert kinds(found).count("stop_reason") == 1
        errors = [event.json for event in found if event.name == "error"]
        return {"type": errors[0]["error_type"], "message": errors[0]["message"]} if errors else {}

    return mode


def _asynchronously(org: Org, owner: str) -> Json:
    run = org.http.post(f"/v1/agents/{owner}/messages/async", json=user("hello")).raise_for_status().json()["id"]
    found: Json = over(org, run)["metadata"].get("error") or {}
    return {"type": found["type"], "message": found["message"]} if found else {}


MODES: Mapping[str, Mode] = {
    "json": _as_json,
    "steps": _streaming(),
    "tokens": _streaming(stream_tokens=True),
    "background steps": _streaming(background=True),
    "background tokens": _streaming(background=True, stream_tokens=True),
    "async": _asynchronously,
}

FAULTS: Mapping[str, tuple[Reply, int, str]] = {
    "silent from the start": (Reply("late", delay=60), 1, "llm_timeout"),
    "silent after some text": (
        Reply(chunks=({"choices": [{"index": 0, "delta": {"content": "one "}}]}, "{}"), chunk_delay=60),
        1,
        "stream_incomplete",
    ),
    "cut after some text": (Reply(WORDS, cut_after=4), 1, "stream_incomplete"),
    "an error after some text": (
        Reply(chunks=({"choices": [{"index": 0, "delta": {"content": "one "}}]}, {"error": {"message": "no memory"}})),
        1,
        "stream_incomplete",
    ),
    "too busy": (Reply(status=429, headers={"retry-after": "0"}), 3, "llm_rate_limit"),
    "busy for an hour": (Reply(status=429, headers={"retry-after": "3600"}), 1, "llm_rate_limit"),
}
"""What the model's server does, how often it is asked before that is believed, and what the client is told."""


@pytest.fixture(scope="module")
def impatient_servers() -> dict[Engine, Server]:
    return {}


@pytest.fixture
def org(
    engine: Engine, shared: Fleet, impatient_servers: dict[Engine, Server], model_env: Mapping[str, str]
) -> Iterator[Org]:
    """An organization on a server that does not wait long for its models."""
    if engine not in impatient_servers:
        env = {**model_env, "HOLDFAST_LLM_TIMEOUT_SECONDS": str(SILENCE_S)}
        impatient_servers[engine] = shared.make(engine, env).start()
    server = impatient_servers[engine]
    before = len(server.log)
    yield new_org(server)
    assert "Traceback" not in server.log[before:]


def _check_next(org: Org, models: OpenAIServer, owner: str) -> None:
    """Nothing is left at work, and the next turn is like any other."""
    assert not active(org, owner)
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
    roles = [message["role"] for message in models.chats[-1].body["messages"]]
    assert roles == ["system", "user"], "of a step that failed nothing is kept"


@pytest.mark.contract("turns.faults.model")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_that_fails_ends_the_run_in_every_mode(org: Org, models: OpenAIServer, fault: str) -> None:
    reply, attempts, kind = FAULTS[fault]
    models.queue(*[reply] * attempts * len(MODES))
    owners = {mode: agent(org) for mode in MODES}
    told = {mode: Later(lambda mode=mode: MODES[mode](org, owners[mode])) for mode in MODES}
    errors = {mode: each.result(LIMIT_S) for mode, each in told.items()}
    assert {mode: error.get("type") for mode, error in errors.items()} == dict.fromkeys(MODES, kind)
    assert len({error["message"] for error in errors.values()}) == 1, "every mode says the same"
    assert len(models.chats) == attempts * len(MODES)
    for owner in owners.values():
        (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
        assert (run["status"], run["stop_reason"]) == ("failed", "llm_api_error")
        assert run["metadata"]["error"]["type"] == kind
        _check_next(org, models, owner)


@pytest.mark.contract("turns.faults.later")
def test_what_was_stored_before_a_model_failed_is_kept(org: Org, models: OpenAIServer) -> None:
    owners = {mode: agent(org, **NOTES) for mode in MODES}
    for mode, owner in owners.items():
        models.queue(Reply("I write it down.", calls=(INSERT,)), Reply(WORDS, cut_after=4))
        assert MODES[mode](org, owner)["type"] == "stream_incomplete"
        assert texts(of_agent(org, owner, order="asc")) == ["hello", "I write it down."]
        assert not active(org, owner)
        say(org, f"agents/{owner}", "REPLY on")
        assert [message["role"] for message in models.chats[-1].body["messages"]] == [
            *("system", "user", "assistant", "tool", "user"),
        ]


@pytest.mark.contract("turns.faults.storm")
def test_a_storm_of_refusals_that_passes_is_not_noticed(org: Org, models: OpenAIServer) -> None:
    owners = [agent(org) for _ in range(4) for _ in MODES]
    modes = list(MODES.values()) * 4
    models.always = Reply(status=429, headers={"retry-after": "2"})
    told = [Later(lambda mode=mode, owner=owner: mode(org, owner)) for mode, owner in zip(modes, owners, strict=True)]
    until(lambda: len(models.chats) >= len(owners), "the first refusal of every turn")
    models.always = None
    assert [each.result(LIMIT_S) for each in told] == [{}] * len(owners)
    for owner in owners:
        assert len(texts(of_agent(org, owner))) == 2
        assert not active(org, owner)
