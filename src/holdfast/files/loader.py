"""What reads uploaded files in the background, and follows them until they can be found by meaning.

What has been begun and not finished is taken up again, by this server or another, after a lease has run out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from holdfast.auth.model import Who
from holdfast.errors import AppError
from holdfast.files import contents, reader, work
from holdfast.files.chunks import Piece
from holdfast.files.model import File
from holdfast.kit.ids import new_id
from holdfast.store.database import Database
from holdfast.store.table import Tx

POLL_S = 3.0
RENEW_S = work.LEASE_S / 4
AT_ONCE = 2
"""Files that one server reads side by side."""
STORED = 1000
"""Chunks that are stored in one go, so that others can write in between."""

Settle = Callable[[Who, str], Awaitable[None]]
"""Waits until what is in a folder can be found, or for as long as that may take."""
Show = Callable[[Tx, Who, File], None]
"""Opens a file that has just been read for the agents that have its folder, where there is room."""

log = logging.getLogger("holdfast.files")


class Loader:
    """Reads files."""

    def __init__(self, db: Database, settle: Settle, show: Show) -> None:
        self._db = db
        self._settle = settle
        self._show = show
        self._id = new_id("process")
        self._came = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work(self._read_all)) for _ in range(AT_ONCE)]
        self._tasks.append(asyncio.create_task(self._work(self._watch)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def nudge(self) -> None:
        """A file has come."""
        self._came.set()
        self._came = asyncio.Event()

    async def _work(self, once: Callable[[], Awaitable[None]]) -> None:
        while True:
            came = self._came
            try:
                await once()
            except AppError as failed:
                log.error("files are not read for now: %s", failed.detail)
            except Exception:  # the background runner: without it no file would be read any more
                log.exception("files are not read for now")
            try:
                await asyncio.wait_for(came.wait(), POLL_S)
            except TimeoutError:
                continue

    async def _read_all(self) -> None:
        while await self._db.read(work.is_waiting):
            file = await self._db.write(work.claim, self._id)
            if file is None:
                return
            await self._read(file)

    async def _read(self, file: File) -> None:
        renewing = asyncio.create_task(self._renew(file))
        try:
            found = await self._text_of(file)
        except reader.CannotRead as refused:
            await self._db.write(work.fail, file, str(refused))
            return
        except asyncio.CancelledError:
            await self._db.write(work.release, file)
            raise
        finally:
            renewing.cancel()
        if found is None or not await self._store(file, _pieces(found)):
            return
        await self._settle(Who(file.organization_id, None), file.folder_id)
        await self._watch()

    async def _renew(self, file: File) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._db.write(work.renew, file)

    async def _text_of(self, file: File) -> Mapping[str, Any] | None:
        sent = await self._db.read(contents.get, Who(file.organization_id, None), file.id)
        return None if sent is None else await reader.run({"do": "read", "kind": file.kind}, sent)

    async def _store(self, file: File, pieces: Sequence[Piece]) -> bool:
        """Store what was read; False when nobody wants it any more."""
        if not await self._db.write(work.begin, file):
            return False
        for first in range(0, len(pieces), STORED):
            if not await self._db.write(work.add, file, list(pieces[first : first + STORED])):
                return False
        return await self._db.write(self._finish, file, len(pieces))

    def _finish(self, tx: Tx, file: File, total: int) -> bool:
        if not work.finish(tx, file, total):
            return False
        self._show(tx, Who(file.organization_id, None), file)
        return True

    async def _watch(self) -> None:
        for file, embedded in await self._db.read(work.watched):
            await self._db.write(work.note, file, embedded)


def _pieces(found: Mapping[str, Any]) -> list[Piece]:
    return list(_cut(found["text"], found["pieces"]))


def _cut(text: str, begins: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    ends = [begin for begin, _ in begins[1:]] + [len(text)]
    for position, ((begin, line), end) in enumerate(zip(begins, ends, strict=True)):
        yield Piece(position, line, text[begin:end])
