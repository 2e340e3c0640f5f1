"""Vertex AI with an organization's own service account."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.gemini_server import GeminiServer
from tests.fakes.google_tokens import TokenServer, service_account
from tests.fakes.openai_script import Reply
from tests.harness.tenants import Org
from tests.providers.conftest import Json
from tests.providers.test_own_models import agent, say


@pytest.fixture(scope="module")
def google() -> Iterator[tuple[GeminiServer, TokenServer]]:
    with GeminiServer() as gemini, TokenServer() as tokens:
        gemini.accepts = {f"token-{number}" for number in range(50)}
        yield gemini, tokens


def _body(google: tuple[GeminiServer, TokenServer], **more: str) -> Json:
    gemini, tokens = google
    key = json.dumps(service_account(tokens), indent=2)
    given = {"name": "gcp", "provider_type": "google_vertex", "api_key": key, "region": "europe-west4"}
    return {**given, "base_url": gemini.url, **more}


@pytest.mark.contract("providers.handles")
def test_an_agent_runs_on_an_own_project(
    org: Org, boss: httpx.Client, google: tuple[GeminiServer, TokenServer]
) -> None:
    made = boss.post("/v1/providers/", json=_body(google))
    assert made.status_code == 200, made.text
    assert "PRIVATE KEY" not in made.text
    gemini, tokens = google
    gemini.queue(Reply("from my own project"))
    answer = say(org.http, agent(org.http, "gcp/gemini-2.5-flash")).json()
    assert answer["messages"][-1]["content"] == "from my own project"
    assert "/projects/my-project/locations/europe-west4/" in gemini.requests[-1].path
    assert tokens.claims[-1]["iss"] == "agent@my-project.iam.gserviceaccount.com"


def test_a_key_that_is_none_says_what_it_must_be(boss: httpx.Client, google: tuple[GeminiServer, TokenServer]) -> None:
    refused = boss.post("/v1/providers/check", json=_body(google, api_key="AIza-1"))
    assert refused.status_code == 401, refused.text
    assert "key file of a service account" in refused.text
