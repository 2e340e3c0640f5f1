"""Storing passages without storing twice what is there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from holdfast.archives import passages
from holdfast.archives.model import NewPassage, Passage
from holdfast.archives.passages import Note
from holdfast.auth.model import Who
from holdfast.history.model import NOTHING, Cause
from holdfast.store.table import Tx


@dataclass(frozen=True, slots=True)
class Beforehand:
    """What the search knows of passages that are to be stored."""

    same: Mapping[str, str] = field(default_factory=dict[str, str])
    """The passages that say the same already, by text."""
    note: Note | None = None
    """Makes known what is stored; without it the search finds that out for itself."""


def keep(
    tx: Tx, who: Who, archive_id: str, new: Sequence[NewPassage], known: Beforehand, cause: Cause = NOTHING
) -> list[Passage]:
    """Store passages, but for those that are no news: equal to another one, or to one that was seen to say the same.

    What is there already gets their tags.
    """
    there = {text: found for text, id in known.same.items() if (found := _shown(tx, who, archive_id, id))}
    first = dict[str, NewPassage]()
    for each in new:
        if each.text in there:
            there[each.text] = _tagged(tx, who, there[each.text], each.tags, cause)
        elif each.text in first:
            first[each.text] = _with_tags(first[each.text], each.tags)
        else:
            first[each.text] = each
    made = passages.insert(tx, who, archive_id, list(first.values()), cause, known.note)
    stored = dict(zip(first, made, strict=True)) | there
    return [stored[each.text] for each in new]


def _shown(tx: Tx, who: Who, archive_id: str, id: str) -> Passage | None:
    """The passage, unless it was deleted or superseded meanwhile."""
    found = passages.rows.find(tx, who, id)
    return found if found is not None and found.archive_id == archive_id and found.is_shown else None


def _tagged(tx: Tx, who: Who, found: Passage, tags: Sequence[str], cause: Cause) -> Passage:
    more = [*found.tags, *(tag for tag in tags if tag not in found.tags)]
    return passages.change(tx, who, found.id, {"tags": more}, replace(cause, reason="said again"))


def _with_tags(first: NewPassage, tags: Sequence[str]) -> NewPassage:
    return first.model_copy(update={"tags": list(dict.fromkeys([*first.tags, *tags]))})
