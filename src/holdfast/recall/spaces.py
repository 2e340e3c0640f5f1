"""The vectors of one model: every piece of every row, compared with a question at once."""

from typing import TYPE_CHECKING

from holdfast.recall.columns import Column

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 8192
"""Pieces that are widened to full precision together."""

NOBODY = -1


class Space:
    """Rows have none, one or several vectors of one length."""

    def __init__(self, dimension: int) -> None:
        import numpy as np

        self._vectors = Column(np.float16, dimension)
        self._owners = Column(np.int32)
        self._places: dict[int, tuple[int, int]] = {}
        self.dimension = dimension

    def put(self, row: int, vectors: "NDArray[np.float32]") -> None:
        self.drop(row)
        begin = len(self._owners.values)
        self._vectors.extend(vectors)
        for _ in vectors:
            self._owners.append(row)
        self._places[row] = (begin, begin + len(vectors))

    def drop(self, row: int) -> None:
        place = self._places.pop(row, None)
        if place is not None:
            self._owners.values[slice(*place)] = NOBODY

    @property
    def bytes(self) -> int:
        return self._vectors.bytes + self._owners.bytes + 100 * len(self._places)

    def closeness(self, question: "NDArray[np.float32]", rows: int) -> "NDArray[np.float64]":
        """The cosine of each row's closest piece; NaN for rows without one."""
        import numpy as np

        vectors, owners = self._vectors.values, self._owners.values
        found = np.full(rows + 1, -np.inf)
        for begin in range(0, len(vectors), BLOCK):
            block = vectors[begin : begin + BLOCK].astype(np.float32) @ question
            np.maximum.at(found, owners[begin : begin + BLOCK], block)
        found = found[:rows]
        found[np.isneginf(found)] = np.nan
        return found
