"""The vectors of one model: every piece of every row, compared with a question at once."""

from typing import TYPE_CHECKING

from holdfast.recall.columns import Column

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 2**17
"""Numbers that are widened to full precision together: what stays near the processor."""

AT_ONCE = 1024
"""Rows whose vectors are kept as they came, until there are as many or somebody searches."""

NOBODY = -1
STEPS = 127
FINE_STEPS = 2047
"""Of a question. Sums of products of whole numbers are exact at this size, in whatever order they are added: texts that
are the same are equally near, wherever they stand."""


class Space:
    """Rows have none, one or several vectors of one length; each is kept as steps of a size of its own."""

    def __init__(self, dimension: int) -> None:
        import numpy as np

        self._steps = Column(np.int8, dimension)
        self._sizes = Column(np.float32)
        self._owners = Column(np.int32)
        self._places: dict[int, tuple[int, int]] = {}
        self._fresh: dict[int, NDArray[np.float32]] = {}
        self.dimension = dimension

    def put(self, row: int, vectors: "NDArray[np.float32]") -> None:
        self.drop(row)
        self._fresh[row] = vectors
        if len(self._fresh) >= AT_ONCE:
            self._take_in()

    def _take_in(self) -> None:
        """Keep what is fresh as steps, all of it in one go."""
        import numpy as np

        if not self._fresh:
            return
        rows, vectors = [*self._fresh], np.concatenate([*self._fresh.values()])
        lengths = [len(each) for each in self._fresh.values()]
        begin = len(self._owners.values)
        sizes = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / STEPS
        self._steps.extend(np.rint(vectors / sizes[:, None]).astype(np.int8))
        self._sizes.extend(sizes)
        self._owners.extend(np.repeat(np.array(rows, np.int32), lengths))
        for row, length in zip(rows, lengths, strict=True):
            self._places[row] = (begin, begin + length)
            begin += length
        self._fresh = {}

    def of(self, row: int) -> "NDArray[np.float32] | None":
        """The vectors of a row; to put them back changes nothing."""
        self._take_in()
        place = self._places.get(row)
        return None if place is None else self._steps.values[slice(*place)] * self._sizes.values[slice(*place), None]

    def drop(self, row: int) -> None:
        self._fresh.pop(row, None)
        place = self._places.pop(row, None)
        if place is not None:
            self._owners.values[slice(*place)] = NOBODY

    @property
    def bytes(self) -> int:
        return self._steps.bytes + self._sizes.bytes + self._owners.bytes + 100 * len(self._places)

    def closeness(self, question: "NDArray[np.float32]", rows: int) -> "NDArray[np.float64]":
        """The cosine of each row's closest piece; NaN for rows without one."""
        import numpy as np

        self._take_in()
        found = np.full(rows + 1, np.nan)
        owners = self._owners.values
        if len(owners):
            begins = np.flatnonzero(np.diff(owners, prepend=NOBODY - 1))
            found[owners[begins]] = np.maximum.reduceat(self._cosines(question), begins)
        return found[:rows]

    def _cosines(self, question: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Of every piece, a block at a time."""
        import numpy as np

        size = max(float(np.abs(question).max()), 1e-12) / FINE_STEPS
        whole = np.rint(question / size).astype(np.float32)
        steps, cosines = self._steps.values, np.empty(len(self._owners.values), np.float32)
        block = max(BLOCK // self.dimension, 1)
        wide = np.empty((block, self.dimension), np.float32)
        for begin in range(0, len(steps), block):
            some = steps[begin : begin + block]
            wide[: len(some)] = some
            np.dot(wide[: len(some)], whole, out=cosines[begin : begin + len(some)])
        return cosines * (self._sizes.values * np.float32(size))
