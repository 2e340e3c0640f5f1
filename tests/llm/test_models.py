"""Handles, defaults, providers from the environment, and the lists of models."""

import asyncio
from dataclasses import replace
from typing import get_args

import pytest
from letta_client.types import Model

from holdfast.errors import BadRequest, ModelError, NotFound
from holdfast.llm import catalog, lists
from holdfast.llm.catalog import DEMO
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.llm.asking import HELLO, Asker, hear

OPENAI = {"OPENAI_API_KEY": "sk-test"}


def test_without_any_key_the_demo_is_the_default(ask: Asker) -> None:
    models = ask.models({})
    assert models.default == "holdfast/demo"
    assert models.card(None) == DEMO
    assert models.provider(DEMO).preview(HELLO) == {"model": "gpt-4o-mini"}


@pytest.mark.parametrize("blank", ["", "   "])
def test_blank_is_unset(blank: str) -> None:
    assert catalog.configured({"OPENAI_API_KEY": blank, "OLLAMA_BASE_URL": blank}) == []


def test_the_first_configured_provider_gives_the_default(ask: Asker) -> None:
    assert ask.models({"GROQ_API_KEY": "k", **OPENAI}).default == "openai/gpt-4.1"
    assert ask.models({"GROQ_API_KEY": "k"}).default == "groq/llama-3.3-70b-versatile"


def test_the_setting_wins(ask: Asker) -> None:
    assert ask.models(OPENAI, default="gpt-4o-mini").default == "openai/gpt-4o-mini"
    assert ask.models(OPENAI, default="letta/letta-free").default == "openai/gpt-4.1"
    assert ask.models(OPENAI, default=" ").default == "openai/gpt-4.1"


async def test_a_local_provider_offers_a_model_that_it_has(ask: Asker, scripted: OpenAIServer) -> None:
    models = ask.models({"LMSTUDIO_BASE_URL": scripted.url})
    assert models.default == "holdfast/demo"
    await models.settle()
    assert models.default == "lmstudio_openai/gpt-4o-mini"


@pytest.mark.parametrize("hosted", ["letta/letta-free", "letta/auto", " letta/letta-free "])
def test_hosted_handles_mean_the_default(ask: Asker, hosted: str) -> None:
    models = ask.models(OPENAI)
    assert models.card(hosted).handle == "openai/gpt-4.1"
    assert models.embedding_card(hosted).handle == "holdfast/minilm-l6-v2"


@pytest.mark.parametrize(
    ("bare", "handle"),
    [
        ("gpt-4.1", "openai/gpt-4.1"),
        ("o3-mini", "openai/o3-mini"),
        ("claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "anthropic/claude-3-5-haiku-latest"),
        ("gemini-2.5-pro", "google_ai/gemini-2.5-pro"),
        ("grok-4", "xai/grok-4"),
        ("deepseek-chat", "deepseek/deepseek-chat"),
        ("qwen3:4b", "ollama/qwen3:4b"),
        ("gemma3:12b", "ollama/gemma3:12b"),
    ],
)
def test_bare_names(ask: Asker, bare: str, handle: str) -> None:
    assert ask.models({"OLLAMA_BASE_URL": "localhost:11434"}).card(bare).handle == handle


def test_bare_embedding_names(ask: Asker) -> None:
    card = ask.models(OPENAI).embedding_card("text-embedding-3-small")
    assert (card.handle, card.dimensions) == ("openai/text-embedding-3-small", 1536)


@pytest.mark.parametrize("handle", ["", "  ", "/", "openai/", "/gpt-4.1", "openai/  ", "something"])
def test_malformed_handles(ask: Asker, handle: str) -> None:
    with pytest.raises(BadRequest, match="provider/model") as caught:
        ask.models(OPENAI).card(handle)
    assert handle.strip() in caught.value.detail


def test_unknown_providers(ask: Asker) -> None:
    with pytest.raises(NotFound, match=r"nosuch.*openai"):
        ask.models(OPENAI).card("nosuch/model")
    with pytest.raises(NotFound, match="holdfast/demo"):
        ask.models(OPENAI).card("holdfast/nosuch")


def test_a_stored_handle_can_be_shown_after_its_provider_is_gone(ask: Asker) -> None:
    models = ask.models(OPENAI)
    card = models.stored_card("gone/model-x")
    assert (card.handle, card.context_window) == ("gone/model-x", 128_000)
    assert models.stored_card("openai/gpt-4o") == models.card("openai/gpt-4o")
    with pytest.raises(NotFound, match="gone"):
        models.provider(card)


def test_model_names_may_hold_slashes(ask: Asker) -> None:
    card = ask.models({"OPENROUTER_API_KEY": "k"}).card("openrouter/meta-llama/llama-4")
    assert (card.provider, card.name, card.images) == ("openrouter", "meta-llama/llama-4", True)


def test_cards_know_the_model(ask: Asker) -> None:
    models = ask.models(OPENAI)
    known, unknown = models.card("openai/gpt-4.1"), models.card("openai/gpt-7-preview")
    assert (known.context_window, known.images, known.reasoning) == (1_047_576, True, False)
    assert (unknown.context_window, unknown.tools) == (128_000, True)
    assert models.card("openai/gpt-5-mini").reasoning


@pytest.mark.parametrize(
    ("handle", "says"),
    [
        ("openai/gpt-4.1", "OPENAI_API_KEY"),
        ("gpt-4.1", "OPENAI_API_KEY"),
        ("openai-proxy/gpt-4.1", "OPENAI_API_KEY"),
        ("groq/llama-3.3-70b-versatile", "GROQ_API_KEY"),
        ("ollama/qwen3:8b", "OLLAMA_BASE_URL"),
        ("azure/gpt-4.1", "AZURE_API_KEY and AZURE_BASE_URL"),
        ("claude-sonnet-4.5", "ANTHROPIC_API_KEY"),
        ("bedrock/x", "AWS_SECRET_ACCESS_KEY and AWS_ACCESS_KEY_ID and AWS_DEFAULT_REGION"),
        ("google_ai/gemini-2.5-flash", "GEMINI_API_KEY"),
        ("google_vertex/gemini-2.5-flash", "GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION"),
    ],
)
def test_a_known_model_without_its_key_can_be_stored_but_not_asked(ask: Asker, handle: str, says: str) -> None:
    models = ask.models({})
    card = models.card(handle)
    assert card.context_window > 0
    with pytest.raises(ModelError, match=says) as caught:
        models.provider(card)
    assert caught.value.code == "llm_authentication"


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
async def test_every_spelling_of_an_address(ask: Asker, scripted: OpenAIServer, suffix: str) -> None:
    address = f"http://127.0.0.1:{scripted.port}{suffix}"
    for variable in ("LMSTUDIO_BASE_URL", "VLLM_API_BASE", "SGLANG_API_BASE", "OPENAI_API_BASE"):
        models = ask.models({variable: address})
        [provider] = catalog.configured({variable: address})
        heard = await hear(models.provider(models.card(f"{provider.name}/gpt-4o-mini")), HELLO)
        assert heard.error is None, variable
        assert scripted.chats[-1].path == "/v1/chat/completions"
        assert "authorization" not in scripted.chats[-1].headers


@pytest.mark.parametrize(
    ("name", "address", "base"),
    [
        ("OLLAMA_BASE_URL", "localhost:11434", "http://localhost:11434"),
        ("OLLAMA_BASE_URL", "http://host:11434/api/", "http://host:11434"),
        ("OLLAMA_BASE_URL", "https://host/ollama/v1/", "https://host/ollama"),
        ("LMSTUDIO_BASE_URL", "localhost:1234/api/", "http://localhost:1234/v1"),
        ("ZAI_BASE_URL", "https://api.z.ai/api/paas/v4/", "https://api.z.ai/api/paas/v4"),
        ("OPENAI_API_BASE", "https://proxy.example/openai", "https://proxy.example/openai"),
        ("AZURE_BASE_URL", "https://mine.openai.azure.com/", "https://mine.openai.azure.com/openai/v1"),
    ],
)
def test_base_urls(name: str, address: str, base: str) -> None:
    [place] = catalog.configured(
        {name: address, "ZAI_API_KEY": "", "AZURE_API_KEY": "k", name.split("_")[0] + "_API_KEY": "k"}
    )
    assert place.base_url == base


async def test_azure_sends_its_key_in_its_own_header(ask: Asker, scripted: OpenAIServer) -> None:
    models = ask.models({"AZURE_API_KEY": "secret", "AZURE_BASE_URL": f"http://127.0.0.1:{scripted.port}"})
    await hear(models.provider(models.card("azure/gpt-4.1")), HELLO)
    assert scripted.chats[-1].path == "/openai/v1/chat/completions"
    assert scripted.chats[-1].headers["api-key"] == "secret"


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("2024-10-21", "/openai/deployments/my%20chat/chat/completions?api-version=2024-10-21"),
        ("preview", "/openai/v1/chat/completions?api-version=preview"),
        ("v1", "/openai/v1/chat/completions"),
        ("", "/openai/v1/chat/completions"),
    ],
)
@pytest.mark.parametrize("suffix", ["", "/", "/openai", "/openai/v1/", "/openai/deployments/x/chat/completions?a=b"])
async def test_azures_api_versions(ask: Asker, scripted: OpenAIServer, version: str, path: str, suffix: str) -> None:
    address = f"http://127.0.0.1:{scripted.port}{suffix}"
    models = ask.models({"AZURE_API_KEY": "k", "AZURE_BASE_URL": address, "AZURE_API_VERSION": version})
    await hear(models.provider(models.card("azure/my chat")), replace(HELLO, model="my chat"))
    assert scripted.requests[-1].path == path


@pytest.mark.parametrize(
    ("written", "handle"),
    [
        ("OpenAI/gpt-4.1", "openai/gpt-4.1"),
        ("openai/GPT-4.1", "openai/gpt-4.1"),
        ("GPT-4.1-Mini", "openai/gpt-4.1-mini"),
        ("Claude-Sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        (" openai / gpt-4.1 ", "openai/gpt-4.1"),
        ("openai/My-Own", "openai/My-Own"),
        ("HuggingFace/openai/gpt-oss-20b", "huggingface/openai/gpt-oss-20b"),
        ("glm-4.6", "zai/glm-4.6"),
    ],
)
def test_handles_however_they_are_spelled(ask: Asker, written: str, handle: str) -> None:
    assert ask.models(OPENAI).card(written).handle == handle


def test_dated_names_are_known(ask: Asker) -> None:
    assert ask.models(OPENAI).card("openai/gpt-4.1-2025-04-14").context_window == 1_047_576


async def test_one_slow_provider_holds_nobody_up(ask: Asker, scripted: OpenAIServer) -> None:
    """Who looks again while a list is being asked for waits for that answer, and asks no second time."""
    models = ask.models({**OPENAI, "OPENAI_API_BASE": scripted.url})
    view = models.joined([])
    found = await asyncio.gather(*(each.list() for each in (models, view, models, view)))
    assert len({len(each) for each in found}) == 1
    assert len(scripted.requests) == 1


async def test_a_list_outlives_its_provider(
    ask: Asker, scripted: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LIST_LIFETIME", 0.0)
    models = ask.models({"VLLM_API_BASE": scripted.url})
    before = {card.handle for card in await models.list()}
    scripted.models_status = 500
    try:
        assert {card.handle for card in await models.list()} == before
    finally:
        scripted.models_status = 200
    assert len(scripted.requests) == 2


def test_types_that_the_client_knows_are_in_the_catalog() -> None:
    kinds = get_args(Model.model_fields["provider_type"].annotation)
    assert [kind for kind in kinds if catalog.row_of(kind) is None] == ["letta"]


async def test_openai_proxy_is_openai_at_another_address(ask: Asker, scripted: OpenAIServer) -> None:
    models = ask.models({**OPENAI, "OPENAI_API_BASE": scripted.url})
    card = models.card("openai-proxy/gpt-4o-mini")
    assert (card.handle, card.provider_type) == ("openai-proxy/gpt-4o-mini", "openai")
    assert (await hear(models.provider(card), HELLO)).text


def test_vllm_under_another_name(ask: Asker) -> None:
    models = ask.models({"VLLM_API_BASE": "http://localhost:8000", "VLLM_HANDLE_BASE": "farm"})
    assert models.card("farm/qwen").handle == "farm/qwen"
    assert models.card("vllm/qwen").endpoint == "http://localhost:8000/v1"


async def test_the_list_is_the_providers_own(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.models.append({"id": "tiny", "max_model_len": 4096})
    try:
        models = ask.models({**OPENAI, "OPENAI_API_BASE": scripted.url})
        cards = {card.handle: card for card in await models.list()}
        assert cards["openai/tiny"].context_window == 4096
        assert models.card("openai/tiny").context_window == 4096
        assert models.card("tiny").handle == "openai/tiny", "a bare name that a provider lists is that provider's"
        assert models.card("openai/not-listed").handle == "openai/not-listed", "lists can be stale"
        assert "openai/text-embedding-3-small" not in cards
        assert "holdfast/demo" in cards
    finally:
        scripted.models.pop()


async def test_lists_are_asked_for_once_a_minute(ask: Asker, scripted: OpenAIServer) -> None:
    models = ask.models({**OPENAI, "OPENAI_API_BASE": scripted.url})
    await asyncio.gather(models.list(), models.list())
    await models.list()
    assert len(scripted.requests) == 1


async def test_a_dead_provider_costs_only_its_own_live_rows(ask: Asker, scripted: OpenAIServer) -> None:
    models = ask.models({**OPENAI, "OPENAI_API_BASE": "http://127.0.0.1:9", "VLLM_API_BASE": scripted.url})
    handles = [card.handle for card in await models.list()]
    assert "openai/gpt-4.1" in handles
    assert "vllm/gpt-4o" in handles


@pytest.mark.parametrize("data", [[], [None], [{"name": "no id"}]])
async def test_a_list_that_is_of_no_use(ask: Asker, scripted: OpenAIServer, data: list[object]) -> None:
    before, scripted.models = scripted.models, data  # pyright: ignore[reportAttributeAccessIssue] -- that is the point
    try:
        models = ask.models({**OPENAI, "OPENAI_API_BASE": scripted.url})
        assert "openai/gpt-4.1" in [card.handle for card in await models.list()]
    finally:
        scripted.models = before


async def test_embedding_models(ask: Asker) -> None:
    handles = [card.handle for card in ask.models({}).embedding_cards()]
    assert handles == ["holdfast/minilm-l6-v2"]
    models = ask.models({**OPENAI, "OPENAI_API_BASE": "http://127.0.0.1:9"})
    await models.list()
    cards = {card.handle: card.dimensions for card in models.embedding_cards()}
    assert cards == {
        "holdfast/minilm-l6-v2": 384,
        "openai/text-embedding-3-small": 1536,
        "openai/text-embedding-3-large": 3072,
    }


async def test_one_timeout_for_all_or_the_providers_own(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply("late", delay=2))
    models = ask.models({"VLLM_API_BASE": scripted.url}, timeout=0.1)
    heard = await hear(models.provider(models.card("vllm/x")), HELLO)
    assert heard.error is not None
    assert "0.1 seconds" in heard.error.detail
