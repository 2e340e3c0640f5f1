"""How many statements a plain turn costs (DESIGN §9)."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from holdfast.app import create_app
from holdfast.config import load
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Engine, Fleet
from tests.harness.models import environment
from tests.harness.ways import counted

BUDGET = 12
WAYS = 6
"""How often it goes to PostgreSQL for them."""
OTHERS = ("processes", "forgettings")
"""What the server looks at from time to time, whether or not there is a turn."""


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_a_plain_turn_keeps_to_its_budget(
    engine: Engine,
    fleet: Fleet,
    models: OpenAIServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    where = {"LETTA_PG_URI": fleet.new_database()} if engine == "postgres" else {}
    settings = load({"HOLDFAST_DATA": str(tmp_path), "HOME": str(tmp_path), **where, **environment(models)}, {})
    app = create_app(settings)
    said = list[str]()

    def note(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        said.append(text)

    async with app.router.lifespan_context(app):
        await app.state.settling
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            owner = (await http.post("/v1/agents/", json={})).json()["id"]
            path = f"/v1/agents/{owner}/messages{'/stream' if stream else ''}"
            sent = {"messages": [{"role": "user", "content": "REPLY hi"}]}
            assert (await http.post(path, json=sent)).status_code == 200
            for used in app.state.db.engines:
                event.listen(used, "before_cursor_execute", note)
            ways = counted(monkeypatch)
            answer = await http.post(path, json=sent)
            ways = [way for way in ways if not any(other in text for text in way for other in OTHERS)]
    assert "hi" in answer.text
    assert len(ways) <= (WAYS if engine == "postgres" else 0), ways
    work = [
        text for text in said if not text.startswith(("BEGIN", "COMMIT")) and not any(other in text for other in OTHERS)
    ]
    assert len(work) <= BUDGET, "\n".join(work)
    assert len(work) > 5, "nothing was counted"
