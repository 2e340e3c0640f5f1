"""0005 and 0006: the SQL statements and transactions of a turn, and what a fork of a long thread costs."""

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import event
from starlette.testclient import TestClient

from holdfast.app import create_app
from holdfast.config import load
from tests.harness.server import Server

LENGTHS = (10, 1000)
FORKS = 30


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        _count(Path(home) / "counted")
        server = Server(Path(home), {}).start()
        try:
            for length in LENGTHS:
                _fork(server, length)
        finally:
            server.stop()


def _count(data: Path) -> None:
    app = create_app(load({"HOLDFAST_DATA": str(data)}, {}))
    seen = Counter[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen["transactions" if statement.startswith("BEGIN") else "statements"] += 1

    event.listen(app.state.db.engine, "before_cursor_execute", note)
    with TestClient(app, base_url="http://localhost") as http:
        agent = http.post("/v1/agents/", json={"memory_blocks": [{"label": "human", "value": ""}]}).json()["id"]
        for name, text in (("plain turn", "Hello"), ("turn with a memory tool", "My name is Ada.")):
            for _ in range(2):
                seen.clear()
                http.post(f"/v1/agents/{agent}/messages", json={"input": text}).raise_for_status()
                text = "Hi" if text == "Hello" else "I live in Oslo."
            print(f"{name:<26}{seen['statements']:>3} statements in {seen['transactions']} transactions")


def _fork(server: Server, length: int) -> None:
    said = [{"role": "user", "content": f"Number {number}."} for number in range(length)]
    agent = server.http.post("/v1/agents/", json={"initial_message_sequence": said}).json()["id"]
    begun = time.perf_counter()
    for _ in range(FORKS):
        server.http.post(f"/v1/conversations/default/fork?agent_id={agent}").raise_for_status()
    print(f"fork after {length:>4} messages {(time.perf_counter() - begun) / FORKS * 1000:6.2f} ms")


if __name__ == "__main__":
    main()
