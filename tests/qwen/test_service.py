"""What callers of the memory service get: in the words of its document, of its Python client and of Open WebUI."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.sync.client import connect

from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_script import Reply
from tests.harness.waiting import until
from tests.qwen.service import MODEL, MemoryServiceProcess


def post(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_document_s_dialect(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    added = post(http, "/memory/add", content="User prefers async programming", memory_type="archival", user_id=user)
    assert added["status"] == "success" and added["message"] and added["timestamp"]
    ollama.queue(Reply("Use asyncio."))
    said = post(
        http, "/chat", message="Which programming do I prefer, async or not?", user_id=user, include_memory_search=True
    )
    assert (said["message"], said["user_id"]) == ("Use asyncio.", user)
    assert [used["text"] for used in said["memory_used"]] == ["User prefers async programming"]
    assert said["timestamp"]
    found = post(http, "/memory/search", query="async programming", limit=5, user_id=user)
    assert found["query"] == "async programming" and found["timestamp"]
    assert "User prefers async programming" in [each["text"] for each in found["results"]]
    status = http.get("/status", params={"user_id": user}).json()
    assert (status["status"], status["model"], status["model_available"]) == ("ready", MODEL, True)
    assert status["agent_name"] and status["memory_summary"]["memories"] == 1


def test_the_client_s_dialect(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    ollama.queue(Reply("Noted."))
    said = post(http, "/chat", message="I keep bees.", user_id=user, model=MODEL, include_memory=True)
    assert said["response"] == said["message"] == "Noted."
    assert said["memory_context"] == [] and said["model"] == MODEL
    for kind in ("fact", "preference", "reminder", "note", "conversation", "recall"):
        post(http, "/memory/add", content=f"A {kind} about bees", memory_type=kind, source_type="test", user_id=user)
    found = post(http, "/memory/search", query="I keep bees", user_id=user)
    assert found["count"] == len(found["results"]) == 5
    exchange = next(each for each in found["results"] if each["source"] == "recall")
    assert (exchange["message"], exchange["response"]) == ("I keep bees.", "Noted.")
    for result in found["results"]:
        assert result["user_id"] == user and result["content"] == result["text"]
        assert result["similarity"] == result["score"] and result["timestamp"] and result["source_type"]
    stats = http.get("/memory/stats", params={"user_id": user}).json()
    assert (stats["conversations"], stats["memories"]) == (1, 6) and stats["database_size_mb"] > 0
    recent = http.get("/memory/recent", params={"user_id": user, "limit": 10}).json()["conversations"]
    assert ("I keep bees.", "Noted.") in [(each["message"], each["response"]) for each in recent]


def test_what_is_recalled_stands_in_the_request_to_the_model(
    http: httpx.Client, ollama: OllamaServer, user: str
) -> None:
    post(http, "/memory/add", content="The door code is 4711.", memory_type="fact", user_id=user)
    post(http, "/chat", message="What is the door code?", user_id=user)
    asked = ollama.chats[-1]
    assert "The door code is 4711." in asked["messages"][-1]["content"]
    assert asked["options"]["num_ctx"] == 8192
    without = post(http, "/chat", message="What is the door code?", user_id=user, include_memory=False)
    assert without["memory_used"] is None
    assert "4711" not in ollama.chats[-1]["messages"][-1]["content"]


def test_at_most_so_many_memories_as_the_request_says(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    for number in range(6):
        post(http, "/memory/add", content=f"Garden note {number}: water the beds.", user_id=user)
    said = post(http, "/chat", message="Garden note: water the beds?", user_id=user, max_memory_results=2)
    assert len(said["memory_used"]) == 2
    usual = post(http, "/chat", message="Garden note: water the beds?", user_id=user)
    assert len(usual["memory_used"]) == 3


def test_thoughts_of_the_model_are_not_its_answer(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    ollama.queue(Reply("<think>They want a greeting.</think>\n\nHello!"))
    assert post(http, "/chat", message="Hi", user_id=user)["message"].strip() == "Hello!"


def test_users_have_memories_of_their_own(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    alice, bob = f"{user}-alice", f"{user}-bob"
    ollama.queue(Reply("Good luck."), Reply("Good luck."))
    post(http, "/chat", message="My project is about ML", user_id=alice)
    post(http, "/chat", message="My project is about web dev", user_id=bob)
    for name, own, other in ((alice, "ML", "web dev"), (bob, "web dev", "ML")):
        texts = [each["message"] for each in post(http, "/memory/search", query="project", user_id=name)["results"]]
        assert any(own in text for text in texts) and not any(other in text for text in texts)
    assert counted(http, alice) == {"conversations": 1, "memories": 0}
    assert http.delete("/memory/clear", params={"user_id": alice}).json()["cleared"] == 1
    assert counted(http, alice) == {"conversations": 0, "memories": 0}
    assert counted(http, bob) == {"conversations": 1, "memories": 0}


def counted(http: httpx.Client, user: str) -> dict[str, int]:
    stats = http.get("/memory/stats", params={"user_id": user}).json()
    return {name: stats[name] for name in ("conversations", "memories")}


def test_first_requests_at_once_make_one_agent_per_user(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    names = [f"{user}-{number % 3}" for number in range(12)]

    def add(number: int) -> int:
        told = {"content": f"Fact {number}: {uuid4()}", "user_id": names[number]}
        return http.post("/memory/add", json=told).status_code

    def greet(name: str) -> str:
        return post(http, "/chat", message="hello", user_id=name)["user_id"]

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(add, range(12))) == {200}
        said = list(pool.map(greet, names))
    assert said == names
    for name in set(names):
        agents = http.get("/v1/agents/", params={"tags": f"qwen-user:{name}"}).json()
        assert len(agents) == 1
        assert counted(http, name) == {"conversations": 4, "memories": 4}


@pytest.mark.parametrize("query", ["编程语言", "東京", "비밀번호"])
def test_chinese_japanese_and_korean_are_found(http: httpx.Client, user: str, query: str) -> None:
    for text in ("我最喜欢的编程语言是蟒蛇", "来週、東京へ行きます", "내 비밀번호는 나비입니다"):
        post(http, "/memory/add", content=text, user_id=user)
    best = post(http, "/memory/search", query=query, limit=1, user_id=user)["results"][0]["text"]
    assert query in best


def test_chatting_over_a_websocket(service: MemoryServiceProcess, ollama: OllamaServer, user: str) -> None:
    with connect(f"ws://127.0.0.1:{service.port}/ws/chat") as socket:
        for text in ("one", "two"):
            ollama.queue(Reply(f"heard {text}"))
            socket.send(json.dumps({"message": text, "user_id": user}))
            answer = json.loads(socket.recv(30))
            assert (answer["type"], answer["message"], bool(answer["timestamp"])) == ("response", f"heard {text}", True)
        for broken in ("{", "[]", '{"message": " "}', '{"message": "\\ud800", "user_id": [1]}'):
            socket.send(broken)
            assert json.loads(socket.recv(30))["type"] == "error"
        socket.send(json.dumps({"message": "still there?", "user_id": user}))
        assert json.loads(socket.recv(30))["type"] == "response"


def test_the_memory_as_tools(http: httpx.Client, user: str) -> None:
    names = {tool["name"] for tool in http.get("/tools").json()["tools"]}
    assert {"search_memory", "add_memory"} <= names
    own = {"X-User-ID": user}

    def call(name: str, **arguments: Any) -> httpx.Response:
        return http.post("/tools/call", json={"name": name, "arguments": arguments}, headers=own)

    assert call("add_memory", content="Tea, never coffee.").json()["result"]["status"] == "success"
    assert call("search_memory", query="coffee").json()["result"][0]["text"] == "Tea, never coffee."
    assert call("get_memory_stats").json()["result"]["user_id"] == user
    assert call("get_recent_conversations", limit=2).json()["result"] == []
    assert call("search_memory").status_code == 422
    assert "there are: search_memory" in call("fly").json()["detail"]


@pytest.mark.parametrize(
    "payload",
    [
        {"message": "Where?", "response": "Here."},
        {"user_message": "Where?", "assistant_message": "Here."},
        {"prompt": "Where?", "completion": "Here.", "event": "chat"},
        {"body": {"messages": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}]}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}], "output": "Here."},
    ],
)
def test_conversations_of_elsewhere_are_logged(http: httpx.Client, user: str, payload: dict[str, Any]) -> None:
    read = post(http, "/webhook/debug", **payload, user_id=user)["understood"]
    assert read == {"user_id": user, "message": "Where?", "response": "Here."}
    assert counted(http, user) == {"conversations": 0, "memories": 0}
    assert post(http, "/webhook/log", **payload, user={"name": user})["user_id"] == user
    recent = http.get("/memory/recent", params={"user_id": user}).json()["conversations"]
    assert [(each["message"], each["response"]) for each in recent] == [("Where?", "Here.")]


def test_reports_without_a_conversation_are_ignored(http: httpx.Client) -> None:
    payloads: list[Any] = [{"event": "signup"}, [], "text", {"messages": [1]}, {"body": {"body": {"body": {}}}}]
    for payload in payloads:
        assert http.post("/webhook/log", json=payload).json()["status"] == "ignored"


def test_everything_as_a_file(http: httpx.Client, service: MemoryServiceProcess, user: str) -> None:
    post(http, "/memory/add", content="Ünïcode ✓", user_id=user)
    told = http.get("/memory/export", params={"user_id": user, "filename": "../../backup_2024.json"}).json()
    path = service.database.parent / "exports" / "backup_2024.json"
    assert (told["status"], told["filepath"]) == ("success", str(path))
    written = json.loads(path.read_text())
    assert written["metadata"]["user_id"] == user and written["metadata"]["model"] == MODEL
    assert [each["content"] for each in written["memories"]] == ["Ünïcode ✓"]
    assert http.get("/memory/export", params={"user_id": user, "save": False}).json()["filepath"] is None


def test_consolidating_leaves_a_summary(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    assert http.post("/memory/consolidate", params={"user_id": user}).status_code == 404
    for number in range(3):
        post(http, "/chat", message=f"Point {number}", user_id=user)
    ollama.queue(Reply("Three points were made."))
    done = http.post("/memory/consolidate", params={"user_id": user}).json()
    assert done["messages_after"] < done["messages_before"] and done["summary"] == "Three points were made."
    assert counted(http, user)["conversations"] == 3


def test_memories_can_be_counted_with_sqlite(http: httpx.Client, service: MemoryServiceProcess, user: str) -> None:
    post(http, "/memory/add", content="A row", user_id=user)
    post(http, "/chat", message="Two more rows", user_id=user)
    with closing(sqlite3.connect(service.database)) as db:
        (whole,) = db.execute("SELECT COUNT(*) FROM memories;").fetchone()
        (own,) = db.execute("SELECT COUNT(*) FROM memories WHERE user_id = ?", [user]).fetchone()
        (said,) = db.execute("SELECT COUNT(*) FROM conversations WHERE user_id = ?", [user]).fetchone()
    assert (own, said) == (3, 2) and whole >= own


def test_a_model_that_was_not_pulled(http: httpx.Client, user: str) -> None:
    answer = http.post("/chat", json={"message": "hi", "model": "qwen9:1b", "user_id": user})
    assert answer.status_code == 400 and "ollama pull qwen9:1b" in answer.json()["detail"]


def test_pages_of_any_origin_may_ask_but_no_foreign_host(http: httpx.Client) -> None:
    page = {"Origin": "http://openwebui.example:3000"}
    asked = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert http.options("/chat", headers=asked).headers["access-control-allow-origin"] == "*"
    assert http.post("/memory/search", json={"query": "x"}, headers=page).status_code == 200
    assert http.get("/memory/stats", headers={"Host": "evil.example"}).status_code == 403
    assert http.post("/v1/agents/", json={}, headers=page).status_code == 403


def test_the_reference_and_the_tool_server_s_description(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    assert {"/chat", "/memory/add", "/memory/search", "/tools/call"} <= described["paths"].keys()
    assert described["paths"]["/memory/search"]["post"]["operationId"] == "search_memory"
    operations = {each["operationId"] for path in described["paths"].values() for each in path.values()}
    assert {"search_memory", "add_memory", "recent_conversations"} <= operations, "docs/qwen.md offers these"
    for path in ("/docs", "/redoc"):
        assert http.get(path).headers["content-type"].startswith("text/html")
    assert http.get("/").json()["status"] == "running"


def test_bodies_that_are_meant_though_they_are_not_as_documented(
    http: httpx.Client, ollama: OllamaServer, user: str
) -> None:
    number = int(user.removeprefix("user-"), 16)
    nothing = dict.fromkeys(("memory_type", "source_type", "metadata"))
    assert post(http, "/memory/add", content="Mornings suit me", user_id=number, **nothing)["user_id"] == str(number)
    post(http, "/memory/add", content="Evenings do not", user_id=str(number), memory_type=" Preference ")
    found = post(http, "/memory/search", query="mornings", limit=None, user_id=number)
    assert {each["memory_type"] for each in found["results"]} == {"archival", "preference"}
    assert post(http, "/memory/search", query="mornings", limit=5000, user_id=number)["count"] == 2
    asked = {"message": "Mornings?", "user_id": number, "max_memory_results": 500, "include_memory": None}
    assert len(post(http, "/chat", **asked, model=f"ollama/{MODEL}")["memory_used"]) == 2
    arguments = json.dumps({"query": "mornings", "user_id": number, "limit": "1"})
    assert len(post(http, "/tools/call", name="search_memory", arguments=arguments)["result"]) == 1
    assert post(http, "/tools/call", name="get_memory_stats", arguments=None)["result"]["user_id"] == "default"


def test_a_user_who_is_named_in_the_body_is_cleared_and_no_other(http: httpx.Client, user: str) -> None:
    for name in (user, f"{user}-2", f"{user}-3"):
        post(http, "/memory/add", content="A secret", user_id=name)
    assert http.request("DELETE", "/memory/clear", json={"user_id": user}).json()["cleared"] == 1
    told: Any = {"params": {"user_id": f"{user}-2"}, "json": {"user_id": f"{user}-3"}}
    assert http.request("DELETE", "/memory/clear", **told).json()["cleared"] == 1
    assert [counted(http, f"{user}{end}")["memories"] for end in ("", "-2", "-3")] == [0, 0, 1]
    assert user in http.post("/memory/consolidate", json={"user_id": user}).json()["detail"]


def test_whom_open_webui_names_in_its_headers(http: httpx.Client, ollama: OllamaServer, user: str) -> None:
    """As it calls a tool server: the user is in the headers, and a model may have written anything into the body."""
    ann, bob = ({"X-OpenWebUI-User-Id": f"{user}-{name}", "X-OpenWebUI-Chat-Id": "c"} for name in ("ann", "bob"))
    added = http.post("/memory/add", json={"content": "The safe is behind the clock"}, headers=ann).json()
    assert added["user_id"] == f"{user}-ann"
    for path, method in (("/memory/search", "POST"), ("/memory/stats", "GET"), ("/memory/recent", "GET")):
        body = {"query": "safe", "user_id": f"{user}-ann"}
        told = http.request(method, path, headers=bob, params=body, json=body if method == "POST" else None)
        assert "clock" not in told.text and '"memories":1' not in told.text
    assert "clock" in http.post("/memory/search", json={"query": "safe"}, headers=ann).text
    said = http.post("/chat", json={"message": "hello", "user_id": f"{user}-ann"}, headers=bob).json()
    assert said["user_id"] == f"{user}-bob"
    with_id = http.post("/webhook/log", json={"message": "m", "user": {"id": 7}}, headers=bob).json()
    assert with_id["user_id"] == "7"


BAD_BODIES = [
    b"",
    b"{",
    b"[]",
    b'{"message": 5}',
    b'{"message": "   "}',
    b'{"message": "x", "max_memory_results": -1}',
    b"[" * 100_000,
    b"\xff\xfe",
]


@pytest.mark.parametrize("path", ["/chat", "/memory/add", "/memory/search", "/tools/call"])
def test_bodies_that_cannot_be_meant(http: httpx.Client, path: str) -> None:
    for body in BAD_BODIES:
        answer = http.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), (body[:20], answer.text)
        assert isinstance(answer.json()["detail"], str)


def test_text_that_no_database_holds_is_stored_without_it(http: httpx.Client, user: str) -> None:
    body = '{"content": "nul \\u0000 and \\ud800 half", "user_id": ' + f'"{user}"}}'
    assert http.post("/memory/add", content=body).status_code == 200
    found = post(http, "/memory/search", query="nul and half", user_id=user)["results"]
    assert "\0" not in found[0]["text"]
    assert http.get("/memory/stats", params={"user_id": "u" * 300}).status_code == 422
    assert "user_id has 300" in http.post("/chat", json={"message": "x", "user_id": "u" * 300}).json()["detail"]


def test_the_server_inside_answers_too(http: httpx.Client, user: str) -> None:
    post(http, "/memory/add", content="Seen from both sides", user_id=user)
    (agent,) = http.get("/v1/agents/", params={"tags": f"qwen-user:{user}"}).json()
    passages = until(lambda: http.get(f"/v1/agents/{agent['id']}/archival-memory").json(), "its passage")
    assert [each["text"] for each in passages] == ["Seen from both sides"]
