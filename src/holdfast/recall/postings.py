"""Which rows hold which term: an inverted index in memory, and BM25 over it."""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.recall.weights import K1, B

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 65_535
GROWTH = 2
"""A run is merged with the one after it unless it is so many times as long: few runs, and each posting moves seldom."""


class Postings:
    """Rows are numbered in the order in which they come. What is fresh is sorted when somebody asks."""

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._terms = array("i")
        self._lengths = array("i")
        self._rows = array("i")
        self._runs: list[_Run] = []

    def add(self, row: int, terms: Iterable[str]) -> None:
        before = len(self._terms)
        self._terms.extend(map(self._numbers.__getitem__, terms))
        self._rows.append(row)
        self._lengths.append(len(self._terms) - before)

    @property
    def bytes(self) -> int:
        return sum(run.bytes for run in self._runs) + 8 * len(self._terms) + 150 * len(self._numbers)

    def scores(
        self, terms: Sequence[str], lengths: "NDArray[np.float64]", alive: "NDArray[np.bool_]"
    ) -> "NDArray[np.float64]":
        """BM25 of every row, with the statistics of those that are alive."""
        import numpy as np

        self._sort()
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

        number = self._numbers.get(term)
        found = [] if number is None else [part for run in self._runs if len((part := run.of(number))[0])]
        if not found:
            return np.zeros(0, np.int32), np.zeros(0)
        rows, counts = found[0] if len(found) == 1 else (np.concatenate(each) for each in zip(*found, strict=True))
        return rows, counts.astype(np.float64)

    def _sort(self) -> None:
        """Make a run of what is fresh."""
        import numpy as np

        if not self._rows:
            return
        rows = np.repeat(np.array(self._rows, np.int64), np.array(self._lengths))
        places, counts = np.unique(np.array(self._terms, np.int64) << 32 | rows, return_counts=True)
        self._terms, self._lengths, self._rows = array("i"), array("i"), array("i")
        terms, rows = (places >> 32).astype(np.int32), (places & 0xFFFFFFFF).astype(np.int32)
        self._runs.append(_Run(terms, rows, np.minimum(counts, MOST).astype(np.uint16)))
        while len(self._runs) > 1 and len(self._runs[-2].rows) < GROWTH * len(self._runs[-1].rows):
            last = self._runs.pop()
            self._runs[-1] = self._runs[-1].and_then(last)


class _Numbers(dict[str, int]):
    """A number for each term."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self)
        return number


@dataclass(frozen=True, slots=True)
class _Run:
    """Postings in the order of their terms, those of one term in the order of their rows."""

    terms: "NDArray[np.int32]"
    rows: "NDArray[np.int32]"
    counts: "NDArray[np.uint16]"

    @property
    def bytes(self) -> int:
        return self.terms.nbytes + self.rows.nbytes + self.counts.nbytes

    def of(self, term: int) -> "tuple[NDArray[np.int32], NDArray[np.uint16]]":
        import numpy as np

        begin, end = self.terms.searchsorted(np.array((term, term + 1), np.int32))
        return self.rows[begin:end], self.counts[begin:end]

    def and_then(self, other: "_Run") -> "_Run":
        """This run and one of later rows."""
        import numpy as np

        terms: NDArray[Any] = np.concatenate((self.terms, other.terms))
        order = np.argsort(terms, kind="stable")
        rows, counts = np.concatenate((self.rows, other.rows)), np.concatenate((self.counts, other.counts))
        return _Run(terms[order], rows[order], counts[order])
