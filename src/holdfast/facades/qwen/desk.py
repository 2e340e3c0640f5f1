"""Everything that answering a request of the service needs, and on whose behalf it is answered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.errors import NotFound, Stopping
from holdfast.facades.chat.person import person_of
from holdfast.facades.qwen import people
from holdfast.facades.qwen.config import QwenConfig
from holdfast.forget.worker import Forgetter
from holdfast.llm.models import Models
from holdfast.recall.find import Find
from holdfast.store.database import Database
from holdfast.turns.runner import Runner


@dataclass(frozen=True, slots=True)
class MemoryDesk:
    """One request's view of the service."""

    who: Who
    db: Database
    find: Find
    runner: Runner
    models: Models
    forgetter: Forgetter
    config: QwenConfig
    database: Path
    notes: Sequence[str]
    """What of the configuration has no effect."""
    speaker: str
    """Whom the program names in its headers; it is trusted more than what a model wrote into a body."""
    tasks: "set[asyncio.Task[None]]"
    """What nobody waits for, kept so that it does not vanish in the middle."""

    def user(self, sent: str | None) -> str:
        """Whose memory a request is about: the speaker's, else that of whom it names."""
        return people.user_of(self.speaker or sent)

    async def agent(self, user: str) -> Agent:
        """The agent of a user, made when there is none yet."""
        found = await self.db.read(people.find, self.who, user)
        if found is not None and people.is_current(found, self.config, self.models):
            return found
        return await self.db.write(people.of, self.who, user, self.config, self.models)

    async def known(self, user: str) -> Agent | None:
        """The agent of a user who has been here before."""
        return await self.db.read(people.find, self.who, user)

    async def known_or_missing(self, user: str) -> Agent:
        found = await self.known(user)
        if found is None:
            raise NotFound(f"Nothing is known of the user {user!r} yet: say something to POST /chat first.")
        return found


async def desk_of(connection: HTTPConnection) -> MemoryDesk:
    state, who = connection.app.state, connection.state.who
    if state.draining.is_set():
        raise Stopping("The service is about to stop; repeat this request in a moment.")
    return MemoryDesk(
        who=who,
        db=state.db,
        find=state.find,
        runner=state.runner,
        models=await state.organizations.of(who),
        forgetter=state.forgetter,
        config=state.qwen,
        database=state.settings.sqlite_path,
        notes=state.qwen_notes,
        speaker=connection.headers.get("x-user-id", "").strip() or person_of(connection.headers).user,
        tasks=state.qwen_tasks,
    )


AtDesk = Annotated[MemoryDesk, Depends(desk_of)]
