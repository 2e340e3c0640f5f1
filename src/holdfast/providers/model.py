"""A provider that an organization has added: its own account with a service, or its own server."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from holdfast.kit.entity import Encrypted, Entity, Hidden, Shape

ProviderType = Literal[
    "anthropic",
    "azure",
    "baseten",
    "bedrock",
    "cerebras",
    "chatgpt_oauth",
    "deepseek",
    "fireworks",
    "google_ai",
    "google_vertex",
    "groq",
    "hugging-face",
    "letta",
    "lmstudio_openai",
    "minimax",
    "moonshot",
    "moonshot_coding",
    "mistral",
    "ollama",
    "openai",
    "together",
    "vllm",
    "sglang",
    "openrouter",
    "xai",
    "zai",
    "zai_coding",
]


def _prefix(name: str) -> str:
    """A name that can stand before the slash of a handle."""
    tidy = name.strip()
    if not tidy or "/" in tidy or not tidy.isprintable():
        raise ValueError("a provider's name is the first half of its models' handles: some text without a slash")
    return tidy


def _sendable(key: str) -> str:
    """A key without surrounding space, made of what a header can carry; some are JSON of several lines."""
    tidy = key.strip()
    if not all(letter.isascii() and (letter.isprintable() or letter.isspace()) for letter in tidy):
        raise ValueError("a key holds plain ASCII characters only")
    return tidy


Text = Annotated[str, Field(max_length=2000)]
Key = Annotated[str, Field(max_length=20_000), AfterValidator(_sendable)]


class ProviderAccess(Shape):
    """How a provider is reached and what it wants to be shown."""

    api_key: Annotated[Key, Encrypted(), Field(repr=False)]
    access_key: Annotated[Key | None, Encrypted()] = Field(default=None, repr=False)
    region: Text | None = None
    base_url: Text | None = None
    api_version: Text | None = None


class ProviderCheck(ProviderAccess):
    """The body of a check: nothing of it is stored."""

    provider_type: ProviderType


class ProviderCreate(ProviderCheck):
    name: Annotated[str, Field(max_length=200), AfterValidator(_prefix)]


class ProviderFilter(Shape):
    """What a list of providers can be narrowed to; the names are those of the query."""

    name: str | None = None
    provider_type: ProviderType | None = None


class StoredProvider(ProviderCreate, Entity):
    """The domain object and the row; V1's JSON, which shows no key, is `wire.shown`."""

    by_administrator: Annotated[bool, Hidden] = False
    """Whether an administrator gave the address, who may name private ones."""
    listed: Annotated[list[dict[str, Any]], Hidden] = Field(default_factory=list[dict[str, Any]])
    """Its models, as it last listed them."""
    last_synced: datetime | None = None
