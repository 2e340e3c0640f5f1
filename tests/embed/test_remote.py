"""Embedding models of other servers, each in its protocol, over HTTP."""

import base64
import json
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from holdfast.embed.remote import WIRES, Remote
from holdfast.errors import ModelError
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target

REFUSED = {"error": {"message": "encoding_format is not supported"}}
Answer = Callable[[str, dict[str, Any]], Any]


class Scripted:
    """A server that answers every request with what the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answer: Answer = lambda path, body: {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append((self.path, body))
                found = outer.answer(self.path, body)
                data = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(400 if found == REFUSED else 200)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self._thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.stop()


@asynccontextmanager
async def remote(server: Scripted, wire: str, version: str | None = None) -> AsyncGenerator[Remote]:
    client = ModelClient()
    place = Configured("someone", "openai", server.url, api_version=version)
    try:
        yield Remote("someone/m", "m", place, Target("someone", server.url), client, WIRES[wire]())
    finally:
        await client.close()


async def embed(server: Scripted, wire: str, *texts: str, is_query: bool = False, version: str | None = None) -> Any:
    async with remote(server, wire, version) as made:
        return await made.embed(texts, is_query=is_query)


def openai(*vectors: Any) -> dict[str, Any]:
    return {"data": [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]}


async def test_openai_answers_in_any_order(scripted: Scripted) -> None:
    rows = [{"index": 1, "embedding": [0, 2.0]}, {"index": 0, "embedding": [3.0, 0]}]
    scripted.answer = lambda path, body: {"data": rows}
    found = await embed(scripted, "openai", "one", "two")
    assert found.tolist() == [[1, 0], [0, 1]]
    assert scripted.asked == [("/embeddings", {"model": "m", "input": ["one", "two"], "encoding_format": "base64"})]


def packing(path: str, body: dict[str, Any]) -> Any:
    """Answers as it is asked to."""
    if body["encoding_format"] == "float":
        return plain(path, body)
    return openai(*(base64.b64encode(np.array([0, 5], "<f4").tobytes()).decode() for _ in body["input"]))


def plain(path: str, body: dict[str, Any]) -> Any:
    """Sends lists, whatever it is asked for."""
    return openai(*([0, 5.0] for _ in body["input"]))


def choosy(path: str, body: dict[str, Any]) -> Any:
    """Refuses what it does not know."""
    return plain(path, body) if body["encoding_format"] == "float" else REFUSED


@pytest.mark.parametrize("answer", [packing, plain, choosy])
async def test_whatever_a_server_makes_of_packed_numbers_it_is_understood(scripted: Scripted, answer: Answer) -> None:
    scripted.answer = answer
    async with remote(scripted, "openai") as made:
        assert (await made.embed(["one", "two"])).tolist() == [[0, 1], [0, 1]]
        assert (await made.embed(["three"])).tolist() == [[0, 1]]
    ways = [body["encoding_format"] for _, body in scripted.asked]
    assert ways == (["base64", "float", "float"] if answer is choosy else ["base64", "base64"])


async def test_what_is_refused_in_any_form_says_why(scripted: Scripted) -> None:
    scripted.answer = lambda path, body: REFUSED
    async with remote(scripted, "openai") as made:
        for _ in range(2):
            with pytest.raises(ModelError, match="not supported"):
                await made.embed(["one"])
    assert [body["encoding_format"] for _, body in scripted.asked] == ["base64", "float"] * 2


async def test_azures_dated_versions_name_the_deployment(scripted: Scripted) -> None:
    scripted.answer = lambda path, body: openai([1.0])
    await embed(scripted, "openai", "one", version="2024-10-21")
    assert scripted.asked[0][0] == "/openai/deployments/m/embeddings?api-version=2024-10-21"


async def test_ollama_is_told_not_to_cut(scripted: Scripted) -> None:
    scripted.answer = lambda path, body: {"embeddings": [[1.0, 0.0]]}
    await embed(scripted, "ollama", "one")
    assert scripted.asked == [("/api/embed", {"model": "m", "input": ["one"], "truncate": False})]


async def test_gemini_is_told_what_is_a_question(scripted: Scripted) -> None:
    scripted.answer = lambda path, body: {"embeddings": [{"values": [1.0, 0.0]}]}
    await embed(scripted, "gemini", "one", is_query=True)
    path, body = scripted.asked[0]
    assert path == "/models/m:batchEmbedContents"
    assert body["requests"] == [
        {"model": "models/m", "content": {"parts": [{"text": "one"}]}, "taskType": "RETRIEVAL_QUERY"}
    ]


async def test_many_texts_go_in_several_requests(scripted: Scripted) -> None:
    scripted.answer = lambda path, body: openai(*([float(text)] for text in body["input"]))
    assert len(await embed(scripted, "openai", *(str(n) for n in range(1, 151)))) == 150
    assert sorted(len(body["input"]) for _, body in scripted.asked) == [22, 64, 64]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": "no"},
        openai(),
        openai([1.0], [1.0]),
        openai([]),
        openai([0.0, 0.0]),
        openai(["1", "2"]),
        openai([True]),
        openai(None),
        openai("not base64!"),
        openai("AAA="),
        openai("AACAfw=="),
        openai("AACA*Pw=="),
        b"<html>",
        b"[1, 2]",
        b'{"data":[{"embedding":[1e400]}]}',
        b'{"data":[{"embedding":[NaN]}]}',
        {"data": [{"index": 0, "embedding": [1.0] * 70_000}]},
    ],
)
async def test_what_is_no_vector_is_an_error(scripted: Scripted, answer: Any) -> None:
    scripted.answer = lambda path, body: answer
    with pytest.raises(ModelError, match="someone"):
        await embed(scripted, "openai", "one")


async def test_vectors_of_different_lengths_are_an_error(scripted: Scripted) -> None:
    scripted.answer = lambda path, body: openai([1.0], [1.0, 2.0])
    with pytest.raises(ModelError, match="different lengths"):
        await embed(scripted, "openai", "one", "two")
