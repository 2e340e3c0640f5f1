"""One list of everything that is worked on in the background: loads of files, and batches."""

from collections.abc import Sequence
from datetime import datetime

from holdfast.auth.model import Who
from holdfast.batches import store as batches
from holdfast.batches.model import Batch
from holdfast.files import jobs as loads
from holdfast.jobs.wire import JobJson, batch, load
from holdfast.kit.page import Page
from holdfast.store.table import Tx

Place = tuple[datetime, str, bool]
"""When a job was made, its id, and whether what is wanted was made after it."""


def page(tx: Tx, who: Who, page: Page, folder_id: str | None, active: bool) -> list[JobJson]:
    """A page of jobs; a folder has only loads."""
    cursors = [(id, onwards) for id, onwards in ((page.after, True), (page.before, False)) if id is not None]
    bounds: list[Place] = [(*_place(tx, who, id), onwards != page.newest_first) for id, onwards in cursors]
    backwards = page.before is not None and page.after is None
    newest_first = page.newest_first != backwards
    whole = Page(page.limit, "desc" if newest_first else "asc")
    found = _loads(tx, who, whole, folder_id, active, bounds)
    if folder_id is None:
        found += _batches(tx, who, whole, active, bounds)
    found.sort(key=lambda job: (job["created_at"], job["id"]), reverse=newest_first)
    kept = found[: page.limit]
    return kept[::-1] if backwards else kept


def one(tx: Tx, who: Who, id: str) -> JobJson:
    """A job, whatever it is."""
    if (found := batches.rows.find(tx, who, id)) is not None:
        return batch(found, batches.standings(tx, who, [id])[id])
    return load(loads.get(tx, who, id))


def shown(tx: Tx, who: Who, found: Sequence[Batch]) -> list[JobJson]:
    """Batches with how far they are."""
    standings = batches.standings(tx, who, [each.id for each in found])
    return [batch(each, standings[each.id]) for each in found]


def _place(tx: Tx, who: Who, id: str) -> tuple[datetime, str]:
    job = one(tx, who, id)
    return job["created_at"], job["id"]


def _loads(tx: Tx, who: Who, page: Page, folder_id: str | None, active: bool, bounds: Sequence[Place]) -> list[JobJson]:
    beyond = [loads.rows.beyond(moment, loads.file_id_of(id), upwards) for moment, id, upwards in bounds]
    return [load(file) for file in loads.page(tx, who, page, folder_id, active, *beyond)]


def _batches(tx: Tx, who: Who, page: Page, active: bool, bounds: Sequence[Place]) -> list[JobJson]:
    beyond = [batches.rows.beyond(*place) for place in bounds]
    return shown(tx, who, batches.page(tx, who, page, active, *beyond))
