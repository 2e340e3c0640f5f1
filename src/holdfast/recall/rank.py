"""From signs to a ranking: each sign is made comparable over the corpus, weighed, and added up."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.recall.indexes import Indexes
from holdfast.recall.query import Mode, Query
from holdfast.recall.weights import FULL, WEIGHTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for each row."""

    parts: "dict[str, NDArray[np.float64]]"
    """By name; they add up to the total."""
    may: "NDArray[np.bool_]"
    """The rows that can be found at all."""

    @property
    def total(self) -> "NDArray[np.float64]":
        return sum(self.parts.values())  # pyright: ignore[reportReturnType] -- there is at least one part


def signs_of(indexes: Indexes, query: Query, mode: Mode) -> Signs:
    import numpy as np

    table, terms = indexes.table, list(query.terms)
    alive = table.alive.values
    everything = np.ones(len(alive), np.bool_)
    closeness = _closeness(indexes, query) if mode != "fts" else None
    if mode == "vector":
        known = everything if closeness is None else ~np.isnan(closeness)
        return Signs({"meaning": _part(closeness, alive, WEIGHTS.meaning)}, known & (closeness is not None))
    own = indexes.own.scores(terms, table.own_length.values, alive)
    context = indexes.context.scores(terms, table.context_length.values, alive)
    parts = {"text": WEIGHTS.text * _standard(context, alive)}
    if closeness is not None:
        parts["meaning"] = _part(closeness, alive, WEIGHTS.meaning)
    parts["session"] = _session(own, table.session.values, alive)
    parts["speaker"] = WEIGHTS.speaker * _standard(_named(indexes, query, len(alive)), alive)
    parts["length"] = WEIGHTS.length * np.minimum(table.own_length.values, FULL) / FULL
    parts["by_user"] = WEIGHTS.by_user * table.by_user.values
    return Signs(parts, (own > 0) if mode == "fts" else everything)


def best(total: "NDArray[Any]", may: "NDArray[np.bool_]", position: "NDArray[Any]", most: int) -> list[int]:
    """The rows with the highest totals; of equal ones the earlier first."""
    import numpy as np

    rows = np.flatnonzero(may)
    if len(rows) > most:
        cut = np.partition(total[rows], len(rows) - most)[len(rows) - most]
        rows = rows[total[rows] >= cut]
    return rows[np.lexsort((position[rows], -total[rows]))][:most].tolist()


def _closeness(indexes: Indexes, query: Query) -> "NDArray[np.float64] | None":
    """Cosines in standard deviations, for each model among its own; None when no model knows the question."""
    import numpy as np

    rows = len(indexes.table.alive.values)
    found: NDArray[np.float64] | None = None
    for model, space in indexes.spaces.items():
        if (question := query.vectors.get(model)) is None or len(question) != space.dimension:
            continue
        near = space.closeness(question, rows)
        near = _standard(near, ~np.isnan(near))
        found = near if found is None else np.where(np.isnan(found), near, found)
    return found


def _part(closeness: "NDArray[np.float64] | None", alive: "NDArray[np.bool_]", weight: float) -> "NDArray[np.float64]":
    """Rows without vectors are taken for average: nothing speaks for them, and nothing against them."""
    import numpy as np

    return np.zeros(len(alive)) if closeness is None else weight * np.nan_to_num(closeness)


def _standard(values: "NDArray[np.float64]", among: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Standard deviations above the mean of those that count."""
    import numpy as np

    counted = values[among]
    spread = float(counted.std()) if len(counted) else 0.0
    if spread < 1e-9:
        return np.where(np.isnan(values), np.nan, 0.0)
    return (values - counted.mean()) / spread


def _session(own: "NDArray[np.float64]", session: "NDArray[Any]", alive: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """The best of each row's session, and the mean of its best three."""
    import numpy as np

    part = np.zeros(len(own))
    rows = np.flatnonzero(alive)
    order = rows[np.lexsort((-own[rows], session[rows]))]
    sessions = session[order]
    begins = np.flatnonzero(np.r_[True, sessions[1:] != sessions[:-1]])
    sizes = np.diff(np.r_[begins, len(order)])
    rank = np.arange(len(order)) - np.repeat(begins, sizes)
    top = np.where(rank < 3, own[order], 0.0)
    mean = np.add.reduceat(top, begins) / np.minimum(sizes, 3)
    part[order] = WEIGHTS.session_best * _of_all(own[order][begins], sizes)
    part[order] += WEIGHTS.session_mean * _of_all(mean, sizes)
    return part


def _of_all(values: "NDArray[np.float64]", sizes: "NDArray[Any]") -> "NDArray[np.float64]":
    """What holds for a session holds for each of its rows."""
    import numpy as np

    repeated = np.repeat(values, sizes)
    return _standard(repeated, np.ones(len(repeated), np.bool_))


def _named(indexes: Indexes, query: Query, rows: int) -> "NDArray[np.float64]":
    """Whether the question names who said it, by any of their names."""
    import numpy as np

    found = np.zeros(rows)
    for speaker, said in indexes.speakers.items():
        if speaker not in ("user", "assistant", "system") and not query.words.isdisjoint(speaker.split()):
            found[said] = 1.0
    return found
