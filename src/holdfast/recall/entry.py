"""What search keeps of one item, and its form in a column of the database."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from holdfast.recall.analyser import terms
from holdfast.recall.chunks import chunks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TAIL = 400
"""So many characters at the end of an item help to find the next one of its session, if that is short."""

MOST_PIECES = 512
"""Vectors of one item, each of a piece in up to about 460,000 characters; in a longer text, of neighbouring pieces."""
MOST_READ = 8 * MOST_PIECES
"""Pieces of one item that a model reads: about 3,700,000 characters."""

NO_VECTORS: "Mapping[str, NDArray[np.float32]]" = MappingProxyType({})

ROLES = ("user", "assistant", "system", "")

_NAMED = re.compile(r"\s*([^\W\d_][\w.'’ -]{0,39}?):\s+\S")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Told:
    """The words of an item, analysed."""

    terms: Sequence[str]
    tail: Sequence[str]
    """The terms of its end."""
    words: int
    """How many words it has as people count them."""


@dataclass(frozen=True, slots=True)
class ShelfEntry(Told):
    """One item of a corpus."""

    id: str
    group: str
    """Items of one group follow each other."""
    position: int
    at: float
    role: str
    speaker: str | None
    vectors: "Mapping[str, NDArray[np.float32]]"
    """By model: a row for each piece of the text."""

    def without_vectors(self) -> "ShelfEntry":
        told, named = (self.terms, self.tail, self.words), (self.id, self.group, self.position, self.at)
        return ShelfEntry(*told, *named, self.role, self.speaker, NO_VECTORS)


def speaker_of(text: str, speaker: str | None) -> str | None:
    """Who said it: as is known, or as a transcript writes it in front."""
    if speaker is not None and speaker not in ROLES:
        return speaker
    named = _NAMED.match(text[:80])
    return named[1] if named else None


def own_text(text: str, speaker: str | None) -> str:
    """The text with the name of who said it: questions name people."""
    if speaker is None or speaker in ROLES or text.lstrip().startswith(f"{speaker}:"):
        return text
    return f"{speaker}: {text}"


def describe(text: str, speaker: str | None) -> Told:
    own = own_text(text, speaker)
    return Told(terms(own), terms(own[-TAIL:]), len(_WORD.findall(text)))


def pieces(text: str, speaker: str | None) -> list[str]:
    """What a model is to make vectors of; what comes after the first pieces of a whole book is found by its words."""
    return chunks(own_text(text, speaker))[:MOST_READ]


def merged(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """No more vectors than an item may have: neighbouring pieces of a whole book share one."""
    import numpy as np

    if len(vectors) <= MOST_PIECES:
        return vectors
    begins = np.arange(MOST_PIECES) * len(vectors) // MOST_PIECES
    sums = np.add.reduceat(vectors, begins)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def pack_terms(told: Told) -> bytes:
    return "\n".join((str(told.words), " ".join(told.terms), " ".join(told.tail))).encode()


def unpack_terms(packed: bytes) -> Told:
    """Words are shared: each stands in many entries."""
    words, own, tail = packed.decode().split("\n")
    terms_of_all = _shared(own)
    return Told(terms_of_all, terms_of_all if tail == own else _shared(tail), int(words))


def _shared(text: str) -> list[str]:
    return [sys.intern(term) for term in text.split(" ")] if text else []


def pack_vectors(vectors: "NDArray[np.float32 | np.float16]") -> bytes:
    """Half precision: what it loses is far below what separates two texts."""
    import numpy as np

    count, dimension = vectors.shape
    return dimension.to_bytes(4, "little") + vectors.astype(np.float16, copy=False).tobytes() if count else b""


def unpack_vectors(packed: bytes) -> "NDArray[np.float32]":
    import numpy as np

    dimension = int.from_bytes(packed[:4], "little")
    return np.frombuffer(packed, np.float16, offset=4).reshape(-1, dimension).astype(np.float32)
