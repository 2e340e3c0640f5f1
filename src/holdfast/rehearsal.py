"""What all requests share is made before the first one asks for it: handlers, validators, compiled SQL.

It happens right after the start, in small pieces between requests, and leaves nothing behind.
"""

import logging

from holdfast.agents import create, load, store, update, wire
from holdfast.agents.model import CreateAgent, UpdateAgent
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import CreateBlock
from holdfast.errors import AppError
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.kit.reply import encode
from holdfast.kit.routes import Dispatch
from holdfast.llm.models import Models
from holdfast.store.database import Database
from holdfast.store.table import Tx

log = logging.getLogger("holdfast")


class Rehearsed(Exception):
    """The rehearsal is over; raised so that its transaction is rolled back."""


async def rehearse(dispatch: Dispatch, db: Database, models: Models) -> None:
    await dispatch.warm()
    try:
        await db.write(_an_agents_life, models)
    except Rehearsed:
        return
    except AppError as failed:
        log.info("the rehearsal was skipped: %s", failed.detail)


def _an_agents_life(tx: Tx, models: Models) -> None:
    """Make an agent in an organization that does not exist, look at it, change it, and take everything back."""
    who = Who(new_id("org"), None)
    made = create.create(tx, who, CreateAgent(memory_blocks=[CreateBlock(label="human", value="")]), models)
    agent_id, block_id = made.agent.id, made.blocks[0].id
    blocks.change(tx, who, block_id, {"value": "changed"})
    update.update(tx, who, agent_id, UpdateAgent(tags=["changed"]), models)
    found = load.page(tx, who, Page(10, "desc"), store.Filter(), load.ALL)
    encode(wire.states(found, models))
    store.delete(tx, who, agent_id)
    raise Rehearsed
