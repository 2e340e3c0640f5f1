"""Which providers there are, how each is configured, and what its models can do: the data is in `rows.py`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from holdfast.errors import ModelError
from holdfast.kit.egress import Guard
from holdfast.llm import sizes
from holdfast.llm.model import Category, Listed, ModelCard
from holdfast.llm.row import Known, Row
from holdfast.llm.rows import ROWS


@dataclass(frozen=True, slots=True)
class Configured:
    """A provider that can be used: from the environment, or stored by a user."""

    name: str
    provider_type: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float | None = None
    category: Category = "base"
    id: str | None = None
    """Of the row that an organization has stored."""
    region: str | None = None
    access_key: str | None = field(default=None, repr=False)
    """With it `api_key` is the secret that signs requests, and is never sent."""
    session_token: str | None = field(default=None, repr=False)
    api_version: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, hash=False)
    """What else the environment says of it: the variables that its row names."""
    guard: Guard | None = None
    """Checks where connections go, when an organization gave the address."""
    listed: tuple[Listed, ...] = field(default=(), repr=False, compare=False)
    """What is known from its list, which does not make it another provider."""

    def said_of(self, name: str) -> Listed:
        return next((each for each in self.listed if each.name == name), Listed(name))


_BY_NAME = {name: row for row in ROWS for name in (row.type, *row.aliases)}

DEMO = ModelCard(
    provider="holdfast",
    provider_type="openai",
    name="demo",
    endpoint="holdfast://demo",
    context_window=128_000,
    max_output_tokens=4096,
    parallel_tools=False,
    display_name="Holdfast demo (rules, no key)",
)

_ALIASES = {
    "claude-sonnet-4.5": "claude-sonnet-4-5",
    "claude-haiku-4.5": "claude-haiku-4-5",
    "claude-opus-4.5": "claude-opus-4-5",
}

_PREFIXES = (
    (("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-3", "text-embedding-ada"), "openai"),
    (("claude-",), "anthropic"),
    (("gemini-", "text-embedding-004"), "google_ai"),
    (("grok-",), "xai"),
    (("deepseek-",), "deepseek"),
    (("mistral-", "ministral-", "magistral-", "codestral-", "devstral-", "pixtral-"), "mistral"),
    (("glm-",), "zai"),
    (("kimi-", "moonshot-"), "moonshot"),
    (("minimax-",), "minimax"),
)

_IMAGE_WORDS = re.compile(
    r"gpt-4o|gpt-4\.1|gpt-5|claude|gemini|gemma-?3|pixtral|llava|vision|-vl\b|-vl-|vl:|llama-?4", re.IGNORECASE
)
_REASONING_WORDS = re.compile(
    r"^(o[134](-|$)|gpt-5|gpt-oss)|/(o[134](-|$)|gpt-5|gpt-oss)|deepseek-r|reason|think", re.IGNORECASE
)
_DATED = re.compile(r"-\d{4}-\d\d-\d\d$|-\d{8}$|-latest$|:latest$")
_NOT_CHAT = re.compile(
    r"embed|whisper|tts|dall-e|moderation|transcribe|realtime|audio|gpt-image|sora|babbage|davinci|rerank|bge-|minilm|imagen|guard",
    re.IGNORECASE,
)


def guess(bare: str) -> str | None:
    """The handle that a model name without a provider most likely means."""
    name = _ALIASES.get(bare.lower(), bare)
    for prefixes, provider in _PREFIXES:
        if name.lower().startswith(prefixes):
            return f"{provider}/{name}"
    return None


def is_chat(model_id: str) -> bool:
    """Whether an entry of a provider's list is a language model, by its name."""
    return _NOT_CHAT.search(model_id) is None


def card_of(row: Row, place: Configured, name: str, listed: Listed | None = None) -> ModelCard:
    """What is known of a model: what its provider says of it, else the catalog, else guessed from its name."""
    said = listed or place.said_of(name)
    known = _known(row, said.serves or name)
    tools = known.tools if said.tools is None else said.tools
    return ModelCard(
        provider=place.name,
        provider_type=row.type,
        name=name,
        endpoint=place.base_url,
        context_window=said.window or known.window,
        max_output_tokens=said.output or known.output,
        tools=tools,
        parallel_tools=tools and row.dialect.parallel_tool_calls,
        images=known.images if said.images is None else said.images,
        reasoning=known.reasoning if said.reasoning is None else said.reasoning,
        category=place.category,
        provider_id=place.id,
        usual_window=said.usual or row.usual_window,
        parameters=said.parameters or sizes.of_name(said.serves or name),
        is_local=row.local or sizes.is_near(place.base_url),
    )


def _known(row: Row, name: str) -> Known:
    """The catalog's entry, or what a name suggests; dated versions of a model are like it."""
    if known := row.known(name) or row.known(_DATED.sub("", name)):
        return known
    return Known(
        name, row.window, images=bool(_IMAGE_WORDS.search(name)), reasoning=bool(_REASONING_WORDS.search(name))
    )


def configured(environment: Mapping[str, str]) -> list[Configured]:
    """The providers that the environment sets up, in the order in which one of them becomes the default."""
    found = (_from_environment(row, environment) for row in ROWS if row.spoken)
    return [place for place in found if place is not None]


def _from_environment(row: Row, environment: Mapping[str, str]) -> Configured | None:
    def value(name: str | None) -> str | None:
        return (environment.get(name) or "").strip() or None if name else None

    if row.region_env:
        return _in_region(row, value)
    key = value(row.key_env)
    url = next((found for name in row.url_env if (found := value(name))), None)
    if (row.needs_both or row.local) and url is None:
        return None
    facts = {name: said for name in row.facts if (said := value(name))}
    if (url is None and row.url is None) or any(name not in facts for name in row.needs):
        return None
    version = value(row.version_env)
    address = base_url(row, url or row.url or "", version)
    keyless = row.local or bool(row.needs) or (url is not None and address != row.url and not row.needs_both)
    if key is None and not keyless:
        return None
    return Configured(value(row.name_env) or row.type, row.type, address, key, api_version=version, facts=facts)


def _in_region(row: Row, value: Callable[[str | None], str | None]) -> Configured | None:
    """A provider with an address per region, set up by a pair of keys or by one that is sent."""
    region, url = (
        next((found for name in names if (found := value(name))), None) for names in (row.region_env, row.url_env)
    )
    token, pair = value(row.bearer_env), (value(row.account_env), value(row.key_env))
    if region is None or not (token or all(pair)):
        return None
    place = Configured(row.type, row.type, (url or "").rstrip("/"), token or pair[1], region=region)
    if token is None:
        place = replace(place, access_key=pair[0], session_token=value(row.session_env))
    return replace(place, base_url=regional_url(row, place))


def regional_url(row: Row, place: Configured) -> str:
    """Where a provider is in a place's region, unless the place has an address of its own."""
    if place.base_url and place.base_url != row.url:
        return place.base_url
    if not re.fullmatch(r"[a-z0-9-]{1,40}", place.region or ""):
        raise ModelError("llm_bad_request", f"{place.region!r} is no region of {place.name}. Write it like us-east-1.")
    return (row.url or "").format(region=place.region)


def base_url(row: Row, address: str, version: str | None = None) -> str:
    """The address below which the API is found, however it was written."""
    url = address.strip().rstrip("/")
    if "://" not in url:
        url = f"http://{url}"
    url = url.partition("?")[0].rstrip("/")
    for ending in (*row.endings, "/completions", "/models", "/embeddings"):
        url = url.removesuffix(ending).rstrip("/")
    if row.deployments:
        return _azure(url, version)
    scheme, _, rest = url.partition("://")
    _, _, path = rest.partition("/")
    if row.local:
        url = re.sub(r"/api(/v\d+)?$", "", url).rstrip("/")
    if row.is_below_any_path:
        return url if re.search(r"/v\d+\w*$", url) else url + row.version
    return url if path else f"{scheme}://{rest}{row.version}"


def _azure(url: str, version: str | None) -> str:
    """The resource's address: with a dated API version its root, below which each deployment has a path of its own."""
    root = re.sub(r"/openai(/.*)?$", "", url)
    return root if is_dated(version) else f"{root}/openai/v1"


def is_dated(version: str | None) -> bool:
    """Whether an API version of Azure is one of the dated ones, which have paths of their own."""
    return re.match(r"\d{4}-\d\d-\d\d", version or "") is not None


def row_of(provider_type: str) -> Row | None:
    """The row of a provider's type, or of another name that handles give it."""
    return _BY_NAME.get(provider_type)
