"""Embedding models of other servers: OpenAI's, Ollama's and Gemini's protocols."""

import asyncio
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

import orjson

from holdfast.errors import ModelError
from holdfast.llm import catalog, failures, reading
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Json = dict[str, Any]

BATCH = 64
"""Texts in one request: what every server takes."""
AT_ONCE = 4
"""Requests of one call that are on their way at the same time."""
LARGEST = 65_536
"""Numbers in a vector; more is no vector of any model."""


class Wire(Protocol):
    """How one kind of server is asked, and how its answer is read."""

    def path(self, place: Configured, model: str) -> str: ...
    def bodies(self, model: str, texts: Sequence[str], *, is_query: bool) -> Sequence[Json]:
        """How it is asked, and how a server that refuses that is asked instead."""
        ...

    def vectors(self, answer: Json) -> Sequence[Any]: ...


class OpenAIEmbeddings:
    def path(self, place: Configured, model: str) -> str:
        version = place.api_version
        if not version or version == "v1":
            return "/embeddings"
        below = f"/openai/deployments/{quote(model, safe='')}" if catalog.is_dated(version) else ""
        return f"{below}/embeddings?api-version={quote(version)}"

    def bodies(self, model: str, texts: Sequence[str], *, is_query: bool) -> Sequence[Json]:
        """Packed numbers are a fifth of the bytes, and are read without a look at each."""
        return [{"model": model, "input": list(texts), "encoding_format": form} for form in ("base64", "float")]

    def vectors(self, answer: Json) -> Sequence[Any]:
        """In the order of their numbers; servers that give none answer in order."""
        rows = reading.objects(answer.get("data"))
        numbers: list[Any] = [row.get("index") for row in rows]
        if sorted(number for number in numbers if isinstance(number, int)) == list(range(len(rows))):
            rows = sorted(rows, key=lambda row: row["index"])
        return [row.get("embedding") for row in rows]


class OllamaEmbeddings:
    def path(self, place: Configured, model: str) -> str:
        return "/api/embed"

    def bodies(self, model: str, texts: Sequence[str], *, is_query: bool) -> Sequence[Json]:
        return [{"model": model, "input": list(texts), "truncate": False}]

    def vectors(self, answer: Json) -> Sequence[Any]:
        found: Any = answer.get("embeddings")
        return cast(list[Any], found) if isinstance(found, list) else []


class GeminiEmbeddings:
    def path(self, place: Configured, model: str) -> str:
        return f"/models/{quote(model.removeprefix('models/'), safe='')}:batchEmbedContents"

    def bodies(self, model: str, texts: Sequence[str], *, is_query: bool) -> Sequence[Json]:
        name = f"models/{model.removeprefix('models/')}"
        task = "RETRIEVAL_QUERY" if is_query else "RETRIEVAL_DOCUMENT"
        each = [{"model": name, "content": {"parts": [{"text": text}]}, "taskType": task} for text in texts]
        return [{"requests": each}]

    def vectors(self, answer: Json) -> Sequence[Any]:
        return [row.get("values") for row in reading.objects(answer.get("embeddings"))]


WIRES: Mapping[str, Callable[[], Wire]] = {
    "openai": OpenAIEmbeddings,
    "ollama": OllamaEmbeddings,
    "gemini": GeminiEmbeddings,
}
"""By the name of the wire that the catalog gives a provider."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One model of one server."""

    handle: str
    model: str
    place: Configured
    target: Target
    client: ModelClient
    wire: Wire

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> "NDArray[np.float32]":
        import numpy as np

        batches = [texts[begin : begin + BATCH] for begin in range(0, len(texts), BATCH)]
        found: list[NDArray[Any]] = []
        for begin in range(0, len(batches), AT_ONCE):
            asked = (self._ask(batch, is_query=is_query) for batch in batches[begin : begin + AT_ONCE])
            found += [vector for vectors in await asyncio.gather(*asked) for vector in vectors]
        return self._directions(found) if found else np.zeros((0, 0), np.float32)

    async def _ask(self, texts: Sequence[str], *, is_query: bool) -> "list[NDArray[Any]]":
        vectors = self.wire.vectors(await self._answer(self.wire.bodies(self.model, texts, is_query=is_query)))
        if len(vectors) != len(texts):
            raise failures.unusable(self.target, f"gave {len(vectors)} vectors for {len(texts)} texts")
        return [self._numbers(each) for each in vectors]

    async def _answer(self, bodies: Sequence[Json]) -> Json:
        """The answer to the first way of asking that is not refused, which is the only one from then on."""
        refusing = self.client.kept((Remote, self.target.base_url), set[str])
        if len(bodies) > 1 and self.model not in refusing:
            try:
                return await self._post(bodies[0])
            except ModelError as refused:
                if refused.code != "llm_bad_request":
                    raise
            answer = await self._post(bodies[-1])
            refusing.add(self.model)
            return answer
        return await self._post(bodies[-1])

    async def _post(self, body: Json) -> Json:
        path = self.wire.path(self.place, self.model)
        return reading.decoded(self.target, await self.client.post(self.target, path, orjson.dumps(body)))

    def _numbers(self, found: Any) -> "NDArray[Any]":
        """What a server gave for one text; what is no list of numbers is an error."""
        numbers = _unpacked(found) if isinstance(found, str) else _listed(found)
        if numbers is None or not 0 < len(numbers) <= LARGEST:
            raise failures.unusable(self.target, f"gave something for {self.model} that is no vector")
        return numbers

    def _directions(self, found: "Sequence[NDArray[Any]]") -> "NDArray[np.float32]":
        """Vectors of length 1, a row each."""
        import numpy as np

        if len({len(vector) for vector in found}) > 1:
            raise failures.unusable(self.target, f"gave vectors of different lengths for {self.model}")
        rows = np.stack(found).astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise failures.unusable(self.target, f"gave a vector for {self.model} without a direction")
        return (rows / lengths).astype(np.float32)


def _unpacked(found: str) -> "NDArray[Any] | None":
    """Numbers in base64; some servers send them so whatever they were asked for."""
    import numpy as np

    try:
        packed = a2b_base64(found)  # passes over what is no base64, in half the time of looking at each character
        is_whole = 3 * len(found) == 4 * (len(packed) + found[-2:].count("="))
        return np.frombuffer(packed, "<f4") if is_whole else None
    except ValueError:
        return None


def _listed(found: Any) -> "NDArray[Any] | None":
    import numpy as np

    values = cast(list[Any], found) if isinstance(found, list) else []
    return np.array(values, np.float64) if {*map(type, values)} <= {int, float} else None
