"""What is indexed: messages, passages and file passages as items of their corpora, read from their nouns' rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.archives.model import ChangePassage, Passage
from holdfast.auth.model import Who
from holdfast.files import chunks, folders
from holdfast.files.model import Chunk
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.messages.said import said
from holdfast.store.search import FILES, MESSAGES, PASSAGES, Corpus
from holdfast.store.table import Tx


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be found."""

    id: str
    corpus: Corpus
    thread: str
    """Items of one thread follow each other: what was said before helps to find what was answered."""
    position: int
    at: datetime
    role: str
    speaker: str | None
    text: str
    """Empty for what is not to be found, or not any more."""
    version: int = 0
    """Of its row, as it was read."""
    model: str | None = None
    """The embedding model that its corpus has chosen; None for the server's default."""


class ItemSource(Protocol):
    """The rows of one noun, as far as search does not know them yet."""

    kind: str

    def waiting(self, tx: Tx, limit: int, corpus: Corpus | None = None) -> Sequence[Item]: ...

    def unknown(self, tx: Tx, corpus: Corpus) -> Mapping[str | None, int]:
        """How many there are of them, by the embedding model that their corpus has chosen."""
        ...

    def mark(self, tx: Tx, items: Sequence[Item]) -> None:
        """Note that these are known now, unless they have changed since they were read."""
        ...

    def again(self, tx: Tx, organization_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
        """Items that are known already, by id; those that are gone are left out."""
        ...


class Messages:
    """What was said to and by agents, each of which is a corpus."""

    kind = MESSAGES

    def waiting(self, tx: Tx, limit: int, corpus: Corpus | None = None) -> Sequence[Item]:
        where = (corpus.organization_id, corpus.id) if corpus else (None, None)
        return [_of_message(message) for message in messages.unindexed(tx, limit, *where)]

    def unknown(self, tx: Tx, corpus: Corpus) -> Mapping[str | None, int]:
        return {None: messages.count_unknown(tx, Who(corpus.organization_id, None), corpus.id)}

    def mark(self, tx: Tx, items: Sequence[Item]) -> None:
        for organization_id, some in groupby(items, lambda item: item.corpus.organization_id):
            messages.mark_indexed(tx, organization_id, [item.id for item in some])

    def again(self, tx: Tx, organization_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
        return {id: _of_message(message) for id, message in messages.many(tx, Who(organization_id, None), ids).items()}


def _of_message(message: Message) -> Item:
    return Item(
        id=message.id,
        corpus=Corpus(message.organization_id, MESSAGES, message.agent_id),
        thread=message.thread_id,
        position=message.sequence,
        at=message.created_at,
        role=message.role,
        speaker=message.name,
        text=said(message),
    )


class Passages:
    """What is kept in archives, each of which is a corpus. What was superseded stays: searches may ask for then."""

    kind = PASSAGES

    def waiting(self, tx: Tx, limit: int, corpus: Corpus | None = None) -> Sequence[Item]:
        where = (corpus.organization_id, corpus.id) if corpus else (None, None)
        return [of_passage(passage, model) for passage, model in passages.unindexed(tx, limit, *where)]

    def unknown(self, tx: Tx, corpus: Corpus) -> Mapping[str | None, int]:
        return passages.count_unknown(tx, Who(corpus.organization_id, None), corpus.id)

    def mark(self, tx: Tx, items: Sequence[Item]) -> None:
        for organization_id, some in groupby(items, lambda item: item.corpus.organization_id):
            passages.mark_indexed(tx, Who(organization_id, None), {item.id: item.version for item in some})

    def again(self, tx: Tx, organization_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
        who = Who(organization_id, None)
        found = passages.by_ids(tx, who, ids)
        held = archives.rows.many(tx, who, {passage.archive_id for passage in found.values()})
        return {id: of_passage(passage, held[passage.archive_id].embedding) for id, passage in found.items()}


def said_by(passage: ChangePassage) -> str | None:
    """Who said what a passage tells, if it names anybody."""
    speaker: Any = passage.metadata.get("speaker")
    return speaker if isinstance(speaker, str) and speaker.strip() else None


def of_passage(passage: Passage, model: str | None) -> Item:
    speaker = said_by(passage)
    return Item(
        id=passage.id,
        corpus=Corpus(passage.organization_id, PASSAGES, passage.archive_id),
        thread="",
        position=passage.position,
        at=passage.created_at,
        role=speaker if speaker in ("user", "assistant") else "",
        speaker=speaker,
        text="" if passage.is_deleted else passage.text,
        version=passage.version,
        model=model,
    )


class Files:
    """What is written in files; each folder is a corpus, in which the chunks of a file follow each other."""

    kind = FILES

    def waiting(self, tx: Tx, limit: int, corpus: Corpus | None = None) -> Sequence[Item]:
        where = (corpus.organization_id, corpus.ids) if corpus else (None, None)
        return [_of_chunk(chunk, model) for chunk, model in chunks.unindexed(tx, limit, *where)]

    def unknown(self, tx: Tx, corpus: Corpus) -> Mapping[str | None, int]:
        """Of all folders: nobody asks for one."""
        return chunks.count_unknown(tx, Who(corpus.organization_id, None))

    def mark(self, tx: Tx, items: Sequence[Item]) -> None:
        for organization_id, some in groupby(items, lambda item: item.corpus.organization_id):
            chunks.mark_indexed(tx, Who(organization_id, None), [item.id for item in some])

    def again(self, tx: Tx, organization_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
        who = Who(organization_id, None)
        found = chunks.by_ids(tx, who, ids)
        held = folders.rows.many(tx, who, {chunk.folder_id for chunk in found.values()})
        return {id: _of_chunk(chunk, held[chunk.folder_id].embedding) for id, chunk in found.items()}


def _of_chunk(chunk: Chunk, model: str | None) -> Item:
    return Item(
        id=chunk.id,
        corpus=Corpus(chunk.organization_id, FILES, chunk.folder_id),
        thread=chunk.file_id,
        position=chunk.position,
        at=chunk.created_at,
        role="",
        speaker=None,
        text=chunk.text,
        model=model,
    )


SOURCES: Mapping[str, ItemSource] = {source.kind: source for source in (Messages(), Passages(), Files())}
