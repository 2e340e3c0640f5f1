"""What stands in for an embedding: the server measures meaning itself, and is sent the text that a vector names."""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

from holdfast.integrations.crewai.failures import MemoryServiceError

DIMENSIONS = 64
KEPT = 4096
"""So many texts are known by their vectors; CrewAI searches right after it has asked for a vector."""


class TextNames:
    """An embedder for CrewAI. Equal texts have equal vectors, any two others have nothing in common."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[float, ...], str] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._named(text) for text in texts]

    def text(self, vector: Sequence[float]) -> str:
        """The text of a vector."""
        with self._lock:
            found = self._texts.get(tuple(vector))
        if found is None:
            raise MemoryServiceError(
                "CrewAI searches with a vector of another embedder, and the server needs the text. Give Memory both: "
                "Memory(storage=storage, embedder=storage.embedder)."
            )
        return found

    def _named(self, text: str) -> list[float]:
        digest = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=DIMENSIONS // 8).digest())
        length = 1 / math.sqrt(DIMENSIONS)
        vector = tuple(length if digest >> place & 1 else -length for place in range(DIMENSIONS))
        with self._lock:
            self._texts[vector] = text
            self._texts.move_to_end(vector)
            while len(self._texts) > KEPT:
                self._texts.popitem(last=False)
        return list(vector)
