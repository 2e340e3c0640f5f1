"""Undoing a run: what it changed in blocks and passages is put back, what it made is taken away.

It lives here because `agents` is the lowest layer that sees runs, blocks and archives.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from holdfast.agents import store as agents
from holdfast.archives import passages
from holdfast.archives.model import Passage
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block
from holdfast.errors import Conflict
from holdfast.history.model import Cause, Reason, Replaced, Tracked
from holdfast.history.store import State, Versioned
from holdfast.kit.entity import Shape
from holdfast.runs import store as runs
from holdfast.store.table import Tx

NAMED = 5
"""How many conflicting edits an error names."""

E = TypeVar("E", bound=Tracked)


class UndoRun(Shape):
    """The body of an undo of a run; nothing of it is needed."""

    force: bool = False
    reason: Reason = None


class UndoneChange(Shape):
    """A block or passage that a run had changed, and what was done about it."""

    kind: Literal["block", "passage"]
    id: str
    label: str | None = None
    action: Literal["put_back", "deleted", "detached", "attached"]


class UndoneRun(Shape):
    """What undoing a run came to; nothing when there was nothing left to undo."""

    run_id: str
    undone: list[UndoneChange]


@dataclass(frozen=True, slots=True)
class Touched(Generic[E]):
    """A block or passage that a run made or changed."""

    row: E
    is_made: bool
    is_detached: bool
    back_to: int | None
    """The version to go back to; None when the row has its state, or the run made it."""
    conflicts: Sequence[Replaced]
    """What somebody else has changed since, and nobody has undone."""


def undo_run(tx: Tx, who: Who, run_id: str, asked: UndoRun) -> UndoneRun:
    """Undo all that a run did to blocks and passages; later edits of others are an error unless forced."""
    run = runs.get(tx, who, run_id)
    if not run.is_over:
        raise Conflict(f"Run {run_id} is {run.status}; cancel it, or wait for its end, before undoing it.")
    of_passages = list(_touched(tx, who, passages.history, passages.held, run_id))
    of_blocks = list(_touched(tx, who, blocks.history, blocks.history.held, run_id))
    held = {block.id for block in blocks.of_agent(tx, who, run.agent_id)}
    if not asked.force:
        left = [each for each in of_passages if not each.row.is_deleted or not each.is_made]
        _refuse_conflicts(run_id, [*(each for each in of_blocks if each.row.id in held or not each.is_made), *left])
    cause = Cause(reason=asked.reason or f"Undo of {run_id}.", action="undo")
    undone = [change for each in of_passages for change in _undo_passage(tx, who, each, cause)]
    for each in of_blocks:
        undone += _undo_block(tx, who, each, run.agent_id if each.row.id in held else None, cause)
        if each.is_detached and not each.is_made and each.row.id not in held:
            blocks.attach(tx, who, agents.get(tx, who, run.agent_id).id, [each.row])
            undone.append(_of_block(each.row, "attached"))
    return UndoneRun(run_id=run_id, undone=undone)


def _touched(
    tx: Tx, who: Who, history: Versioned[E, Any], hold: Callable[[Tx, Who, str], E], run_id: str
) -> Iterator[Touched[E]]:
    """What a run touched; what it made goes before what that took the place of comes back."""
    made = {row.id for row in history.made_by(tx, who, run_id)}
    changed = history.changed_by(tx, who, run_id)
    for id in sorted({*made, *changed}, key=lambda each: each not in made):
        row, own = hold(tx, who, id), changed.get(id, [])
        first = 1 if id in made else own[0].version
        since = history.since(tx, who, id, first)
        course = _Course([*map(history.state_of, since), history.state_of(row)], first, own)
        undone = id not in made and course.is_undone
        yield Touched(
            row=row,
            is_made=id in made,
            is_detached=any(each.action == "detach" for each in own),
            back_to=None if id in made or undone else history.effective(tx, who, row, first),
            conflicts=[] if undone else course.conflicts(since),
        )


@dataclass(frozen=True, slots=True)
class _Course:
    """The states of a row from before a run's first change until now."""

    states: Sequence[State]
    first: int
    """The version of the first state."""
    own: Sequence[Replaced]

    @property
    def last(self) -> int:
        """The version that the run left."""
        return self.own[-1].version + 1 if self.own else self.first

    @property
    def is_undone(self) -> bool:
        """Whether the state from before the run has been there again, and not been replaced by the run's since."""
        at = self.last - self.first
        before, after = self.states[0], self.states[at]
        return next((state == before for state in reversed(self.states[at:]) if state in (before, after)), False)

    def conflicts(self, since: Sequence[Replaced]) -> list[Replaced]:
        """What others changed among the run's changes, and after them unless the run's state is there again."""
        mine = {each.version for each in self.own}
        others = [each for each in since if each.version not in mine]
        if self.states[-1] == self.states[self.last - self.first]:
            return [each for each in others if each.version < self.last]
        return others


def _refuse_conflicts(run_id: str, touched: Sequence[Touched[Block] | Touched[Passage]]) -> None:
    found = [(each.row, edit) for each in touched for edit in each.conflicts]
    if not found:
        return
    named = "; ".join(_named(row, edit) for row, edit in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    refused = Conflict(
        f"What run {run_id} changed was changed again since: {named}{more}. Undo these first, or send "
        '{"force": true} to put everything back all the same; the later edits stay in the history.',
        conflicts=[{"id": row.id, "version": edit.version + 1, "run_id": edit.run_id} for row, edit in found],
    )
    refused.retry = False
    raise refused


def _named(row: Block | Passage, edit: Replaced) -> str:
    what = f"block {row.label!r} ({row.id})" if isinstance(row, Block) else row.id.replace("-", " ", 1)
    by = f"run {edit.run_id}" if edit.run_id else f"key {edit.key_id}" if edit.key_id else "the API"
    return f"{what}: {edit.action} by {by} at {edit.created_at:%Y-%m-%d %H:%M:%S} UTC, version {edit.version + 1}"


def _undo_passage(tx: Tx, who: Who, each: Touched[Passage], cause: Cause) -> Iterator[UndoneChange]:
    if each.is_made and not each.row.is_deleted:
        passages.delete(tx, who, each.row.id, cause)
        yield UndoneChange(kind="passage", id=each.row.id, action="deleted")
    elif each.back_to is not None:
        passages.put_back(tx, who, each.row, each.back_to, cause)
        yield UndoneChange(kind="passage", id=each.row.id, action="put_back")


def _undo_block(tx: Tx, who: Who, each: Touched[Block], holder: str | None, cause: Cause) -> Iterator[UndoneChange]:
    if each.is_made and holder is not None:
        blocks.detach(tx, who, holder, each.row.id, cause)
        yield _of_block(each.row, "detached")
    elif each.back_to is not None:
        yield _of_block(blocks.put_back(tx, who, each.row, each.back_to, cause), "put_back")


def _of_block(block: Block, action: Literal["put_back", "detached", "attached"]) -> UndoneChange:
    return UndoneChange(kind="block", id=block.id, label=block.label, action=action)
