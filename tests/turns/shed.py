"""A server in this process whose custom tools are run by the test itself."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from holdfast.app import create_app
from holdfast.config import load
from holdfast.tools.outside import Calling, Ran

Json = dict[str, Any]
PATIENCE_S = 30.0


@dataclass
class Shed:
    """Runs tools as their arguments say."""

    calls: list[Calling] = field(default_factory=list[Calling])
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: list[str] = field(default_factory=list[str])
    together: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))

    async def run(self, calling: Calling) -> Ran:
        self.calls.append(calling)
        self.begun.set()
        try:
            return await self._run(str(calling.arguments.get("do")))
        finally:
            self.ended.append(calling.tool.name)

    async def _run(self, what: str) -> Ran:
        match what:
            case "wait":
                await asyncio.sleep(600)
            case "meet":
                await asyncio.wait_for(self.together.wait(), PATIENCE_S)
            case "break":
                raise RuntimeError("the shed burns")
            case "fail":
                return Ran("error", "no such hammer", stderr=("oh no",))
            case _:
                pass
        return Ran("success", f"did {what}", stdout=("hammering",))


@dataclass(frozen=True)
class Workshop:
    """The server, a client of it, and who runs its tools."""

    app: Starlette
    http: httpx.AsyncClient
    shed: Shed

    async def agent(self, *tools: str, **fields: Any) -> str:
        """An agent with custom tools of these names; a `+` lets one run beside others."""
        ids = [await self._tool(name) for name in tools]
        body = {"tool_ids": ids, "include_base_tools": False, **fields}
        made = await self.http.post("/v1/agents/", json=body)
        assert made.status_code == 200, made.text
        return made.json()["id"]

    async def _tool(self, name: str) -> str:
        bare = name.strip("+@")
        mark = "  # agent_state" if "@" in name else ""
        source = f'def {bare}(do: str) -> str:{mark}\n    """Work.\n\n    Args:\n        do: What.\n    """\n'
        body = {"source_code": source, "enable_parallel_execution": "+" in name}
        made = await self.http.put("/v1/tools/", json=body)
        assert made.status_code == 200, made.text
        return made.json()["id"]

    async def say(self, agent_id: str, text: str, **fields: Any) -> Json:
        answer = await self.send(agent_id, text, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, agent_id: str, text: str, **fields: Any) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": text}], **fields}
        return await self.http.post(f"/v1/agents/{agent_id}/messages", json=body)

    async def listed(self, agent_id: str) -> list[Json]:
        answer = await self.http.get(f"/v1/agents/{agent_id}/messages", params={"order": "asc"})
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def workshop(data: Path, environment: Mapping[str, str]) -> AsyncGenerator[Workshop]:
    settings = load({"HOLDFAST_DATA": str(data), "HOME": str(data), **environment}, {})
    app, shed = create_app(settings), Shed()
    app.state.executors["custom"] = shed
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=PATIENCE_S) as http:
            yield Workshop(app, http, shed)
