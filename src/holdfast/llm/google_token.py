"""Access tokens of Google Cloud: from a service account, from a user's login, or from the machine itself."""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from holdfast.errors import ModelError
from holdfast.kit.egress import Guard
from holdfast.llm import reading
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.reading import Json

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 -- an address, not a secret
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
METADATA_HOST = "metadata.google.internal"
METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
EARLY = 300.0
"""Seconds before its end at which a token is replaced."""
PATIENCE = 30.0
MACHINE_PATIENCE = 5.0
HOUR = 3600
LOGIN = "application_default_credentials.json"


@dataclass(frozen=True, slots=True)
class Login:
    """Where credentials come from: the key of a provider that somebody has added, else the server's environment."""

    facts: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    key: str | None = field(default=None, repr=False)
    """The key file of a service account, as text."""
    guard: Guard | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a key file says, and how it is called in a sentence."""

    source: str
    hint: str
    said: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """What requests carry, and when it ends by our clock."""

    text: str
    ends: float

    def __repr__(self) -> str:
        return f"Token(ends={self.ends})"


class TokenSource:
    """One token for all requests to one place; however many wait for it, it is asked for once."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._asking = asyncio.Lock()

    async def get(self, client: ModelClient, login: Login, *, instead_of: str | None = None) -> str:
        """A token that is good for some minutes more; never the one that was just refused."""
        async with self._asking:
            if self._token is None or self._token.ends - EARLY < time.monotonic() or self._token.text == instead_of:
                self._token = None
                self._token = await _fetch(client, login)
            return self._token.text


def project_of(key: str) -> str:
    """The project that a service account belongs to."""
    return str(_of_key(key).said.get("project_id") or "")


async def _fetch(client: ModelClient, login: Login) -> Token:
    found = _of_key(login.key) if login.key is not None else _of_environment(login.facts)
    if found is None:
        return await _of_machine(client, login.facts)
    # an address in a key that somebody has added is asked for tokens only where a guard looks at it
    named = found.said.get("token_uri") if login.key is None or login.guard is not None else None
    url = str(named or TOKEN_URL)
    match found.said.get("type"):
        case "service_account":
            form = {"grant_type": JWT_BEARER, "assertion": _assertion(found, url)}
        case "authorized_user":
            names = ("client_id", "client_secret", "refresh_token")
            form = {"grant_type": "refresh_token", **{name: str(found.said.get(name) or "") for name in names}}
        case kind:
            raise _unusable(
                found, f"holds credentials of the type {kind!r}; a service account or a user's login is needed"
            )
    target = replace(_target(url, PATIENCE), headers={"content-type": "application/x-www-form-urlencoded"})
    try:
        answer = await client.post(replace(target, guard=login.guard), "", urlencode(form).encode())
    except ModelError as error:
        raise _refused(found, error) from error
    return _token(target, answer)


async def _of_machine(client: ModelClient, facts: Mapping[str, str]) -> Token:
    """The token of the machine's own service account, on Google's machines."""
    target = _target(f"http://{facts.get('GCE_METADATA_HOST', METADATA_HOST)}", MACHINE_PATIENCE)
    target = replace(target, headers={"metadata-flavor": "Google"})
    try:
        answer = await client.post(target, METADATA_PATH, b"", attempts=1)
    except ModelError as error:
        raise ModelError(
            "llm_authentication",
            "There are no credentials for google_vertex. Set GOOGLE_APPLICATION_CREDENTIALS to the key file of a "
            "service account, or run `gcloud auth application-default login`, and start the server again.",
            error.detail,
        ) from error
    return _token(target, answer)


def _of_key(key: str) -> Credentials:
    found = Credentials("The provider's api_key", "It is the whole key file of a service account, as text.", {})
    try:
        said: Any = orjson.loads(key)
    except ValueError as error:
        raise _unusable(found, "is not JSON") from error
    return replace(found, said=reading.object_of(said))


def _of_environment(facts: Mapping[str, str]) -> Credentials | None:
    """The credentials that the environment names, else those of the user's own login."""
    if named := facts.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return _read(Path(named))
    config = facts.get("CLOUDSDK_CONFIG") or (f"{home}/.config/gcloud" if (home := facts.get("HOME")) else "")
    login = Path(config) / LOGIN
    return _read(login) if config and login.is_file() else None


def _read(path: Path) -> Credentials:
    found = Credentials(str(path), "GOOGLE_APPLICATION_CREDENTIALS names the key file to use.", {})
    try:
        said: Any = orjson.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(found, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(found, "is not JSON") from error
    return replace(found, said=reading.object_of(said))


def _assertion(found: Credentials, audience: str) -> str:
    """What a service account proves itself with: a claim, signed with its key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(str(found.said.get("private_key") or "").encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(found, "holds no private key that can be read") from error
    if not isinstance(key, RSAPrivateKey):
        raise _unusable(found, "holds a private key that is not RSA")
    moment = int(time.time())
    claim: Json = {
        "iss": found.said.get("client_email"),
        "scope": SCOPE,
        "aud": audience,
        "iat": moment,
        "exp": moment + HOUR,
    }
    header: Json = {"alg": "RS256", "typ": "JWT"}
    if key_id := found.said.get("private_key_id"):
        header["kid"] = key_id
    signed = b".".join((_encoded(orjson.dumps(header)), _encoded(orjson.dumps(claim))))
    return b".".join((signed, _encoded(key.sign(signed, PKCS1v15(), hashes.SHA256())))).decode()


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _token(target: Target, answer: bytes) -> Token:
    body = reading.decoded(target, answer)
    text, seconds = body.get("access_token"), body.get("expires_in")
    if not isinstance(text, str) or not text:
        raise ModelError("llm_authentication", f"{target.provider} ({target.host}) gave no access token.")
    lasts = float(seconds) if isinstance(seconds, int | float) else HOUR
    return Token(text, time.monotonic() + lasts)


def _target(url: str, patience: float) -> Target:
    return Target("google_vertex", url.rstrip("/"), timeout=patience, key_env="GOOGLE_APPLICATION_CREDENTIALS")


def _refused(found: Credentials, error: ModelError) -> ModelError:
    if error.code not in ("llm_authentication", "llm_bad_request"):
        return error
    why = f"Google does not accept the credentials in {found.source}: {error.explanation}."
    return ModelError("llm_authentication", f"{why} Make a new key, or log in again.", error.explanation)


def _unusable(found: Credentials, what: str) -> ModelError:
    return ModelError("llm_authentication", f"{found.source} {what}. {found.hint}")
