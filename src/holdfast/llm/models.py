"""Every model that this server can use: handles to cards, cards to providers, and the lists that clients see."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from holdfast.errors import BadRequest, ModelError, NotFound
from holdfast.llm import catalog, listing
from holdfast.llm.catalog import DEMO, Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.lists import Lists
from holdfast.llm.model import Category, Listed, ModelCard, Provider
from holdfast.llm.reach import Reach
from holdfast.llm.row import USUAL_WINDOW, Row
from holdfast.llm.rows import ROWS

HOSTED = "letta"
FREE = "letta-free"
"""The retired hosted service: agents that name its models follow this server's default."""

MOST_CARDS = 1000


@dataclass(frozen=True, slots=True)
class EmbeddingCard:
    """What an embedding model is."""

    provider: str
    provider_type: str
    name: str
    endpoint: str | None
    dimensions: int
    category: Category = "base"

    @property
    def handle(self) -> str:
        return f"{self.provider}/{self.name}"


BUNDLED = EmbeddingCard("holdfast", "holdfast", "minilm-l6-v2", None, 384)


@dataclass(slots=True)
class _Cards:
    """The cards that were looked up since a provider's list last changed."""

    changes: int = 0
    by_handle: dict[str | None, ModelCard] = field(default_factory=dict[str | None, ModelCard])

    def of(self, changes: int) -> dict[str | None, ModelCard]:
        if changes != self.changes or len(self.by_handle) >= MOST_CARDS:
            self.changes, self.by_handle = changes, {}
        return self.by_handle


class Models:
    """The models of one server, from its configuration; `joined` adds those of an organization.

    Closing it closes the connections to them.
    """

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
        self._lists = Lists(Reach(timeout))
        self._places = _by_name(self._configured)
        self._missed: Callable[[], object] | None = None
        self._kept_cards = _Cards()

    def joined(self, own: Sequence[Configured], missed: Callable[[], object] | None = None) -> "Models":
        """The same models and those of an organization's own providers, whose names come first.

        `missed` hears of a provider that was asked for and is not among them.
        """
        view = copy(self)
        view._missed = missed
        view._kept_cards = _Cards()
        view._configured = [*self._configured, *own]
        view._places = self._places | _by_name(own)
        return view

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
        kept = self._kept_cards.of(self._lists.changes)
        if handle not in kept:
            kept[handle] = self._looked_up(handle)
        return kept[handle]

    def _looked_up(self, handle: str | None) -> ModelCard:
        wanted = _wanted(handle)
        if handle is not None and not handle.strip():
            raise _malformed(handle)
        provider, _, name = self._resolve(wanted or self.default).partition("/")
        if provider == DEMO.provider:
            return self._demo_card(name)
        place, row = self._place(provider)
        return catalog.card_of(row, place, name, self._listed(place, name))

    def chosen(self, handle: str) -> str | None:
        """What is stored of a handle that a client has named; None follows the server's default."""
        return None if _wanted(handle) is None and handle.strip() else self.card(handle).handle

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
        if card.provider not in self._places and row.spoken:
            raise _unset(card, row)
        listed = self._listed(place, card.name)
        return self._lists.reach.provider(replace(place, listed=(listed,) if listed else ()), row)

    async def listed(self, place: Configured) -> list[Listed]:
        """What a provider says that it has, asked for now; its failure is raised."""
        return await self._lists.fetch(place)

    def names(self) -> set[str]:
        """The names that providers of the server have, or may get from its settings."""
        known = {name for row in ROWS for name in (row.type, *row.aliases)}
        return {*known, *self._places, DEMO.provider, HOSTED}

    def embedding_cards(self) -> list[EmbeddingCard]:
        """The embedding models, the bundled one first; the list is never empty."""
        return [BUNDLED, *(card for place in self._configured for card in self._embedders(place))]

    def embedding_card(self, handle: str | None) -> EmbeddingCard:
        """What an embedding handle means; None and the retired hosted ones mean the default."""
        wanted = _wanted(handle) or self._embedding_setting or BUNDLED.handle
        if handle is not None and not handle.strip():
            raise _malformed(handle)
        resolved = self._resolve(wanted)
        if resolved == BUNDLED.handle:
            return BUNDLED
        provider, _, name = resolved.partition("/")
        if provider == BUNDLED.provider:
            raise NotFound(f"There is no embedding model {wanted!r}; the bundled one is {BUNDLED.handle}.")
        place, row = self._place(provider)
        return self._embedder(place, row, name, self._listed(place, name))

    def embedding_place(self, card: EmbeddingCard) -> tuple[Configured, Row, Target, ModelClient]:
        """Where an embedding model is served, and how it is reached."""
        place, row = self._place(card.provider)
        reach = self._lists.reach
        return place, row, reach.target(place, row), reach.client

    def stored_embedding_card(self, handle: str) -> EmbeddingCard:
        """The card of an embedding handle that was accepted once, even if its provider is gone since."""
        try:
            return self.embedding_card(handle)
        except (BadRequest, NotFound):
            provider, _, name = handle.strip().partition("/")
            return EmbeddingCard(provider, provider, name or provider, None, 0)

    def lacks(self, card: ModelCard) -> bool:
        """Whether the program that would serve a model has said that it does not have it."""
        place = self._places.get(card.provider)
        if place is None or not _is_local(place) or self._lists.of(place) is None:
            return False
        return self._listed(place, card.name) is None

    def advice(self) -> str | None:
        """What a program on this machine lacks to serve models, or the default one; known once it was asked."""
        for place in self._configured:
            row = catalog.row_of(place.provider_type)
            if row and row.fetch and self._lists.of(place) == {}:
                way = f"run `{row.fetch} {row.recommended}`; until then the default is {self.default}"
                return f"{place.name} at {place.base_url} has no models yet: {way}."
        card = self.stored_card(None)
        row = catalog.row_of(card.provider_type)
        if not self.lacks(card):
            return None
        way = f"run `{row.fetch} {card.name}`" if row and row.fetch else "load it there"
        return f"{card.provider} has no {card.name}, the default model: {way}, or set HOLDFAST_DEFAULT_MODEL."

    async def settle(self) -> None:
        """Let programs on this machine say which models they have, before the first turn depends on it."""
        await self._lists.settle([place for place in self._configured if _is_local(place)])

    async def close(self) -> None:
        await self._lists.close()

    def _resolve(self, handle: str) -> str:
        """The full form `provider/model` of a handle or of a bare model name."""
        text = handle.strip()
        provider, slash, name = text.partition("/")
        if slash:
            if not provider.strip() or not name.strip():
                raise _malformed(handle)
            return self._spelled(provider.strip(), name.strip())
        if found := next((place for place in self._configured if self._serves(place, text)), None):
            return self._spelled(found.name, text)
        if own := next((card for card in (DEMO, BUNDLED) if card.name == text), None):
            return own.handle
        if guessed := catalog.guess(text):
            return self._spelled(*guessed.split("/", 1))
        if ":" in text and "ollama" in self._places:
            return f"ollama/{text}"
        raise _malformed(handle)

    def meant(self, name: str, served_by: str | None) -> str:
        """A model's name, with the provider that was said beside it when the name alone does not tell."""
        if "/" in name or served_by not in self.names() or _wanted(name) is None:
            return name
        try:
            return self._resolve(name)
        except BadRequest:
            return f"{served_by}/{name}"

    def _spelled(self, provider: str, name: str) -> str:
        """A handle as its provider writes it, however somebody else has used small and large letters."""
        if provider not in self._places and catalog.row_of(provider) is None:
            lower = provider.lower()
            provider = next((known for known in (*self._places, *self.names()) if known.lower() == lower), provider)
        place = self._places.get(provider)
        row = catalog.row_of(place.provider_type if place else provider)
        entries = (place and self._lists.of(place)) or {}
        if name not in entries and not (row and row.known(name)):
            known = (*entries, *(model.name for model in (row.models if row else ())))
            name = next((other for other in known if other.lower() == name.lower()), name)
        return f"{provider}/{name}"

    def _serves(self, place: Configured, name: str) -> bool:
        entries, row = self._lists.of(place), catalog.row_of(place.provider_type)
        known = {model.name for model in (*row.models, *row.embedders)} if row else set[str]()
        names = {each.lower() for each in (known if entries is None else entries)}
        return name.lower() in names or (row is not None and name.lower() + row.tag in names)

    def _place(self, provider: str) -> tuple[Configured, Row]:
        """Where a provider is; one that is known but not configured is where the catalog says."""
        if place := self._places.get(provider):
            row = catalog.row_of(place.provider_type)
        else:
            row = catalog.row_of(provider)
            place = Configured(provider, provider, row.url or "") if row else None
        if place is None or row is None:
            if self._missed is not None:
                self._missed()
            known = ", ".join(sorted({*self._places, *(row.type for row in ROWS), DEMO.provider}))
            raise NotFound(
                f"There is no model provider {provider!r}. Add it with POST /v1/providers/, or choose another model. "
                f"Known ones: {known}."
            )
        return replace(place, name=provider), row

    def _listed(self, place: Configured, name: str) -> Listed | None:
        """What a provider's own list says of a model, whichever of its names the handle has used."""
        row, entries = catalog.row_of(place.provider_type), self._lists.of(self._places.get(place.name, place)) or {}
        return entries.get(name) or entries.get(name + row.tag if row else name)

    def _demo_card(self, name: str) -> ModelCard:
        if name != DEMO.name:
            raise NotFound(f"There is no model holdfast/{name}; the built-in one is {DEMO.handle}.")
        return DEMO

    def _recommended(self, place: Configured) -> str | None:
        """The model of a provider that serves as default: the catalog's choice, if the provider has it."""
        row, entries = catalog.row_of(place.provider_type), self._lists.of(place)
        wanted = row.recommended if row else None
        if row is None or entries is None or (wanted and self._listed(place, wanted)):
            return wanted
        served = [listed for listed in entries.values() if listed.is_chat]
        best = next((listed for listed in served if listed.tools), next(iter(served), None))
        return best.name if best else None if row.local else wanted

    def _cards(self, place: Configured) -> list[ModelCard]:
        row, entries = catalog.row_of(place.provider_type), self._lists.of(place)
        if row is None:
            return []
        if entries is not None:
            return [catalog.card_of(row, place, each.name, each) for each in entries.values() if each.is_chat]
        return [catalog.card_of(row, place, known.name) for known in row.models]

    def _embedders(self, place: Configured) -> list[EmbeddingCard]:
        """A provider's embedding models: those of the catalog, and those of its list whose vectors' length is known."""
        row, entries = catalog.row_of(place.provider_type), self._lists.of(place)
        if row is None:
            return []
        found = {model.name: self._embedder(place, row, model.name, None) for model in row.embedders}
        if entries is not None:
            served = {name.removesuffix(":latest"): listed for name, listed in entries.items()}
            found = {name: card for name, card in found.items() if name in served or not row.local}
            found |= {
                name: self._embedder(place, row, name, listed) for name, listed in served.items() if listed.dimensions
            }
        return list(found.values())

    def _embedder(self, place: Configured, row: Row, name: str, listed: Listed | None) -> EmbeddingCard:
        known = next((model.dimensions for model in row.embedders if model.name == name.removesuffix(":latest")), 0)
        length = (listed and listed.dimensions) or known or listing.known_dimensions(name) or 0
        return EmbeddingCard(place.name, row.type, name, place.base_url, length, place.category)

    async def embedding_list(self) -> "list[EmbeddingCard]":
        """The same, after the providers were asked what they have."""
        await self._lists.refresh(self._configured)
        return self.embedding_cards()

    async def list(self) -> list[ModelCard]:
        """The language models of all configured providers; one that does not answer is shown by its catalog rows."""
        await self._lists.refresh(self._configured)
        cards = [card for place in self._configured for card in self._cards(place)]
        return [*cards, DEMO]


def _is_local(place: Configured) -> bool:
    row = catalog.row_of(place.provider_type)
    return row is not None and row.local


def _wanted(handle: str | None) -> str | None:
    """A handle without surrounding space; None when it is blank or one of the retired hosted service."""
    text = (handle or "").strip()
    hosted = text.lower() == FREE or text.split("/", 1)[0].lower() == HOSTED
    return None if not text or hosted else text


def _by_name(places: Sequence[Configured]) -> dict[str, Configured]:
    """Providers by all their names; of two with the same name the first one has it."""
    return {name: place for place in reversed(places) for name in _names(place)}


def _names(place: Configured) -> Iterable[str]:
    row = catalog.row_of(place.provider_type)
    return dict.fromkeys((place.name, *((row.type, *row.aliases) if row and place.category == "base" else ())))


def _malformed(handle: str) -> BadRequest:
    return BadRequest(
        f"{handle!r} is no model handle. Write provider/model, for example openai/gpt-4.1 or {DEMO.handle}; "
        "GET /v1/models/ lists them."
    )


def _unset(card: ModelCard, row: Row) -> ModelError:
    also = (row.account_env, row.region_env[-1]) if row.account_env else row.url_env if row.needs_both else ()
    names = " and ".join(row.needs or (row.url_env[:1] if row.local else (row.key_env or "its key", *also)))
    return ModelError(
        "llm_authentication", f"{card.handle} needs {names}. Set it in the environment and start the server again."
    )
