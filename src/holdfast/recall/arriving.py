"""Items as entries of the search, and passages that get theirs in the transaction that stores them."""

from collections.abc import Iterable, Mapping, Sequence

from holdfast.archives.model import Archive, NewPassage, Passage
from holdfast.recall.entry import describe, pack_terms, speaker_of
from holdfast.recall.items import Item, of_passage, said_by
from holdfast.store import search
from holdfast.store.search import EntryRow
from holdfast.store.table import Tx

Spoken = tuple[str, str | None]
"""A text, and who is known to have said it."""


def words_of(said: Spoken) -> bytes:
    text, speaker = said
    return pack_terms(describe(text, speaker_of(text, speaker)))


def entry_of(item: Item, default: str, words: bytes) -> EntryRow:
    """The entry of an item, without vectors."""
    place = (item.corpus.organization_id, item.id, item.corpus.kind, item.corpus.id or "")
    if not item.text:
        return EntryRow(*place, is_gone=True)
    return EntryRow(
        *place,
        thread=item.thread,
        position=item.position,
        at=int(item.at.timestamp() * 1e6),
        role=item.role,
        speaker=speaker_of(item.text, item.speaker),
        terms=words,
        wants=item.model or default,
        by_default=item.model is None,
    )


class Arriving:
    """Passages that are about to be stored, whose words are known already."""

    def __init__(self, new: Iterable[NewPassage], default: str) -> None:
        self._words: Mapping[Spoken, bytes] = {
            said: words_of(said) for said in {(each.text, said_by(each)) for each in new}
        }
        self._default = default
        self.items: Mapping[str, Item] = {}
        """What was stored, by id."""
        self.entries: Sequence[EntryRow] = ()

    def note(self, tx: Tx, archive: Archive, made: Sequence[Passage]) -> None:
        """Store the entries of passages that are being stored; the archive is locked, so that its model stays."""
        items = [of_passage(passage, archive.embedding) for passage in made]
        rows = [entry_of(item, self._default, self._words[item.text, item.speaker]) for item in items]
        self.entries = search.add(tx, rows)
        self.items = {item.id: item for item in items}
