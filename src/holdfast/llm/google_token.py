"""Access tokens of Google Cloud: from a service account, from a user's login, or from the machine itself."""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from holdfast.errors import ModelError
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

    async def get(self, client: ModelClient, facts: Mapping[str, str], *, instead_of: str | None = None) -> str:
        """A token that is good for some minutes more; never the one that was just refused."""
        async with self._asking:
            if self._token is None or self._token.ends - EARLY < time.monotonic() or self._token.text == instead_of:
                self._token = None
                self._token = await _fetch(client, facts)
            return self._token.text


async def _fetch(client: ModelClient, facts: Mapping[str, str]) -> Token:
    found = _credentials(facts)
    if found is None:
        return await _of_machine(client, facts)
    path, credentials = found
    match credentials.get("type"):
        case "service_account":
            form = {"grant_type": JWT_BEARER, "assertion": _assertion(path, credentials)}
        case "authorized_user":
            names = ("client_id", "client_secret", "refresh_token")
            form = {"grant_type": "refresh_token", **{name: str(credentials.get(name) or "") for name in names}}
        case kind:
            raise _unusable(
                path, f"holds credentials of the type {kind!r}; a service account or a user's login is needed"
            )
    target = _target(str(credentials.get("token_uri") or TOKEN_URL), PATIENCE)
    target = replace(target, headers={"content-type": "application/x-www-form-urlencoded"})
    try:
        answer = await client.post(target, "", urlencode(form).encode())
    except ModelError as error:
        raise _refused(path, error) from error
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


def _credentials(facts: Mapping[str, str]) -> tuple[Path, Json] | None:
    """The credentials that the environment names, else those of the user's own login."""
    if named := facts.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return Path(named), _read(Path(named))
    config = facts.get("CLOUDSDK_CONFIG") or (f"{home}/.config/gcloud" if (home := facts.get("HOME")) else "")
    login = Path(config) / LOGIN
    return (login, _read(login)) if config and login.is_file() else None


def _read(path: Path) -> Json:
    try:
        found: Any = orjson.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(path, "is not JSON") from error
    return reading.object_of(found)


def _assertion(path: Path, credentials: Json) -> str:
    """What a service account proves itself with: a claim, signed with its key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(str(credentials.get("private_key") or "").encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(path, "holds no private key that can be read") from error
    if not isinstance(key, RSAPrivateKey):
        raise _unusable(path, "holds a private key that is not RSA")
    moment = int(time.time())
    claim: Json = {
        "iss": credentials.get("client_email"),
        "scope": SCOPE,
        "aud": credentials.get("token_uri") or TOKEN_URL,
        "iat": moment,
        "exp": moment + HOUR,
    }
    header: Json = {"alg": "RS256", "typ": "JWT"}
    if key_id := credentials.get("private_key_id"):
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


def _refused(path: Path, error: ModelError) -> ModelError:
    if error.code not in ("llm_authentication", "llm_bad_request"):
        return error
    text = f"Google does not accept the credentials in {path}: {error.explanation}. Make a new key, or log in again."
    return ModelError("llm_authentication", text, error.explanation)


def _unusable(path: Path, what: str) -> ModelError:
    return ModelError("llm_authentication", f"{path} {what}. GOOGLE_APPLICATION_CREDENTIALS names the key file to use.")
