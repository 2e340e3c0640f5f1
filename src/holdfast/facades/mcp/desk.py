"""On whose behalf a request is served, and everything that serving it needs."""

from dataclasses import dataclass

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.errors import BadRequest, Forbidden, NotFound
from holdfast.forget.worker import Forgetter
from holdfast.kit.page import Page
from holdfast.recall.find import Find
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns.runner import Runner

NAMED = 20
"""So many agents are named when it is not clear which one is meant."""


@dataclass(frozen=True, slots=True)
class Desk:
    who: Who
    db: Database
    find: Find
    runner: Runner
    forgetter: Forgetter

    async def agent(self, named: str | None) -> Agent:
        """The agent with this id or name; without either, the only one there is."""
        return await self.db.read(_agent, self.who, (named or "").strip())

    def check_may_write(self) -> None:
        if "write" not in self.who.scopes:
            raise Forbidden("This API key may only read; use one with the scope `write`.")


def _agent(tx: Tx, who: Who, named: str) -> Agent:
    if named.startswith("agent-"):
        return agents.get(tx, who, named)
    wanted = agents.Filter(name=named) if named else agents.Filter()
    found = agents.page(tx, who, Page(2, "desc"), wanted)
    if len(found) == 1:
        return found[0]
    if not found and not named:
        raise NotFound("There are no agents yet. Make one with `holdfast agents create`.")
    ids = agents.page(tx, who, Page(NAMED, "desc"), wanted if found else agents.Filter())
    known = ", ".join(f"{agent.name} ({agent.id})" for agent in ids)
    if not found:
        raise NotFound(f"There is no agent named {named!r}; there are: {known or 'none'}.")
    raise BadRequest(f"Say which agent is meant, by its id in `agent`: {known}.")
