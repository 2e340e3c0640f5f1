"""What routes ask for: on whose behalf they run, the database, and which generation of client is asking."""

from typing import Annotated

from fastapi import Depends, Request

from holdfast.auth.keyring import Keyring
from holdfast.auth.model import Who
from holdfast.errors import Forbidden
from holdfast.store.database import Database


async def _who(request: Request) -> Who:
    return request.state.who


async def _admin(request: Request) -> Who:
    who: Who = request.state.who
    if not who.is_admin:
        raise Forbidden("This needs an administrator: the server password, or an API key with the scope `admin`.")
    return who


async def _db(request: Request) -> Database:
    return request.app.state.db


async def _is_modern(request: Request) -> bool:
    """A 1.x SDK, by CONTRACT §1.1; everything else gets the answers of the generation before."""
    headers = request.headers
    if "x-stainless-package-version" in headers:
        return True
    agent = headers.get("user-agent")
    return agent is None or agent.startswith(("letta-client/1.", "@letta-ai/letta-client/1."))


async def _keys(request: Request) -> Keyring:
    return request.app.state.keyring


Caller = Annotated[Who, Depends(_who)]
Admin = Annotated[Who, Depends(_admin)]
Db = Annotated[Database, Depends(_db)]
Keys = Annotated[Keyring, Depends(_keys)]
Modern = Annotated[bool, Depends(_is_modern)]
