"""How the memory service starts, what it says when it cannot, and what is there when it comes back."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.fakes.ollama_server import OllamaServer, described
from tests.fakes.openai_script import Reply
from tests.harness.waiting import until
from tests.qwen.service import MODEL, MemoryServiceProcess

Own = Callable[..., MemoryServiceProcess]


def test_a_configured_service_its_restart_and_an_ollama_that_is_down(own_service: Own, ollama: OllamaServer) -> None:
    service = own_service(words=["--config", "letta_config.json"])
    config = {
        "agent": {"name": "Qwendolyn"},
        "model": {
            "name": MODEL,
            "base_url": "http://127.0.0.1:9",
            "embedding_model": "nomic-embed-text",
            "embedding_dim": 1536,
            "temperature": 0.25,
            "top_p": 0.8,
            "context_window": 4096,
        },
        "memory": {
            "core": {"max_tokens": 500},
            "recall": {"path": "data/letta/recall.db"},
            "archival": {"type": "chroma", "path": "data/letta/archival.db"},
        },
        "retrieval": {"strategy": "bm25", "top_k": 1, "relevance_threshold": 0.2},
        "features": {
            "enable_auto_summary": False,
            "enable_memory_consolidation": True,
            "consolidation_interval_messages": 4,
        },
        "logging": {"level": "INFO", "file": "logs/letta.log"},
        "telemetry": True,
    }
    (service.home / "letta_config.json").write_text(json.dumps(config))
    service.start()
    with service.http as http:
        for text in ("Red bicycle in the shed", "Red bicycle lock code 77"):
            assert http.post("/memory/add", json={"content": text}).status_code == 200
        said = http.post("/chat", json={"message": "Where is the red bicycle?"}).json()
        assert len(said["memory_used"]) == 1
        options = ollama.chats[-1]["options"]
        assert (options["temperature"], options["top_p"], options["num_ctx"]) == (0.25, 0.8, 4096)
        assert "chars_limit=1000" in ollama.chats[-1]["messages"][0]["content"]
        (agent,) = http.get("/v1/agents/").json()
        assert agent["name"] == "Qwendolyn default"
        notes = until(lambda: _embedding_noted(http.get("/status").json()["notes"]), "a note about embedding", 30)
        ollama.queue(Reply("two"), Reply("three"), Reply("All about a bicycle."))
        for text in ("again", "and again"):
            assert http.post("/chat", json={"message": text}).status_code == 200
        until(lambda: len(ollama.chats) == 4, "the consolidation", 30)
    for expected in ("recall.path", "archival.type", "strategy", "enable_auto_summary", "telemetry", "not there"):
        assert any(expected in note for note in notes), expected
        assert expected == "not there" or expected in service.log
    assert (service.home / "logs" / "letta.log").exists()
    service.process.stop()
    ollama.models["nomic-embed-text:latest"] = described(2048, "embedding")
    service.start()
    with service.http as http:
        counted = http.get("/memory/stats").json()
        assert (counted["conversations"], counted["memories"]) == (3, 2)
        found = http.post("/memory/search", json={"query": "red bicycle"}).json()["results"]
        assert {each["source"] for each in found} == {"archival", "recall"}
        wrong = until(lambda: _embedding_noted(http.get("/status").json()["notes"]), "a note about embedding", 30)
        assert any("embedding_dim 1536 is wrong" in note for note in wrong)
    with closing(sqlite3.connect(service.database)) as db:
        assert db.execute("SELECT COUNT(*) FROM memories").fetchone()[0] == 8


def _embedding_noted(notes: list[str]) -> list[str]:
    return notes if any("embedding_" in note for note in notes) else []


def test_an_ollama_that_is_down_and_a_port_that_is_taken(own_service: Own) -> None:
    service = own_service({"OLLAMA_URL": "http://127.0.0.1:9"}).start()
    with service.http as http:
        answer = http.post("/chat", json={"message": "hello"})
        assert answer.status_code == 503
        assert "Could not connect to Ollama at http://127.0.0.1:9" in answer.json()["detail"]
        assert "ollama serve" in answer.json()["detail"]
        assert http.post("/memory/add", json={"content": "Kept all the same"}).status_code == 200
        assert http.post("/memory/search", json={"query": "kept"}).json()["count"] == 1
        with connect(f"ws://127.0.0.1:{service.port}/ws/chat") as socket:
            socket.send('{"message": "hello"}')
            assert "ollama serve" in json.loads(socket.recv(60))["message"]
    second = own_service()
    second.process.command = [*second.process.command[:-1], str(service.port)]
    second.process.start()
    assert second.process.wait(60) == 1
    assert f"Port {service.port} on 127.0.0.1 is in use by process {service.process.pid}" in second.log
    assert "holdfast service qwen" in second.log


def test_elsewhere_than_on_loopback_everybody_needs_a_key(own_service: Own) -> None:
    refused = own_service(host="0.0.0.0")
    refused.process.start()
    assert refused.process.wait(60) == 1
    assert "LETTA_SERVER_PASSWORD" in refused.log
    service = own_service({"LETTA_SERVER_PASSWORD": "open sesame"}, host="0.0.0.0").start()
    key = {"Authorization": "Bearer open sesame"}
    address = f"ws://127.0.0.1:{service.port}/ws/chat"
    with service.http as http:
        assert http.get("/health").status_code == 200
        assert http.post("/chat", json={"message": "hello"}).status_code == 401
        assert http.get("/memory/stats", headers=key).status_code == 200
        assert http.get("/openapi.json").status_code == 401
    with pytest.raises(InvalidStatus), connect(address):
        pass
    with connect(address, additional_headers=key) as socket:
        socket.send('{"message": "hello"}')
        assert json.loads(socket.recv(60))["type"] == "response"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is to be a JSON object"),
        ('{"retrieval": {"top_k": "many"}}', "retrieval.top_k"),
        ('{"logging": {"level": "loud"}}', "logging.level 'loud'"),
    ],
)
def test_configurations_that_cannot_be_meant(own_service: Own, text: str, said: str) -> None:
    service = own_service(words=["--config", "broken.json"])
    (service.home / "broken.json").write_text(text)
    service.process.start()
    assert service.process.wait(60) == 1
    assert said in service.log and "Traceback" not in service.log
