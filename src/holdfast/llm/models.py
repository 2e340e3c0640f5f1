"""Every model that this server can use: handles to cards, cards to providers, and the lists that clients see."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from holdfast.errors import BadRequest, ModelError, NotFound
from holdfast.llm import catalog
from holdfast.llm.catalog import DEMO, Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.model import Listed, ModelCard, Provider
from holdfast.llm.row import USUAL_WINDOW, Row
from holdfast.llm.rows import ROWS
from holdfast.llm.wires import WIRES

LIST_SECONDS = 3.0
LIST_LIFETIME = 60.0
RETRY_LIFETIME = 5.0
"""How long a provider that did not answer is left alone."""
HOSTED = "letta"
"""The retired hosted service: agents that name its models follow this server's default."""


@dataclass(frozen=True, slots=True)
class EmbeddingCard:
    """What an embedding model is."""

    provider: str
    provider_type: str
    name: str
    endpoint: str | None
    dimensions: int

    @property
    def handle(self) -> str:
        return f"{self.provider}/{self.name}"


BUNDLED = EmbeddingCard("holdfast", "holdfast", "minilm-l6-v2", None, 384)


@dataclass(frozen=True, slots=True)
class _Live:
    """What a provider's own list last said, None when it never answered, and when it was asked."""

    entries: dict[str, Listed] | None
    asked: float
    failed: bool


class Models:
    """The models of one server, from its configuration. Closing it closes the connections to them."""

    def __init__(
        self,
        configured: Sequence[Configured],
        demo: Provider,
        *,
        default: str | None = None,
        default_embedding: str | None = None,
        timeout: float | None = None,
        max_context_window: int = 128_000,
    ) -> None:
        self.max_context_window = max_context_window
        """The window of agents that chose none is at most this large."""
        self._configured = list(configured)
        self._demo = demo
        self._setting = _wanted(default)
        self._embedding_setting = _wanted(default_embedding)
        self._timeout = timeout
        self._client = ModelClient()
        self._places = {name: place for place in reversed(self._configured) for name in _names(place)}
        self._live: dict[str, _Live] = {}
        self._listing = asyncio.Lock()

    @property
    def default(self) -> str:
        """The handle of agents that name no model."""
        if self._setting:
            return self._resolve(self._setting)
        for place in self._configured:
            if name := self._recommended(place):
                return f"{place.name}/{name}"
        return DEMO.handle

    def card(self, handle: str | None) -> ModelCard:
        """What a handle means; None and handles of the retired hosted service mean the default."""
        wanted = _wanted(handle)
        if handle is not None and not handle.strip():
            raise _malformed(handle)
        provider, _, name = self._resolve(wanted or self.default).partition("/")
        if provider == DEMO.provider:
            return self._demo_card(name)
        place, row = self._place(provider)
        live = self._live.get(place.name)
        listed = (live.entries or {}).get(name) if live else None
        return catalog.card_of(row, place, name, listed)

    def stored_card(self, handle: str | None) -> ModelCard:
        """The card of a handle that was accepted once, for showing it, even if its provider is gone since."""
        try:
            return self.card(handle)
        except (BadRequest, NotFound):
            provider, _, name = (handle or self.default).strip().partition("/")
            return ModelCard(provider, provider, name or provider, "", USUAL_WINDOW)

    def provider(self, card: ModelCard) -> Provider:
        """What serves a model, or an error that names what is missing for it."""
        if card.provider == DEMO.provider:
            return self._demo
        place, row = self._place(card.provider)
        if not row.spoken:
            raise ModelError("llm_bad_request", f"{card.handle} cannot be used here yet. {row.missing}")
        if card.provider not in self._places:
            raise _unset(card, row)
        return WIRES[row.wire](self._client, place, row, self._target(place, row))

    def embedding_cards(self) -> list[EmbeddingCard]:
        """The embedding models, the bundled one first; the list is never empty."""
        return [BUNDLED, *(card for place in self._configured for card in self._embedders(place))]

    def embedding_card(self, handle: str | None) -> EmbeddingCard:
        """What an embedding handle means; None and the retired hosted ones mean the default."""
        wanted = _wanted(handle) or self._embedding_setting or BUNDLED.handle
        if handle is not None and not handle.strip():
            raise _malformed(handle)
        if wanted == BUNDLED.handle:
            return BUNDLED
        provider, _, name = self._resolve(wanted).partition("/")
        if provider == BUNDLED.provider:
            raise NotFound(f"There is no embedding model {wanted!r}; the bundled one is {BUNDLED.handle}.")
        place, row = self._place(provider)
        known = next((model.dimensions for model in row.embedders if model.name == name.removesuffix(":latest")), 0)
        return EmbeddingCard(place.name, row.type, name, place.base_url, known)

    async def close(self) -> None:
        await self._client.close()

    def _resolve(self, handle: str) -> str:
        """The full form `provider/model` of a handle or of a bare model name."""
        text = handle.strip()
        provider, slash, name = text.partition("/")
        if slash:
            if not provider or not name.strip():
                raise _malformed(handle)
            return text
        if found := next((place for place in self._configured if self._serves(place, text)), None):
            return f"{found.name}/{text}"
        if guessed := catalog.guess(text):
            return guessed
        if ":" in text and "ollama" in self._places:
            return f"ollama/{text}"
        raise _malformed(handle)

    def _serves(self, place: Configured, name: str) -> bool:
        live, row = self._live.get(place.name), catalog.row_of(place.provider_type)
        if live and live.entries is not None:
            return name in live.entries
        return row is not None and (row.known(name) is not None or any(known.name == name for known in row.embedders))

    def _place(self, provider: str) -> tuple[Configured, Row]:
        """Where a provider is; one that is known but not configured is where the catalog says."""
        if place := self._places.get(provider):
            row = catalog.row_of(place.provider_type)
        else:
            row = catalog.row_of(provider)
            place = Configured(provider, provider, row.url or "") if row else None
        if place is None or row is None:
            known = ", ".join(sorted({*self._places, *(row.type for row in ROWS), DEMO.provider}))
            raise NotFound(f"There is no model provider {provider!r}. Known ones: {known}.")
        return (place if place.name == provider else _renamed(place, provider)), row

    def _target(self, place: Configured, row: Row, timeout: float | None = None) -> Target:
        headers: dict[str, str] = {}
        if place.api_key:
            bearer = row.key_header == "authorization"
            headers[row.key_header] = f"Bearer {place.api_key}" if bearer else place.api_key
        return Target(
            provider=place.name,
            base_url=place.base_url,
            headers=headers,
            timeout=timeout or place.timeout or self._timeout or row.timeout,
            key_env=row.key_env if place.category == "base" else None,
            url_env=row.url_env[0] if row.url_env and place.category == "base" else None,
            local=row.local,
        )

    def _demo_card(self, name: str) -> ModelCard:
        if name != DEMO.name:
            raise NotFound(f"There is no model holdfast/{name}; the built-in one is {DEMO.handle}.")
        return DEMO

    def _recommended(self, place: Configured) -> str | None:
        """The model of a provider that serves as default: the catalog's choice, if the provider has it."""
        row, live = catalog.row_of(place.provider_type), self._live.get(place.name)
        wanted = row.recommended if row else None
        if live is None or live.entries is None or wanted in live.entries:
            return wanted
        return next((name for name, listed in live.entries.items() if listed.is_chat), wanted)

    def _cards(self, place: Configured) -> list[ModelCard]:
        row, live = catalog.row_of(place.provider_type), self._live.get(place.name)
        if row is None:
            return []
        if live and live.entries is not None:
            return [catalog.card_of(row, place, each.name, each) for each in live.entries.values() if each.is_chat]
        return [catalog.card_of(row, place, known.name) for known in row.models]

    def _embedders(self, place: Configured) -> list[EmbeddingCard]:
        row, live = catalog.row_of(place.provider_type), self._live.get(place.name)
        known = row.embedders if row else ()
        if live and live.entries is not None and row and row.local:
            served = {name.removesuffix(":latest") for name in live.entries}
            known = tuple(model for model in known if model.name in served)
        return [
            EmbeddingCard(place.name, place.provider_type, model.name, place.base_url, model.dimensions)
            for model in known
        ]

    async def _refresh(self) -> None:
        async with self._listing:
            now = time.monotonic()
            stale = [place for place in self._configured if self._is_stale(place, now)]
            answers = await asyncio.gather(*(self._ask(place) for place in stale))
            for place, answer in zip(stale, answers, strict=True):
                before = self._live.get(place.name)
                self._live[place.name] = _Live(
                    answer or (before.entries if before else None), now, failed=answer is None
                )

    def _is_stale(self, place: Configured, now: float) -> bool:
        live = self._live.get(place.name)
        return live is None or live.asked < now - (RETRY_LIFETIME if live.failed else LIST_LIFETIME)

    async def _ask(self, place: Configured) -> dict[str, Listed] | None:
        """A provider's list by model name; None when it has none for us in time."""
        row = catalog.row_of(place.provider_type)
        if row is None:
            return None
        try:
            provider = WIRES[row.wire](self._client, place, row, self._target(place, row, LIST_SECONDS))
            async with asyncio.timeout(LIST_SECONDS):
                found = await provider.models()
        except (ModelError, TimeoutError):
            return None
        return {listed.name: listed for listed in found} or None

    async def list(self) -> list[ModelCard]:
        """The language models of all configured providers; one that does not answer is shown by its catalog rows."""
        await self._refresh()
        cards = [card for place in self._configured for card in self._cards(place)]
        return [*cards, DEMO]


def _wanted(handle: str | None) -> str | None:
    """A handle without surrounding space; None when it is blank or one of the retired hosted service."""
    text = (handle or "").strip()
    return None if not text or text.split("/", 1)[0] == HOSTED else text


def _names(place: Configured) -> Iterable[str]:
    row = catalog.row_of(place.provider_type)
    return dict.fromkeys((place.name, *((row.type, *row.aliases) if row and place.category == "base" else ())))


def _renamed(place: Configured, name: str) -> Configured:
    """A provider under the alias by which a handle names it, so that the handle stays as written."""
    return replace(place, name=name)


def _malformed(handle: str) -> BadRequest:
    return BadRequest(
        f"{handle!r} is no model handle. Write provider/model, for example openai/gpt-4.1 or {DEMO.handle}; "
        "GET /v1/models/ lists them."
    )


def _unset(card: ModelCard, row: Row) -> ModelError:
    also = (row.account_env, row.region_env[-1]) if row.account_env else row.url_env if row.needs_both else ()
    names = " and ".join(row.url_env[:1] if row.local else (row.key_env or "its key", *also))
    return ModelError(
        "llm_authentication", f"{card.handle} needs {names}. Set it in the environment and start the server again."
    )
