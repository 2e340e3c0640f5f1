"""Running a tool that an agent has, on request and outside any turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast.agents import directories, load, wire
from holdfast.agents.load import Loaded
from holdfast.agents.state import RanTool
from holdfast.auth.model import Who
from holdfast.errors import NotFound
from holdfast.kit.ids import new_id
from holdfast.kit.reply import encode
from holdfast.llm.models import Models
from holdfast.messages.model import ToolCallPart, ToolReturnPart
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.tools import outside
from holdfast.tools.builtin import run
from holdfast.tools.builtin.context import Chain, Finder, LookContext, Outside, ToolContext
from holdfast.tools.custom import wants_agent_state
from holdfast.tools.model import Tool
from holdfast.tools.outside import Calling, Executors, Ran

WITHHELD = ("tools", "secrets", "tool_exec_environment_variables", "message_ids")
"""What of an agent's state its tools are not shown."""

NO_RUN = ""
"""Nothing is cancelled together with a call that no run makes."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What running a tool takes."""

    db: Database
    models: Models
    find: Finder
    outside: Outside
    executors: Executors


def state_for_tools(loaded: Loaded, models: Models) -> dict[str, Any]:
    """The agent as the API shows it, without its tools and its secrets: those are in the environment."""
    state = wire.state(loaded, models)
    return orjson.loads(encode({name: value for name, value in state.items() if name not in WITHHELD}))


async def run_tool(bench: Bench, who: Who, agent_id: str, name: str, arguments: Mapping[str, Any]) -> Ran:
    """Run a tool of an agent, as the agent would."""
    loaded = await bench.db.read(load.one, who, agent_id)
    tool = next((tool for tool in loaded.tools if tool.name == name), None)
    if tool is None:
        have = ", ".join(sorted(each.name for each in loaded.tools)) or "none"
        raise NotFound(f"Agent {agent_id} does not have a tool named {name!r}; it has {have}.")
    if tool.is_builtin:
        return _ran(await _builtin(bench, who, loaded, tool, arguments))
    calling = Calling(
        who=who,
        tool=tool,
        arguments=arguments,
        agent_id=agent_id,
        project_id=loaded.agent.project_id,
        secrets={secret.key: secret.value for secret in loaded.secrets},
        agent_state=state_for_tools(loaded, bench.models) if wants_agent_state(tool) else None,
    )
    return await outside.run(bench.executors, calling)


async def _builtin(bench: Bench, who: Who, loaded: Loaded, tool: Tool, arguments: Mapping[str, Any]) -> ToolReturnPart:
    """A tool of the server itself: one that changes something does so in a transaction of its own."""
    agent = loaded.agent
    call = ToolCallPart(id=new_id("call"), name=tool.name, arguments=encode(arguments).decode())
    look = LookContext(
        find=bench.find,
        outside=bench.outside,
        who=who,
        agent_id=agent.id,
        thread_id=agent.id,
        agent_name=agent.name,
        run_id=NO_RUN,
        chain=Chain(),
        timezone=agent.timezone,
    )
    if run.looks(tool.name):
        return await run.look(look, call, tool.return_char_limit)
    seen = await run.look_first(look, call)
    return await bench.db.write(_write, who, loaded, call, seen, tool.return_char_limit)


def _write(tx: Tx, who: Who, loaded: Loaded, call: ToolCallPart, seen: Any, limit: int) -> ToolReturnPart:
    agent = loaded.agent
    ctx = ToolContext(
        tx=tx,
        who=who,
        agent_id=agent.id,
        thread_id=agent.id,
        agent_name=agent.name,
        embedding={"embedding": agent.embedding, "embedding_config": agent.embedding_config},
        timezone=agent.timezone,
        seen=seen,
        most_files_open=directories.most_open(agent),
        file_view_characters=directories.view_characters(agent),
    )
    return run.run(ctx, call, limit)


def _ran(returned: ToolReturnPart) -> Ran:
    return Ran(returned.status, returned.output, returned.output)


def shown(ran: Ran) -> RanTool:
    """What a call came to; of one that failed, V1 keeps the sentence in `stderr`."""
    failed = ran.status == "error"
    return {
        "status": ran.status,
        "func_return": None if failed else ran.value,
        "agent_state": None,
        "stdout": list(ran.stdout),
        "stderr": [*ran.stderr, ran.output] if failed else list(ran.stderr),
        "sandbox_config_fingerprint": ran.fingerprint,
    }
