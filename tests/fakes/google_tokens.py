"""Google's token endpoint, and a service account that it knows."""

import json
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.fakes.openai_script import Json
from tests.fakes.scripted_http import Answer, Request, ScriptedHttp, of_json

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


def pem(key: Any) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def service_account(tokens: TokenServer) -> dict[str, Any]:
    """Its key file."""
    return {
        "type": "service_account",
        "project_id": "my-project",
        "client_email": "agent@my-project.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": pem(KEY),
        "token_uri": f"{tokens.url}/token",
    }
