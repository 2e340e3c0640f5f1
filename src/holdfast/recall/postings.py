"""Which rows hold which term: an inverted index in memory, and BM25 over it."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from holdfast.recall.weights import K1, B

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 65_535


class Postings:
    """Rows are numbered in the order in which they come."""

    def __init__(self) -> None:
        self._rows: dict[str, array[int]] = {}
        self._counts: dict[str, array[int]] = {}
        self._size = 0

    def add(self, row: int, terms: Iterable[str]) -> None:
        for term, count in Counter(terms).items():
            if term not in self._rows:
                self._rows[term], self._counts[term] = array("i"), array("H")
            self._rows[term].append(row)
            self._counts[term].append(min(count, MOST))
            self._size += 1

    @property
    def bytes(self) -> int:
        return 6 * self._size + 400 * len(self._rows)

    def scores(
        self, terms: Sequence[str], lengths: "NDArray[np.float64]", alive: "NDArray[np.bool_]"
    ) -> "NDArray[np.float64]":
        """BM25 of every row, with the statistics of those that are alive."""
        import numpy as np

        scores = np.zeros(len(alive))
        total = int(alive.sum())
        if not total:
            return scores
        all_alive = total == len(alive)
        mean = max(float((lengths if all_alive else lengths[alive]).mean()), 1e-9)
        damped = K1 * (1 - B + B * lengths / mean)
        for term in terms:
            rows, counts = self._of(term)
            if not all_alive:
                here = alive[rows]
                rows, counts = rows[here], counts[here]
            weight = math.log(1 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
            if len(rows) == len(alive) and bool((np.diff(rows) == 1).all()):  # there is nothing to look up
                scores += weight * counts * (K1 + 1) / (counts + damped)
            else:
                scores[rows] += weight * counts * (K1 + 1) / (counts + damped[rows])
        return scores

    def _of(self, term: str) -> "tuple[NDArray[np.int32], NDArray[np.float64]]":
        import numpy as np

        if term not in self._rows:
            return np.zeros(0, np.int32), np.zeros(0)
        return np.array(self._rows[term], np.int32), np.array(self._counts[term], np.float64)
