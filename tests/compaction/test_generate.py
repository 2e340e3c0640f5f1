"""One answer of a model without its agent, and the size of what is embedded (CONTRACT §3.1, §2.11)."""

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org
from tests.messages.talking import agent, missing, of_agent

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.contract("compaction.generate")
def test_a_prompt_is_answered_and_nothing_is_stored(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, "earlier", model=MODEL, memory_blocks=[{"label": "human", "value": "Likes owls."}])
    before = of_agent(org, owner)
    models.queue(Reply("Berlin."))
    answer = org.http.post(
        f"/v1/agents/{owner}/generate", json={"prompt": "Which city?", "system_prompt": "You know cities."}
    )
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["content"], made["model"]) == ("Berlin.", MODEL)
    assert made["usage"]["total_tokens"] > 0
    assert (made["usage"]["step_count"], made["usage"]["run_ids"]) == (1, [])
    (chat,) = models.chats
    assert chat.body["messages"] == [
        {"role": "system", "content": "You know cities."},
        {"role": "user", "content": "Which city?"},
    ]
    assert "tools" not in chat.body
    assert of_agent(org, owner) == before
    assert org.http.get("/v1/runs/", params={"agent_id": owner}).json() == []


@pytest.mark.contract("compaction.generate.options")
def test_the_model_and_the_form_of_the_answer_can_be_chosen(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, model=MODEL)
    models.queue(Reply('{"city": "Rome"}'))
    body = {"prompt": "Which city?", "override_model": "openai/gpt-4.1", "response_schema": SCHEMA}
    made = org.http.post(f"/v1/agents/{owner}/generate", json=body).json()
    assert (made["content"], made["model"]) == ('{"city": "Rome"}', "openai/gpt-4.1")
    (chat,) = models.chats
    assert chat.body["model"] == "gpt-4.1"
    assert chat.body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert len(chat.body["messages"]) == 1


@pytest.mark.contract("compaction.generate.failure")
def test_a_provider_that_fails_is_a_502(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, model=MODEL)
    models.queue(Reply(status=400, error="out of order"))
    failed = org.http.post(f"/v1/agents/{owner}/generate", json={"prompt": "hello"})
    assert failed.status_code == 502
    assert "out of order" in failed.json()["detail"]
    unset = org.http.post(f"/v1/agents/{owner}/generate", json={"prompt": "x", "override_model": "groq/llama"})
    assert unset.status_code == 502
    assert "GROQ_API_KEY" in unset.json()["detail"]


def test_what_cannot_be_asked_is_refused(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, model=MODEL)
    url = f"/v1/agents/{owner}/generate"
    assert org.http.post(url, json={}).status_code == 422
    assert org.http.post(url, json={"prompt": "x", "override_model": "nowhere/model"}).status_code == 404
    assert org.http.post(f"/v1/agents/{missing('agent')}/generate", json={"prompt": "x"}).status_code == 404
    assert models.chats == []


def test_the_demo_model_generates_by_schema(org: Org) -> None:
    owner = agent(org, model="holdfast/demo")
    body = {"prompt": "Which city?", "response_schema": SCHEMA}
    made = org.http.post(f"/v1/agents/{owner}/generate", json=body)
    assert made.status_code == 200, made.text
    assert "city" in made.json()["content"]


@pytest.mark.contract("compaction.storage-size")
def test_nothing_embedded_takes_no_room(org: Org) -> None:
    url = "/v1/embeddings/total_storage_size"
    for headers in ({}, {"storage_unit": "MB"}, {"storage_unit": "GB"}):
        answer = org.http.get(url, headers=headers)
        assert (answer.status_code, answer.text) == (200, "0.0")
    assert org.http.get(url, headers={"storage_unit": "pounds"}).status_code == 422
