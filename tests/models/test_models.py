"""Which models agents can run on, and which ones can embed."""

import pytest

from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org

CONFIG = ("model", "model_endpoint_type", "context_window", "handle", "temperature", "max_tokens")


@pytest.mark.contract("models.list")
def test_models_come_in_both_generations_names(org: Org) -> None:
    rows = {row["handle"]: row for row in org.http.get("/v1/models/").json()}
    row = rows["openai/gpt-4o-mini"]
    assert row["name"] == row["model"] == "gpt-4o-mini"
    assert row["provider_type"] == "openai"
    assert row["max_context_window"] == row["context_window"] == 128_000
    assert all(name in row for name in CONFIG)
    assert "holdfast/demo" in rows


@pytest.mark.contract("models.filters")
def test_models_can_be_chosen_by_provider(org: Org) -> None:
    def handles(**query: str) -> set[str]:
        return {row["handle"] for row in org.http.get("/v1/models/", params=query).json()}

    assert handles(provider_name="holdfast") == {"holdfast/demo"}
    assert "openai/gpt-4o-mini" in handles(provider_type="openai")
    assert "openai/gpt-4o-mini" in handles(provider_category="base")
    assert handles(provider_category="byok") == set()
    assert handles(provider_name="nobody") == set()


@pytest.mark.contract("models.embedding")
def test_there_is_always_an_embedding_model(org: Org) -> None:
    bundled = org.http.get("/v1/models/embedding").json()[0]
    assert bundled["handle"] == "holdfast/minilm-l6-v2"
    assert bundled["embedding_dim"] == 384
    assert {"embedding_model", "embedding_endpoint_type", "embedding_chunk_size", "batch_size"} <= bundled.keys()


@pytest.mark.contract("models.list")
def test_without_any_key_the_lists_are_not_empty(fresh_server: FreshServer) -> None:
    server = fresh_server({"OPENAI_API_KEY": "", "OPENAI_API_BASE": ""})
    assert [row["handle"] for row in server.http.get("/v1/models/").json()] == ["holdfast/demo"]
    assert len(server.http.get("/v1/models/embedding").json()) == 1


@pytest.mark.contract("models.dead-provider")
def test_a_dead_provider_costs_nothing_but_its_own_live_rows(fresh_server: FreshServer) -> None:
    server = fresh_server({"OPENAI_API_KEY": "x", "OPENAI_API_BASE": "http://127.0.0.1:9/v1"})
    handles = [row["handle"] for row in server.http.get("/v1/models/").json()]
    assert "holdfast/demo" in handles
    assert "openai/gpt-4o-mini" in handles
