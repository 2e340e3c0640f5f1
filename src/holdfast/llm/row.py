"""One provider of the catalog: how it is set up, how its server departs from the protocol, what its models can do."""

from dataclasses import dataclass, field

USUAL_WINDOW = 128_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server departs from the plain chat-completions protocol."""

    max_tokens: str = "max_tokens"
    """The field that limits the answer's length."""
    reasoning_effort: bool = False
    verbosity: bool = False
    thinking: bool = False
    """Whether it takes Z.AI's `thinking` object."""
    parallel_tool_calls: bool = True
    fixed_temperature: bool = False
    """Whether its reasoning models refuse a temperature and penalties."""
    required: str = "required"
    """Its word for "some tool must be called"."""
    reasoning_back: str | None = None
    """The field in which it wants its own reasoning sent back."""
    hides_reasoning: bool = False
    """Whether its reasoning models think without showing what."""
    stream_usage: bool = True
    """Whether it must be asked to count tokens at the end of a stream."""
    json_schema: bool = True
    """Whether it takes a schema for its answer, or only the wish for JSON."""
    strict: bool = False
    """Whether it can be bound to the schemas of tools and answers."""
    logprobs: bool = True
    token_ids: bool = False
    """Whether it tells the numbers of its tokens."""
    cache_marks: tuple[str, ...] = ()
    """How the names of models begin whose cached prefix must be marked."""
    short_ids: bool = False
    """Whether ids of tool calls must be nine letters and digits."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model that the catalog describes."""

    name: str
    window: int
    output: int | None = None
    images: bool = False
    reasoning: bool = False
    tools: bool = True


@dataclass(frozen=True, slots=True)
class KnownEmbedder:
    name: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Row:
    """One provider."""

    type: str
    """V1's `provider_type`, which is also the first half of its handles."""
    endpoint_type: str
    """V1's `model_endpoint_type`."""
    key_env: str | None = None
    url_env: tuple[str, ...] = ()
    url: str | None = None
    """Where it is when nothing else is set; None: it is configured by its address."""
    version: str = "/v1"
    """The path of its API below an address that has none."""
    under_path: bool = False
    """Whether `version` follows whatever path an address has."""
    needs_both: bool = False
    """Whether both key and address must be set."""
    region_env: tuple[str, ...] = ()
    """What says in which region it is asked; `url` then has a place for it."""
    account_env: str | None = None
    """The variable with the public half of a pair of keys, of which `key_env` is the secret one."""
    session_env: str | None = None
    bearer_env: str | None = None
    """The variable with a key that is sent, instead of the pair."""
    recommended: str | None = None
    models: tuple[Known, ...] = ()
    embedders: tuple[KnownEmbedder, ...] = ()
    window: int = USUAL_WINDOW
    """The window assumed for a model that the catalog does not know."""
    usual_window: int | None = None
    """The window of agents that name none, when its models can have more than most machines have memory for."""
    timeout: float = 600.0
    local: bool = False
    start: str | None = None
    """The command that starts such a program."""
    key_header: str = "authorization"
    key_path: str | None = None
    """What to ask for to see whether a key is valid, when anybody may see the list of models."""
    list_path: str | None = None
    """A list of models below the server's root that says more than the protocol's own."""
    deployments: bool = False
    """Whether models are reached by names that the user gave them (Azure)."""
    version_env: str | None = None
    """The variable that holds the version of its API."""
    headers: tuple[tuple[str, str], ...] = ()
    """What each request says besides."""
    dialect: Dialect = field(default_factory=Dialect)
    elsewhere: Dialect | None = None
    """How a server at another address than `url` speaks, when the provider's own server has ways of its own."""
    aliases: tuple[str, ...] = ()
    """Further names of it in handles."""
    endings: tuple[str, ...] = ("/chat/completions", "/messages")
    """What people write at the end of its address that is not part of it."""
    fetch: str = ""
    """The command that gets one of its models, before the model's name."""
    tag: str = ""
    """What its models' names end with when nothing else is said."""
    facts: tuple[str, ...] = ()
    """Further variables that its wire reads."""
    needs: tuple[str, ...] = ()
    """Those of them without which it is not configured."""
    name_env: str | None = None
    """The variable that gives it another name in handles."""
    wire: str = "openai"
    """The protocol that its server speaks; `llm/wires.py` has them."""
    spoken: bool = True
    """Whether Holdfast speaks its protocol; handles of the others can be stored, but not used."""
    missing: str = ""
    """What a user of an unspoken provider can do."""

    @property
    def is_below_any_path(self) -> bool:
        """Whether `version` follows whatever path the address has, rather than taking the place of a missing one."""
        return self.local or self.under_path

    def dialect_at(self, address: str) -> Dialect:
        return self.dialect if self.elsewhere is None or address == self.url else self.elsewhere

    def known(self, name: str) -> Known | None:
        return next((model for model in self.models if model.name == name), None)
