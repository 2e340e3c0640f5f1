"""Calls whose work is done elsewhere: run after the model's message was stored, and before their returns are."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from typing import Any, cast

from holdfast.agents import load
from holdfast.agents.load import ALL, Loaded
from holdfast.agents.run_tool import state_for_tools
from holdfast.errors import AppError, BadRequest
from holdfast.kit.ids import new_id
from holdfast.kit.reply import encode
from holdfast.loop.act import Planned, act, arguments_of, changing, limit, look, looking, plan
from holdfast.loop.rules import REFUSED
from holdfast.loop.state import Turn
from holdfast.messages.model import ToolCallPart, ToolReturnPart
from holdfast.runs import leases
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.tools.builtin import registry, run
from holdfast.tools.custom import wants_agent_state
from holdfast.tools.model import Tool
from holdfast.tools.outside import Calling

LONGEST_CALL_S = 900.0
"""Whoever runs a tool ends it long before; this is for one that does not."""
STOPPING_S = 5.0
"""How long a call that is cancelled may take to clean up behind itself."""

NO_FUNCTIONS = frozenset(("send_message", "run_code", "run_code_with_tools"))
"""Tools that no program calls: what is said must be seen where it is said, and a program is a program already."""

log = logging.getLogger("holdfast.tools")


@dataclass(slots=True)
class _Calls:
    """The calls of a step that are made outside, as far as they have come."""

    db: Database
    turn: Turn
    loaded: Loaded | None
    begun: set[str] = field(default_factory=set[str])
    returned: dict[str, ToolReturnPart] = field(default_factory=dict[str, ToolReturnPart])

    async def in_order(self, planned: Sequence[Planned]) -> None:
        for each in planned:
            await self.one(each)

    async def one(self, planned: Planned) -> None:
        call = planned.call
        self.begun.add(call.id)
        try:
            async with asyncio.timeout(LONGEST_CALL_S):
                self.returned[call.id] = await self.run(planned)
        except TimeoutError:
            self._fail(planned, f"{call.name} did not end within {LONGEST_CALL_S:.0f} seconds and was stopped.")
        except AppError as failed:
            self._fail(planned, failed.detail)
        except Exception as bug:  # the loop's tool call: whatever a tool does, the turn goes on
            log.exception("call %s of %s failed", call.id, call.name)
            self._fail(planned, f"{call.name} failed: {type(bug).__name__}. The server's log says more.")

    async def run(self, planned: Planned) -> ToolReturnPart:
        """What a call comes to; it may also fail."""
        call, tool, most = planned.call, planned.tool, limit(planned)
        if tool is None or tool.is_builtin:
            return await run.look(replace(looking(self.turn), own=_Own(self.db, self.turn)), call, most)
        executor = self.turn.executors[tool.tool_type]
        ran = (await executor.run(self._calling(tool, arguments_of(planned.call) or {}))).within(most)
        return ToolReturnPart(
            call_id=call.id,
            name=call.name,
            output=ran.output,
            status=ran.status,
            stdout=list(ran.stdout) or None,
            stderr=list(ran.stderr) or None,
        )

    def _calling(self, tool: Tool, arguments: dict[str, Any]) -> Calling:
        turn, loaded = self.turn, self.loaded
        return Calling(
            who=turn.who,
            tool=tool,
            arguments=arguments,
            agent_id=turn.agent.id,
            project_id=turn.agent.project_id,
            run_id=turn.run.id,
            secrets={secret.key: secret.value for secret in loaded.secrets} if loaded else {},
            agent_state=state_for_tools(loaded, turn.models) if loaded and wants_agent_state(tool) else None,
        )

    def _fail(self, planned: Planned, why: str) -> None:
        call = planned.call
        self.returned[call.id] = ToolReturnPart(call_id=call.id, name=call.name, output=why, status="error")

    def result(self, planned: Planned) -> Planned:
        """The call with what it came to; one that was stopped says so."""
        if not planned.is_outside or planned.refusal:
            return planned
        if planned.call.id not in self.returned:
            ran = planned.call.id in self.begun
            self._fail(planned, STOPPED if ran else NEVER_RUN)
        return replace(planned, returned=self.returned[planned.call.id])


@dataclass(frozen=True, slots=True)
class _Own:
    """The agent's other tools, as a program that it wrote calls them."""

    db: Database
    turn: Turn

    @property
    def functions(self) -> Mapping[str, Sequence[str]]:
        """Those that nobody else must answer for, and that do more than speak or run programs."""
        turn = self.turn
        return {
            tool.name: _parameters(tool)
            for tool in turn.tools
            if tool.name not in NO_FUNCTIONS and all(map(_is_name, (tool.name, *tool.arguments)))
            if (tool.is_builtin or tool.tool_type in turn.executors) and turn.waits_for(tool.name) is None
        }

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        turn = self.turn
        call = ToolCallPart(id=new_id("call"), name=name, arguments=encode(arguments).decode())
        (planned,) = plan(turn, turn.allowed, [call])
        if planned.refusal or planned.waits_for:
            raise BadRequest(planned.refusal or f"{name} needs somebody's answer; call it without a program.")
        returned = await self._returned(planned)
        if returned.status == "error":
            raise BadRequest(returned.output)
        return _decoded(returned.output)

    async def _returned(self, planned: Planned) -> ToolReturnPart:
        if planned.is_outside:
            return await _Calls(self.db, self.turn, await _loaded(self.db, self.turn, [planned])).run(planned)
        (looked,) = await look(self.turn, [planned])
        return looked.returned or await self.db.write(_changed, self.turn, looked)


def _parameters(tool: Tool) -> list[str]:
    """In the order in which they are written; of a stored schema only the order of what is required is known."""
    builtin = registry.find(tool.name) if tool.is_builtin else None
    if builtin is not None:
        return [*builtin.arguments.model_fields]
    parameters: Any = (tool.json_schema or {}).get("parameters")
    wanted: Any = cast(dict[str, Any], parameters).get("required") if isinstance(parameters, dict) else None
    listed = cast(list[Any], wanted) if isinstance(wanted, list) else []
    return sorted(tool.arguments, key=lambda name: (listed.index(name) if name in listed else len(listed), name))


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


def _changed(tx: Tx, turn: Turn, planned: Planned) -> ToolReturnPart:
    """Run a tool that changes something, in a transaction of its own."""
    leases.keep(tx, turn.thread, spoken=None).be_sure()
    (returned,) = act(changing(tx, turn, None), [planned])
    return returned


def _decoded(output: str) -> Any:
    """What a tool returned, with the structure that it had."""
    try:
        return json.loads(output) if output[:1] in ("{", "[") else output
    except (ValueError, RecursionError):
        return output


STOPPED = "Cancelled while it ran: it may or may not have had an effect."
NEVER_RUN = f"{REFUSED}the run was cancelled before."


async def perform(db: Database, turn: Turn, planned: Sequence[Planned]) -> list[Planned]:
    """Run the calls, side by side where their tools allow it, the others in order; a cancelled turn stops them."""
    due = [each for each in planned if each.is_outside and not each.refusal and each.returned is None]
    calls = _Calls(db, turn, await _loaded(db, turn, due))
    if due and not turn.is_cancelled:
        free = [each for each in due if each.tool and each.tool.enable_parallel_execution]
        work = [calls.in_order([each for each in due if each not in free]), *map(calls.one, free)]
        await _all(turn, [asyncio.create_task(each) for each in work])
    return [calls.result(each) for each in planned]


async def _all(turn: Turn, tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Wait for all of them; when the turn is cancelled they are too."""
    try:
        with turn.interruptible():
            await asyncio.wait(tasks)
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=STOPPING_S)


async def _loaded(db: Database, turn: Turn, due: Sequence[Planned]) -> Loaded | None:
    """What of its agent a tool outside is given: the secrets, and all of it for one that asks for its state."""
    tools = [each.tool for each in due if each.tool and not each.tool.is_builtin]
    if not tools:
        return None
    relations = ALL if any(map(wants_agent_state, tools)) else ("secrets",)
    return await db.read(load.one, turn.who, turn.agent.id, relations)
