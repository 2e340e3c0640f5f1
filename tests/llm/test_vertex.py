"""Vertex AI: addresses of regions, and tokens of Google Cloud from every kind of credentials."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from holdfast.kit.egress import Egress, Guard
from holdfast.llm import catalog
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.model import Call
from holdfast.llm.models import Models
from holdfast.llm.vertex import Vertex
from tests.fakes.gemini_server import GeminiServer
from tests.fakes.google_tokens import TokenServer, pem, service_account
from tests.fakes.openai_script import Reply
from tests.harness.network import OutsideCallError
from tests.llm.asking import Asker, Heard, hear, message

HELLO = Call("gemini-2.5-flash", [message("system", "You are brief."), message("user", "hello")])
PROJECT = {"GOOGLE_CLOUD_PROJECT": "my-project", "GOOGLE_CLOUD_LOCATION": "europe-west4"}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[GeminiServer, TokenServer]]:
    with GeminiServer() as gemini, TokenServer() as tokens:
        yield gemini, tokens


@pytest.fixture
def server(served: tuple[GeminiServer, TokenServer]) -> GeminiServer:
    served[0].reset()
    served[0].accepts = {f"token-{number}" for number in range(10)}
    return served[0]


@pytest.fixture
def tokens(served: tuple[GeminiServer, TokenServer]) -> TokenServer:
    served[1].requests.clear()
    served[1].claims.clear()
    served[1].lasts = 3600
    return served[1]


@pytest.fixture
def account(tokens: TokenServer) -> dict[str, Any]:
    return service_account(tokens)


def of(ask: Asker, server: GeminiServer, tmp_path: Path, credentials: Any = None, **more: str) -> Models:
    environment = {**PROJECT, "GOOGLE_VERTEX_BASE_URL": server.url, "HOME": str(tmp_path), **more}
    if credentials is not None:
        path = tmp_path / "credentials.json"
        path.write_text(credentials if isinstance(credentials, str) else json.dumps(credentials))
        environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    return ask.models(environment)


async def say(models: Models, **changed: Any) -> Heard:
    call = replace(HELLO, **changed)
    return await hear(models.provider(models.card(f"google_vertex/{call.model}")), call)


async def test_a_service_account(
    ask: Asker, server: GeminiServer, tokens: TokenServer, tmp_path: Path, account: dict[str, Any]
) -> None:
    models = of(ask, server, tmp_path, account)
    heards = await asyncio.gather(*(say(models) for _ in range(5)))
    assert {heard.text for heard in heards} == {"ok"}
    assert tokens.given == 1, "one token serves all who wait for it"
    [claim] = tokens.claims
    assert (claim["iss"], claim["aud"]) == (account["client_email"], account["token_uri"])
    assert claim["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claim["exp"] - claim["iat"] == 3600
    request = server.requests[0]
    where = "/v1beta1/projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash"
    assert request.path == f"{where}:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-user-project"] == "my-project"


async def test_a_token_is_replaced_before_its_end(
    ask: Asker, server: GeminiServer, tokens: TokenServer, tmp_path: Path, account: dict[str, Any]
) -> None:
    tokens.lasts = 200
    models = of(ask, server, tmp_path, account)
    await say(models)
    await say(models)
    assert tokens.given == 2


async def test_a_token_that_is_refused_is_replaced_once(
    ask: Asker, server: GeminiServer, tokens: TokenServer, tmp_path: Path, account: dict[str, Any]
) -> None:
    server.accepts = {"token-2"}
    models = of(ask, server, tmp_path, account)
    assert (await say(models)).text == "ok"
    server.accepts = set()
    heard = await say(models)
    assert heard.error is not None
    assert heard.error.code == "llm_authentication"
    assert tokens.given == 3


async def test_a_users_login_and_the_machines_own_account(
    ask: Asker, server: GeminiServer, tokens: TokenServer, tmp_path: Path
) -> None:
    login = {
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "good",
        "token_uri": f"{tokens.url}/token",
    }
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text(json.dumps(login))
    assert (await say(of(ask, server, tmp_path))).text == "ok"
    assert tokens.to("/token")
    machine = of(ask, server, tmp_path / "empty", GCE_METADATA_HOST=tokens.url.removeprefix("http://"))
    assert (await say(machine)).text == "ok"
    assert tokens.requests[-1].path.endswith("/service-accounts/default/token")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"private_key": "none"}, "no private key"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "not RSA"),
        ({"type": "external_account"}, "external_account"),
        ({"type": "authorized_user", "refresh_token": "bad"}, "does not accept the credentials"),
        ("{", "is not JSON"),
        ("[]", "a service account"),
    ],
)
async def test_credentials_that_are_of_no_use(
    ask: Asker, server: GeminiServer, tmp_path: Path, account: dict[str, Any], changed: Any, says: str
) -> None:
    heard = await say(of(ask, server, tmp_path, changed if isinstance(changed, str) else {**account, **changed}))
    assert heard.error is not None
    assert heard.error.code == "llm_authentication"
    assert says in heard.error.detail
    assert "credentials.json" in heard.error.detail
    assert "PRIVATE KEY" not in heard.error.detail + heard.error.explanation


async def test_no_credentials_at_all(ask: Asker, server: GeminiServer, tmp_path: Path) -> None:
    heard = await say(of(ask, server, tmp_path, GCE_METADATA_HOST="127.0.0.1:9"))
    assert heard.error is not None
    assert "gcloud auth application-default login" in heard.error.detail
    gone = of(ask, server, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "gone.json"))
    heard = await say(gone)
    assert heard.error is not None
    assert "gone.json cannot be read" in heard.error.detail


async def test_the_list(ask: Asker, server: GeminiServer, tmp_path: Path, account: dict[str, Any]) -> None:
    cards = [card.handle for card in await of(ask, server, tmp_path, account).list()]
    assert cards == ["google_vertex/gemini-2.5-flash", "google_vertex/gemini-9-pro", "holdfast/demo"]


async def test_the_same_errors_as_geminis(
    ask: Asker, server: GeminiServer, tmp_path: Path, account: dict[str, Any]
) -> None:
    server.queue(Reply(status=400, error="Invalid value"))
    heard = await say(of(ask, server, tmp_path, account))
    assert heard.error is not None
    assert "Invalid value" in heard.error.detail


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
async def test_where_a_region_is(ask: Asker, location: str, host: str) -> None:
    models = ask.models({**PROJECT, "GOOGLE_CLOUD_LOCATION": location, "GCE_METADATA_HOST": "127.0.0.1:9"})
    provider: Any = models.provider(models.card("google_vertex/gemini-2.5-flash"))
    assert provider.address == f"https://{host}/v1beta1"


def test_project_and_location_are_both_needed(ask: Asker) -> None:
    assert catalog.configured({"GOOGLE_CLOUD_PROJECT": "p"}) == []
    [place] = catalog.configured(PROJECT)
    assert place.provider_type == "google_vertex"
    assert "my-project" not in repr(place)


def _added(url: str, key: str, **more: Any) -> Vertex:
    """A place that an organization has added."""
    row = catalog.row_of("google_vertex")
    assert row is not None
    place = catalog.Configured("mine", "google_vertex", url, key, category="byok", facts=PROJECT, **more)
    return Vertex(ModelClient(), place, row, Target("mine", url, guard=place.guard))


@pytest.mark.parametrize(
    ("key", "region", "told"),
    [
        ("sk-1", "europe-west4", "not JSON"),
        ("{}", "europe-west4", "project_id"),
        ('{"project_id": "p"}', None, "region"),
        ('{"project_id": "p"}', "europe-west4", "service account"),
    ],
)
async def test_an_added_place_never_uses_the_machines_account(
    tokens: TokenServer, key: str, region: str | None, told: str
) -> None:
    heard = await hear(_added(tokens.url, key, region=region), HELLO)
    assert heard.error is not None
    assert told in heard.error.detail
    assert tokens.given == 0


async def test_a_key_does_not_say_where_the_server_goes(tokens: TokenServer, account: dict[str, Any]) -> None:
    place = _added("https://vertex.invalid", json.dumps(account), region="global")
    with pytest.raises(OutsideCallError, match=r"oauth2\.googleapis\.com"):
        await hear(place, HELLO)
    guard = Guard(Egress(), "organization")
    heard = await hear(_added("https://vertex.invalid", json.dumps(account), region="global", guard=guard), HELLO)
    assert heard.error is not None
    assert "BEGIN" not in heard.error.detail
    assert tokens.given == 0
