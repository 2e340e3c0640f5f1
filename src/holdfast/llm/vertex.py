"""Gemini on Vertex AI: the same bodies at an address of the project's region, with tokens of Google Cloud."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from urllib.parse import quote

from holdfast.errors import ModelError
from holdfast.llm import gemini, gemini_request, reading
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.google_token import Login, TokenSource, project_of
from holdfast.llm.model import Call, Delta, Listed
from holdfast.llm.reading import Json
from holdfast.llm.row import Row

MULTI_REGIONS = ("us", "eu")
LIST = "/publishers/google/models?pageSize=200"


class Vertex:
    """A project of Google Cloud, asked for one of Gemini's models."""

    def __init__(self, client: ModelClient, place: Configured, row: Row, target: Target) -> None:
        self._client = client
        self._place = place
        self._row = row
        self._is_own = place.category == "byok"
        self._location = (place.region if self._is_own else place.facts.get("GOOGLE_CLOUD_LOCATION")) or ""
        own = place.base_url if place.base_url != row.url else f"{_host(self._location)}{row.version}"
        self._target = replace(target, base_url=own, key_env="GOOGLE_APPLICATION_CREDENTIALS")
        self._login = Login(key=place.api_key or "", guard=place.guard) if self._is_own else Login(place.facts)
        key = sha256((self._login.key or "").encode()).hexdigest()
        self._tokens = client.kept(("vertex", own, key, *sorted(self._login.facts.items())), TokenSource)

    @property
    def address(self) -> str:
        """The address that requests begin with."""
        return self._target.base_url

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Ask the model; closing the generator ends the request. A token that is refused is replaced once."""
        token = await self._token()
        try:
            async with aclosing(self._answer(call, token)) as deltas:
                async for delta in deltas:
                    yield delta
            return
        except ModelError as error:
            if error.code != "llm_authentication" or "answered 401" not in error.detail:
                raise
        token = await self._token(instead_of=token)
        async with aclosing(self._answer(call, token)) as deltas:
            async for delta in deltas:
                yield delta

    async def _token(self, *, instead_of: str | None = None) -> str:
        """A token of the place's own account; the machine's is for the server's own settings only."""
        if self._location and self._project:
            return await self._tokens.get(self._client, self._login, instead_of=instead_of)
        if self._is_own:
            needs = "its region, such as europe-west4, and an api_key that names its project_id"
        else:
            needs = "GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION in the server's environment"
        raise ModelError("llm_authentication", f"{self._place.name} needs {needs}.")

    @property
    def _project(self) -> str:
        if self._login.key is not None:
            return project_of(self._login.key)
        return self._login.facts.get("GOOGLE_CLOUD_PROJECT", "")

    def _answer(self, call: Call, token: str) -> AsyncGenerator[Delta, None]:
        where = f"/projects/{quote(self._project, safe=':')}/locations/{quote(self._location)}"
        path = f"{where}/{_model_path(call.model)}:streamGenerateContent?alt=sse"
        return gemini.answered(self._client, self._authorized(token), path, self.preview(call))

    async def models(self) -> list[Listed]:
        """Google's models that the project can use; Vertex says no more of them than their names."""
        token = await self._token()
        body = reading.decoded(self._target, await self._client.post(self._authorized(token), LIST, b"", attempts=1))
        names = [
            str(entry.get("name") or "").rpartition("/")[2] for entry in reading.objects(body.get("publisherModels"))
        ]
        return [Listed(name) for name in names if name.startswith("gemini") and "embedding" not in name]

    def preview(self, call: Call) -> Json:
        """The request exactly as it would be sent."""
        return gemini_request.body(call, gemini.card_of(self._row, self._place, call.model))

    def _authorized(self, token: str) -> Target:
        return replace(self._target, headers={"authorization": f"Bearer {token}", "x-goog-user-project": self._project})


def _host(location: str) -> str:
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{quote(location)}-aiplatform.googleapis.com"


def _model_path(name: str) -> str:
    """A model of Google's, or of another publisher when the name says so."""
    return quote(name if "/" in name else f"publishers/google/models/{name}", safe="/@._-")
