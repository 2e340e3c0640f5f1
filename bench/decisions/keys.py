"""0010: what an API key costs a request, trusted for seconds and looked up each time."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable

from holdfast.app import create_app
from holdfast.auth import store
from holdfast.auth.keyring import Keyring
from holdfast.auth.model import EVERYONE, NewApiKey
from holdfast.config import load

TIMES = 1000


async def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        app = create_app(load({"HOLDFAST_DATA": home}, {}))
        db, keyring = app.state.db, app.state.keyring
        _, text = db.now(store.add_key, EVERYONE, NewApiKey(name="bench"))
        await _measure("trusted", lambda: keyring.holder(text))
        await _measure("looked up", lambda: _anew(keyring, text))
        db.close()


async def _anew(keyring: Keyring, text: str) -> object:
    keyring.forget()
    return await keyring.holder(text)


async def _measure(name: str, work: Callable[[], Awaitable[object]]) -> None:
    assert await work()
    begun = time.process_time()
    for _ in range(TIMES):
        await work()
    print(f"{name:<10}{(time.process_time() - begun) / TIMES * 1000:7.3f} ms CPU")


if __name__ == "__main__":
    asyncio.run(main())
