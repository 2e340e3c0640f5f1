"""Vertex AI: addresses of regions, and tokens of Google Cloud from every kind of credentials."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from holdfast.llm import catalog
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.model import Call
from holdfast.llm.models import Models
from holdfast.llm.vertex import Vertex
from tests.fakes.gemini_server import GeminiServer
from tests.fakes.openai_script import Json, Reply
from tests.fakes.scripted_http import Answer, Request, ScriptedHttp, of_json
from tests.llm.asking import Asker, Heard, hear, message

HELLO = Call("gemini-2.5-flash", [message("system", "You are brief."), message("user", "hello")])
PROJECT = {"GOOGLE_CLOUD_PROJECT": "my-project", "GOOGLE_CLOUD_LOCATION": "europe-west4"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenServer(ScriptedHttp):
    """Google's token endpoint, and the metadata server of its machines."""

    def __init__(self) -> None:
        super().__init__()
        self.lasts = 3600
        self.claims: list[Json] = []

    @property
    def given(self) -> int:
        return len(self.requests)

    def next(self, request: Request) -> Answer:
        self.requests.append(request)
        token = {"access_token": f"token-{self.given}", "expires_in": self.lasts, "token_type": "Bearer"}
        if request.path.startswith("/computeMetadata/v1/"):
            return of_json(token if request.headers.get("metadata-flavor") == "Google" else {"error": "no"})
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        match form:
            case {"grant_type": grant, "assertion": assertion} if grant == JWT_BEARER:
                self.claims.append(_verified(assertion))
            case {"grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "good"}:
                pass
            case _:
                return of_json({"error": "invalid_grant", "error_description": "Token has been revoked."}, 400)
        return of_json(token)


def _verified(assertion: str) -> Json:
    """The claim of an assertion whose signature is right."""
    signed, _, signature = assertion.rpartition(".")
    KEY.public_key().verify(_decoded(signature), signed.encode(), PKCS1v15(), hashes.SHA256())
    header, claim = (json.loads(_decoded(part)) for part in signed.split("."))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    return claim


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _pem(key: Any) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


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
def account(tmp_path: Path, tokens: TokenServer) -> dict[str, Any]:
    return {
        "type": "service_account",
        "client_email": "agent@my-project.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": _pem(KEY),
        "token_uri": f"{tokens.url}/token",
    }


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
        ({"private_key": _pem(ec.generate_private_key(ec.SECP256R1()))}, "not RSA"),
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


async def test_the_machines_account_is_for_the_servers_own_settings_only(tokens: TokenServer) -> None:
    place = catalog.Configured("mine", "google_vertex", tokens.url, category="byok", facts=PROJECT)
    row = catalog.row_of("google_vertex")
    assert row is not None
    for added in (place, replace(place, category="base", facts={})):
        heard = await hear(Vertex(ModelClient(), added, row, Target("mine", tokens.url)), HELLO)
        assert heard.error is not None
        assert "GOOGLE_CLOUD_PROJECT" in heard.error.detail
    assert tokens.given == 0
