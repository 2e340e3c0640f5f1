"""Finding tools by what they are for. An organization has few of them: they are ranked anew for every question."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from holdfast.auth.model import Who
from holdfast.embed.bundled import Bundled
from holdfast.kit.page import Page
from holdfast.recall.analyser import query_terms, terms
from holdfast.recall.indexer import Choose
from holdfast.recall.postings import Postings
from holdfast.recall.query import Mode
from holdfast.recall.search import LONGEST_QUERY
from holdfast.store.database import Database
from holdfast.tools import store
from holdfast.tools.model import Tool, ToolFilter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

KEPT = 4_096
"""So many vectors are kept in memory, those used last."""
MOST_TOOLS = 5_000
"""The newest are searched."""
LONGEST_TEXT = 2_000
"""What of a tool's description is searched."""
RANKS = 60
"""Of reciprocal rank fusion, as usual: how little the first places differ."""


@dataclass(frozen=True, slots=True)
class FoundTool:
    """A tool, its places by words and by meaning, and what they add up to."""

    tool: Tool
    text: str
    score: float = 0.0
    by_words: int | None = None
    by_meaning: int | None = None


class Toolbox:
    """Searches the tools of an organization."""

    def __init__(self, db: Database, choose: Choose) -> None:
        self._db = db
        self._choose = choose
        self._vectors = OrderedDict[str, Any]()

    async def search(
        self, who: Who, query: str, wanted: ToolFilter, tags: Sequence[str], mode: Mode
    ) -> Sequence[FoundTool]:
        """The tools that fit, best first; without a query the newest first."""
        if await self._db.read(store.lacks_builtins, who):
            await self._db.write(store.ensure_builtins, who)
        stored = await self._db.read(store.page, who, Page(MOST_TOOLS, "desc"), wanted)
        found = [tool for tool in stored if not tags or set(tags) & set(tool.tags)]
        query = query.strip()[:LONGEST_QUERY]
        if not query or not found:
            return [FoundTool(tool, _text(tool)) for tool in found]
        texts = [_text(tool) for tool in found]
        question = None if mode == "fts" else (await self._embedded(who, [query], is_query=True))[0]
        vectors = [] if question is None else await self._embedded(who, texts)
        by_words = {} if mode == "vector" else await asyncio.to_thread(_by_words, texts, query)
        by_meaning = {} if question is None else _by_meaning(vectors, question)
        ranked = [
            FoundTool(tool, text, _score(by_words.get(at), by_meaning.get(at)), by_words.get(at), by_meaning.get(at))
            for at, (tool, text) in enumerate(zip(found, texts, strict=True))
        ]
        return sorted((each for each in ranked if each.score > 0), key=lambda each: -each.score)

    async def _embedded(self, who: Who, texts: Sequence[str], *, is_query: bool = False) -> "list[Vector]":
        """The vectors of texts, made once for each text."""
        embedder = await self._choose(who.organization_id, Bundled.handle)
        known = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known |= zip(missing, await embedder.embed(missing, is_query=is_query), strict=True)
        if not is_query:
            self._vectors |= known
        while len(self._vectors) > KEPT:
            self._vectors.popitem(last=False)
        return [known[text] for text in texts]


def _text(tool: Tool) -> str:
    """What a tool says of itself: its name in words, what it does, what it takes, its tags."""
    lines = [tool.name.replace("_", " ").replace("-", " "), tool.description or ""]
    for name, schema in tool.arguments.items():
        about: Any = cast(dict[str, Any], schema).get("description") if isinstance(schema, dict) else None
        lines.append(f"{name.replace('_', ' ')}: {about}" if isinstance(about, str) else name.replace("_", " "))
    lines += tool.tags
    return "\n".join(line for line in lines if line)[:LONGEST_TEXT]


def _by_words(texts: Sequence[str], query: str) -> dict[int, int]:
    """The places, from 1, of the texts that hold words of the question."""
    import numpy as np

    index, lengths = Postings(), np.zeros(len(texts))
    for row, text in enumerate(texts):
        words = terms(text)
        index.add(row, words)
        lengths[row] = len(words)
    scores = index.scores(list(query_terms(query)), lengths, np.ones(len(texts), np.bool_))
    order = [int(row) for row in np.argsort(-scores, kind="stable") if scores[row] > 0]
    return {row: place for place, row in enumerate(order, 1)}


def _by_meaning(vectors: "Sequence[Vector]", question: "Vector") -> dict[int, int]:
    import numpy as np

    order = np.argsort(-(np.stack(vectors) @ question), kind="stable")
    return {int(row): place for place, row in enumerate(order, 1)}


def _score(*places: int | None) -> float:
    return sum(1 / (RANKS + place) for place in places if place is not None)
