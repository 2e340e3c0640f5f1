"""Embedding models of other servers: OpenAI's, Ollama's and Gemini's protocols."""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

import orjson

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
LARGEST = 65_536
"""Numbers in a vector; more is no vector of any model."""


class Wire(Protocol):
    """How one kind of server is asked, and how its answer is read."""

    def path(self, place: Configured, model: str) -> str: ...
    def body(self, model: str, texts: Sequence[str], *, is_query: bool) -> Json: ...
    def vectors(self, answer: Json) -> Sequence[Any]: ...


class OpenAIEmbeddings:
    def path(self, place: Configured, model: str) -> str:
        version = place.api_version
        if not version or version == "v1":
            return "/embeddings"
        below = f"/openai/deployments/{quote(model, safe='')}" if catalog.is_dated(version) else ""
        return f"{below}/embeddings?api-version={quote(version)}"

    def body(self, model: str, texts: Sequence[str], *, is_query: bool) -> Json:
        return {"model": model, "input": list(texts), "encoding_format": "float"}

    def vectors(self, answer: Json) -> Sequence[Any]:
        """In the order of their numbers; servers that give none answer in order."""
        rows = reading.objects(answer.get("data"))
        numbers: list[Any] = [row.get("index") for row in rows]
        if sorted(number for number in numbers if isinstance(number, int)) == list(range(len(rows))):
            rows = sorted(rows, key=lambda row: row["index"])
        return [_unpacked(row.get("embedding")) for row in rows]


class OllamaEmbeddings:
    def path(self, place: Configured, model: str) -> str:
        return "/api/embed"

    def body(self, model: str, texts: Sequence[str], *, is_query: bool) -> Json:
        return {"model": model, "input": list(texts), "truncate": False}

    def vectors(self, answer: Json) -> Sequence[Any]:
        found: Any = answer.get("embeddings")
        return cast(list[Any], found) if isinstance(found, list) else []


class GeminiEmbeddings:
    def path(self, place: Configured, model: str) -> str:
        return f"/models/{quote(model.removeprefix('models/'), safe='')}:batchEmbedContents"

    def body(self, model: str, texts: Sequence[str], *, is_query: bool) -> Json:
        name = f"models/{model.removeprefix('models/')}"
        task = "RETRIEVAL_QUERY" if is_query else "RETRIEVAL_DOCUMENT"
        return {
            "requests": [{"model": name, "content": {"parts": [{"text": text}]}, "taskType": task} for text in texts]
        }

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

        found: list[NDArray[np.float32]] = []
        for begin in range(0, len(texts), BATCH):
            found += await self._ask(texts[begin : begin + BATCH], is_query=is_query)
        if len({len(vector) for vector in found}) > 1:
            raise failures.unusable(self.target, f"gave vectors of different lengths for {self.model}")
        return np.stack(found) if found else np.zeros((0, 0), np.float32)

    async def _ask(self, texts: Sequence[str], *, is_query: bool) -> "list[NDArray[np.float32]]":
        path = self.wire.path(self.place, self.model)
        body = orjson.dumps(self.wire.body(self.model, texts, is_query=is_query))
        answer = reading.decoded(self.target, await self.client.post(self.target, path, body))
        vectors = self.wire.vectors(answer)
        if len(vectors) != len(texts):
            raise failures.unusable(self.target, f"gave {len(vectors)} vectors for {len(texts)} texts")
        return [self._vector(each) for each in vectors]

    def _vector(self, numbers: Any) -> "NDArray[np.float32]":
        """A vector of length 1; what is none is an error."""
        import numpy as np

        values = cast(list[Any], numbers) if isinstance(numbers, list) else []
        if not 0 < len(values) <= LARGEST or not all(type(number) in (int, float) for number in values):
            raise failures.unusable(self.target, f"gave something for {self.model} that is no vector")
        vector = np.array(values, np.float64)
        length = float(np.linalg.norm(vector))
        if not math.isfinite(length) or length == 0:
            raise failures.unusable(self.target, f"gave a vector for {self.model} without a direction")
        return (vector / length).astype(np.float32)


def _unpacked(embedding: Any) -> Any:
    """A list of numbers; some servers send it packed, whatever they were asked for."""
    if not isinstance(embedding, str):
        return embedding
    import numpy as np

    try:
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").tolist()
    except ValueError:
        return None
