"""`/metrics`: what monitoring reads, as text and as JSON, and who may see what."""

import re

from tests.facades.tonny import agent, say
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.server import Server
from tests.harness.tenants import Org

USAGE = {"prompt_tokens": 200, "completion_tokens": 34, "total_tokens": 234}
LINE = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+)')


def test_the_last_turns_of_an_organization_as_json(org: Org, models: OpenAIServer) -> None:
    as_json = {"Accept": "application/json"}
    before = org.http.get("/metrics", headers=as_json).json()
    nothing = {"llm_latency_ms": None, "token_count": None, "turns": 0}
    assert before == {"llm_latency_ms": None, "token_count": None, "model": None, "average": nothing}
    id = agent(org)
    models.queue(Reply("one", usage=USAGE), Reply("two", usage={**USAGE, "total_tokens": 236}))
    say(org, id, "hello")
    after = org.http.get("/metrics", headers=as_json).json()
    assert (after["token_count"], after["model"], after["average"]["turns"]) == (234, "gpt-4.1", 1)
    assert after["llm_latency_ms"] >= 0
    say(org, id, "hello")
    assert org.http.get("/metrics", headers=as_json).json()["average"]["token_count"] == 235


def test_the_server_as_text(org: Org, server: Server, models: OpenAIServer) -> None:
    models.queue(Reply("one", usage=USAGE))
    say(org, agent(org), "hello")
    answer = server.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    names = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    assert names >= {
        *("holdfast_info", "holdfast_turns_at_work", "holdfast_turns_waiting", "holdfast_requests_total"),
        *("holdfast_turns_total", "holdfast_tokens_total", "holdfast_turn_seconds_count"),
        *("holdfast_first_token_seconds_bucket", "holdfast_request_seconds_sum"),
    }
    kinds = [line for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds))


def test_a_tenant_sees_its_own_numbers_alone(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("one", usage=USAGE))
    say(org, agent(org), "hello")
    text = org.http.get("/metrics").text
    assert "holdfast_last_token_count 234" in text and "holdfast_requests_total" not in text
