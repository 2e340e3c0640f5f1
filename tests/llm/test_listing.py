"""What the various servers say of their models in their lists."""

from dataclasses import replace
from typing import Any

import pytest

from holdfast.llm import catalog, listing
from holdfast.llm.model import Listed
from tests.fakes.openai_server import OpenAIServer
from tests.llm.asking import Asker

ENTRIES: dict[str, tuple[dict[str, Any], Listed]] = {
    "vLLM": ({"id": "qwen", "max_model_len": 40_960}, Listed("qwen", 40_960)),
    "LM Studio, loaded": (
        {
            "id": "qwen3-4b",
            "type": "llm",
            "state": "loaded",
            "max_context_length": 262_144,
            "loaded_context_length": 8_192,
            "capabilities": ["tool_use"],
        },
        Listed("qwen3-4b", 8_192, tools=True, images=False, reasoning=False),
    ),
    "LM Studio, seeing": (
        {"id": "gemma", "type": "vlm", "max_context_length": 131_072},
        Listed("gemma", 131_072, tools=False, images=True, reasoning=False),
    ),
    "LM Studio, embedding": (
        {"id": "text-embedding-nomic-embed-text-v1.5", "type": "embeddings", "max_context_length": 2048},
        Listed("text-embedding-nomic-embed-text-v1.5", 2048, dimensions=768, is_chat=False),
    ),
    "OpenRouter": (
        {
            "id": "anthropic/claude-sonnet-4.5",
            "context_length": 1_000_000,
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "top_provider": {"context_length": 1_000_000, "max_completion_tokens": 64_000},
            "supported_parameters": ["tools", "reasoning", "max_tokens"],
        },
        Listed("anthropic/claude-sonnet-4.5", 1_000_000, 64_000, tools=True, images=True, reasoning=True),
    ),
    "OpenRouter, drawing": (
        {
            "id": "some/painter",
            "context_length": 4096,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["image"]},
        },
        Listed("some/painter", 4096, tools=False, images=False, reasoning=False, is_chat=False),
    ),
    "llama.cpp": ({"id": "x.gguf", "meta": {"n_ctx_train": 32_768}}, Listed("x.gguf", 32_768)),
    "llama.cpp, told": ({"id": "x", "meta": {"n_ctx_train": 32_768, "n_ctx": 4096}}, Listed("x", 4096)),
    "Together": ({"id": "m", "type": "chat", "context_length": 131_072}, Listed("m", 131_072)),
    "Together, painting": ({"id": "flux", "type": "image"}, Listed("flux", is_chat=False)),
    "Groq": (
        {"id": "llama", "active": True, "context_window": 131_072, "max_completion_tokens": 32_768},
        Listed("llama", 131_072, 32_768),
    ),
    "Mistral": (
        {
            "id": "pixtral",
            "max_context_length": 131_072,
            "capabilities": {"completion_chat": True, "function_calling": True, "vision": True},
        },
        Listed("pixtral", 131_072, tools=True, images=True, reasoning=False),
    ),
    "Mistral, not for chats": (
        {"id": "ocr", "capabilities": {"completion_chat": False, "vision": True}},
        Listed("ocr", tools=False, images=True, reasoning=False, is_chat=False),
    ),
    "Fireworks": (
        {"id": "k", "supports_chat": True, "supports_image_input": False, "supports_tools": True},
        Listed("k", tools=True, images=False),
    ),
    "Hugging Face": (
        {
            "id": "m",
            "providers": [
                {"provider": "a", "context_length": 131_072, "supports_tools": False},
                {"provider": "b", "context_length": 32_768, "supports_tools": True},
            ],
        },
        Listed("m", 32_768, tools=True),
    ),
    "Azure": ({"id": "my-chat", "model": "gpt-4.1", "status": "succeeded"}, Listed("my-chat", serves="gpt-4.1")),
}


@pytest.mark.parametrize("server", ENTRIES)
def test_every_server_in_its_own_words(server: str) -> None:
    entry, listed = ENTRIES[server]
    assert listing.listed_of(entry) == listed


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"id": None},
        {"id": 7},
        {"id": " "},
        {"id": "resting", "active": False},
    ],
)
def test_entries_that_name_nothing(entry: dict[str, Any]) -> None:
    assert listing.listed_of(entry) is None


@pytest.mark.parametrize("odd", [None, -1, 0, "8192", True, 1.5, 10**12, [], {}])
def test_odd_facts_are_no_facts(odd: Any) -> None:
    names = ("context_length", "meta", "architecture", "capabilities", "supported_parameters", "providers", "model")
    listed = listing.listed_of({"id": "m", **dict.fromkeys(names, odd)})
    assert listed is not None
    assert listed.window is None


NO_LISTS: list[Any] = [None, 3, "x", {}, {"data": 1}, {"data": [None, 1, [], "x"]}, [[], None]]


@pytest.mark.parametrize("body", NO_LISTS)
def test_lists_that_are_none(body: Any) -> None:
    assert listing.listed_all(body) == []


async def test_lm_studio_is_asked_what_it_has_loaded(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.pages["/api/v0/models"] = {"data": [ENTRIES["LM Studio, loaded"][0], ENTRIES["LM Studio, embedding"][0]]}
    try:
        models = ask.models({"LMSTUDIO_BASE_URL": f"http://127.0.0.1:{scripted.port}"})
        cards = {card.handle: card.context_window for card in await models.list()}
    finally:
        scripted.pages.clear()
    assert cards["lmstudio_openai/qwen3-4b"] == 8_192
    assert models.card("lmstudio/qwen3-4b").context_window == 8_192, "its other name is the same provider"
    assert "lmstudio_openai/text-embedding-nomic-embed-text-v1.5" in {card.handle for card in models.embedding_cards()}


async def test_llama_cpp_is_asked_how_much_it_serves(ask: Asker, scripted: OpenAIServer) -> None:
    before = scripted.models
    scripted.models = [{"id": "x", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131_072}}]
    scripted.pages["/props"] = {"default_generation_settings": {"n_ctx": 8_192}}
    try:
        models = ask.models({"OPENAI_API_BASE": scripted.url})
        await models.list()
        assert models.card("openai/x").context_window == 8_192
    finally:
        scripted.models = before
        scripted.pages.clear()


async def test_azure_lists_deployments(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.pages["/openai/deployments"] = {"data": [ENTRIES["Azure"][0]]}
    try:
        models = ask.models({"AZURE_API_KEY": "k", "AZURE_BASE_URL": f"http://127.0.0.1:{scripted.port}/openai/v1/"})
        [card] = [card for card in await models.list() if card.provider == "azure"]
    finally:
        scripted.pages.clear()
    assert (card.name, card.context_window, card.images) == ("my-chat", 1_047_576, True)


async def test_openrouter_shows_its_list_to_anybody_so_the_key_is_looked_at(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.pages["/v1/key"] = {"data": {}}
    [place] = catalog.configured({"OPENROUTER_API_KEY": "k"})
    models = ask.models({})
    try:
        found = await models.listed(replace(place, base_url=scripted.url))
    finally:
        scripted.pages.clear()
    assert found
    assert [request.path for request in scripted.requests] == ["/v1/key", "/v1/models"]
