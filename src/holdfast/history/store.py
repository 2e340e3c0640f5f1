"""The states that blocks and passages had: one table of them for each, and what can be done with any."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import BadRequest, Conflict, NotFound
from holdfast.history.diff import unified
from holdfast.history.model import Cause, Change, Difference, Replaced, Tracked
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.prepared import Prepared
from holdfast.store.table import Rows, Tx, Where

E = TypeVar("E", bound=Tracked)
V = TypeVar("V", bound=Replaced)
State = dict[str, Any]


class Versioned(Generic[E, V]):
    """The past states of one kind of row; version n of a row is its n-th state, the last one is the row itself."""

    def __init__(
        self,
        rows: Rows[E],
        versions: Rows[V],
        state: Sequence[str],
        also: Sequence[str] = (),
        resets: Mapping[str, Any] | None = None,
    ) -> None:
        self.rows = rows
        self.versions = versions
        self.owner = f"{rows.noun}_id"
        """The column of a version that names its row."""
        self.state = state
        """The columns that are kept of a row, its text first."""
        self.text = state[0]
        self._also = also
        """Columns that are kept too, and never change."""
        self._resets = resets or {}
        """Columns that every change sets."""
        self._keep = self._copying()

    def _copying(self) -> Prepared:
        rows, versions = self.rows, self.versions
        copied: dict[str, Any] = {"organization_id": rows.c.organization_id, self.owner: rows.c.id}
        copied |= {name: rows.c[name] for name in ("version", *self.state, *self._also)}
        columns = [copied.get(str(c.name), sa.bindparam(f"own_{c.name}", type_=c.type)) for c in versions.c]
        mine = rows.c.organization_id == sa.bindparam("org"), rows.c.id == sa.bindparam("key")
        before = sa.select(*columns).where(*mine).with_for_update()
        copying = versions.table.insert().from_select(list(versions.c.keys()), before)
        return Prepared(copying)

    def keep(self, tx: Tx, who: Who, id: str, cause: Cause) -> None:
        """Copy a row's state into its history and hold the row until the transaction ends, if it is there."""
        moment = now()
        own = {
            **asdict(cause),
            "id": new_id(f"{self.rows.noun}_version"),
            "created_at": moment,
            "updated_at": moment,
            "created_by_id": who.user_id,
            "last_updated_by_id": who.user_id,
            "key_id": who.key_id,
        }
        values = {f"own_{name}": value for name, value in own.items()} | {"org": who.organization_id, "key": id}
        self._keep.soon(tx, values)

    def change(self, tx: Tx, who: Who, id: str, values: Mapping[str, Any], cause: Cause) -> E:
        """Set columns; the state before is kept as a version."""
        self.keep(tx, who, id, cause)
        return self.rows.update(tx, who, id, {**values, **self._resets}, counting="version")

    def state_of(self, row: E | V) -> State:
        return {name: getattr(row, name) for name in self.state}

    def page(self, tx: Tx, who: Who, id: str, page: Page) -> list[Change]:
        """The changes of a row, by version."""
        row = self.rows.get(tx, who, id)
        first, last = _window(page, row.version)
        if first > last:
            return []
        past = self._past(tx, who, id, first - 1, last)
        found = [self._shown(row, past, version) for version in range(first, last + 1)]
        return found[::-1] if page.newest_first else found

    def get(self, tx: Tx, who: Who, id: str, version: int) -> Change:
        """The change that made a version."""
        row = self.rows.get(tx, who, id)
        if not 1 <= version <= row.version:
            raise self._no_such(row, version)
        return self._shown(row, self._past(tx, who, id, version - 1, version), version)

    def difference(self, tx: Tx, who: Who, id: str, first: int | None, last: int | None) -> Difference:
        """How a version differs from another; by default the newest from the one before, and 0 is nothing at all."""
        row = self.rows.get(tx, who, id)
        to = row.version if last is None else last
        since = to - 1 if first is None else first
        before, after = self._state_or_nothing(tx, who, row, since), self._state_or_nothing(tx, who, row, to)
        texts = (str(state.get(self.text) or "") for state in (before, after))
        names = (f"version {version} of {id}" for version in (since, to))
        others = [name for name in self.state if name != self.text and before.get(name) != after.get(name)]
        return Difference(
            from_version=since,
            to_version=to,
            diff=unified(*texts, *names),
            changed={name: [before.get(name), after.get(name)] for name in others},
        )

    def _state_or_nothing(self, tx: Tx, who: Who, row: E, version: int) -> State:
        return {} if version == 0 else self.state_at(tx, who, row, version)

    def state_at(self, tx: Tx, who: Who, row: E, version: int) -> State:
        """The state of a row's version."""
        if version == row.version:
            return self.state_of(row)
        kept = self._past(tx, who, row.id, version, version).get(version)
        if kept is None:
            raise self._no_such(row, version)
        return self.state_of(kept)

    def held(self, tx: Tx, who: Who, id: str) -> E:
        """A row, locked until the transaction ends."""
        c = self.rows.c
        mine = c.organization_id == who.organization_id, c.id == id
        found = tx.execute(sa.select(self.rows.table).where(*mine).with_for_update()).one_or_none()
        if found is None:
            raise self.rows.missing(id)
        return self.rows.load(found)

    def effective(self, tx: Tx, who: Who, row: E, version: int) -> int:
        """The version whose state a version really is: what an undo made is an earlier one again."""
        made = self._past(tx, who, row.id, version - 1, version - 1).get(version - 1)
        return version if made is None or made.back_to is None else made.back_to

    def before_last(self, tx: Tx, who: Who, row: E) -> int:
        """The version that an undo puts back; undoing again goes further back."""
        current = self.effective(tx, who, row, row.version)
        if current == 1:
            raise Conflict(
                f"There is no earlier version of {self.rows.noun} {row.id} to go back to: this is how it was made. "
                f"Its versions are at /v1/{self.rows.noun}s/{row.id}/versions."
            )
        return self.effective(tx, who, row, current - 1)

    def put_back(self, tx: Tx, who: Who, row: E, version: int, cause: Cause) -> E:
        """Give a row the state of one of its versions, as a new version."""
        if cause.action == "undo":
            cause = replace(cause, back_to=version)
        return self.change(tx, who, row.id, self.state_at(tx, who, row, version), cause)

    def changed_by(self, tx: Tx, who: Who, run_id: str) -> dict[str, list[V]]:
        """What a run replaced, by row, oldest first."""
        found: dict[str, list[V]] = {}
        mine = self.versions.c.run_id == run_id
        for each in self.versions.all(tx, who, mine, order=[self.versions.c.version]):
            found.setdefault(getattr(each, self.owner), []).append(each)
        return found

    def made_by(self, tx: Tx, who: Who, run_id: str) -> list[E]:
        """What a run made, oldest first."""
        c = self.rows.c
        return self.rows.all(tx, who, c.origin_run_id == run_id, order=[c.created_at, c.id])

    def since(self, tx: Tx, who: Who, id: str, version: int) -> list[V]:
        """The versions of a row from one on that were replaced."""
        c = self.versions.c
        return self.versions.all(tx, who, c[self.owner] == id, c.version >= version, order=[c.version])

    def delete(self, tx: Tx, who: Who, *where: Where) -> None:
        """Forget past states for good."""
        gone = self.versions.table.delete().where(self.versions.c.organization_id == who.organization_id, *where)
        tx.execute(gone)

    def _past(self, tx: Tx, who: Who, id: str, first: int, last: int) -> dict[int, V]:
        c = self.versions.c
        kept = self.versions.all(tx, who, c[self.owner] == id, c.version.between(first, last))
        return {each.version: each for each in kept}

    def _shown(self, row: E, past: Mapping[int, V], version: int) -> Change:
        replaced = past.get(version - 1)
        after = past.get(version, row)
        if replaced is None:
            return Change(
                version=version,
                action="create",
                at=row.made_at,
                run_id=row.origin_run_id,
                step_id=row.origin_step_id,
                tool_call_id=row.origin_call_id,
                key_id=row.origin_key_id,
                user_id=row.created_by_id,
                reason=None,
                before=None,
                after=self.state_of(after),
            )
        told = {name: getattr(replaced, name) for name in ("action", "run_id", "step_id", "tool_call_id", "key_id")}
        return Change(
            **told,
            version=version,
            at=replaced.created_at,
            user_id=replaced.created_by_id,
            reason=replaced.reason,
            before=self.state_of(replaced),
            after=self.state_of(after),
        )

    def _no_such(self, row: E, version: int) -> NotFound:
        noun = self.rows.noun
        return NotFound(f"There is no version {version} of {noun} {row.id}; it has the versions 1 to {row.version}.")


def origin(who: Who, cause: Cause) -> dict[str, Any]:
    """The columns that say what made a row."""
    return {
        "origin_run_id": cause.run_id,
        "origin_step_id": cause.step_id,
        "origin_call_id": cause.tool_call_id,
        "origin_key_id": who.key_id,
    }


def _window(page: Page, newest: int) -> tuple[int, int]:
    """The first and the last version of a page; cursors are versions, meant relative to the order."""
    lowest, highest = 1, newest
    for cursor, onwards in ((_number(page.after), True), (_number(page.before), False)):
        if cursor is None:
            continue
        if onwards == page.newest_first:
            highest = min(highest, cursor - 1)
        else:
            lowest = max(lowest, cursor + 1)
    from_the_top = page.newest_first != (page.before is not None and page.after is None)
    if from_the_top:
        return max(lowest, highest - page.limit + 1), highest
    return lowest, min(highest, lowest + page.limit - 1)


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
        raise BadRequest(f"`before` and `after` are versions here, such as 12, and {cursor[:50]!r} is none.")
    return int(cursor)
