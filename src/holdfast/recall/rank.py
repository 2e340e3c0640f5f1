"""From signs to a ranking: each sign is made comparable over the corpus, weighed, and added up."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.recall.dates import nearness
from holdfast.recall.indexes import Indexes
from holdfast.recall.query import Mode, Query
from holdfast.recall.table import NOTHING
from holdfast.recall.weights import A_FEW_DAYS, ALIKE, CROWDING, FEW, FULL, WEIGHTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MOST_OF_SESSION = 3
"""So many of its best items speak for a session."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for each row."""

    parts: "dict[str, NDArray[np.float64]]"
    """By name; they add up to the total."""
    may: "NDArray[np.bool_]"
    """The rows that can be found at all."""
    relevance: "NDArray[np.float64]"
    """How near each row is to the question by its meaning alone: 1 is the same; NaN where no model can say."""

    @property
    def total(self) -> "NDArray[np.float64]":
        return sum(self.parts.values())  # pyright: ignore[reportReturnType] -- there is at least one part


def signs_of(indexes: Indexes, query: Query, mode: Mode) -> Signs:
    import numpy as np

    table, terms = indexes.table, list(query.terms)
    alive = table.alive.values
    everything = np.ones(len(alive), np.bool_)
    near = _nearness(indexes, query) if mode != "fts" else None
    relevance = np.full(len(alive), np.nan) if near is None else near.relevance
    if mode == "vector":
        known = ~everything if near is None else ~np.isnan(near.standard)
        return Signs({"meaning": _meaning(near, len(alive))}, known, relevance)
    own = indexes.own.scores(terms, table.own_length.values, alive)
    context = indexes.context.scores(terms, table.context_length.values, alive)
    parts = {"text": WEIGHTS.text * _standard(context, alive)}
    if near is not None:
        parts["meaning"] = _meaning(near, len(alive))
    parts["session"] = _session(own, table.session.values, alive)
    parts["next"] = _next(np.where(alive, table.following.values, NOTHING), own, near)
    parts["speaker"] = WEIGHTS.speaker * _standard(indexes.speakers.named(query.words, len(alive)), alive)
    parts["length"] = WEIGHTS.length * np.minimum(table.own_length.values, FULL) / FULL
    parts["by_user"] = WEIGHTS.by_user * table.by_user.values
    if query.dates:
        parts["date"] = WEIGHTS.date * nearness(table.at.values, query.dates, A_FEW_DAYS)
    return Signs(parts, (own > 0) if mode == "fts" else everything, relevance)


def best(total: "NDArray[Any]", may: "NDArray[np.bool_]", position: "NDArray[Any]", most: int) -> list[int]:
    """The rows with the highest totals; of equal ones the earlier first."""
    import numpy as np

    rows = np.flatnonzero(may)
    if len(rows) > most:
        cut = np.partition(total[rows], len(rows) - most)[len(rows) - most]
        rows = rows[total[rows] >= cut]
    return rows[np.lexsort((position[rows], -total[rows]))][:most].tolist()


@dataclass(frozen=True, slots=True)
class _Nearness:
    """How near the pieces of each row are to the question; NaN where no model can say."""

    standard: "NDArray[np.float64]"
    """In standard deviations, for each model among its own."""
    relevance: "NDArray[np.float64]"


def _nearness(indexes: Indexes, query: Query) -> _Nearness | None:
    """None when no model knows the question."""
    import numpy as np

    rows = len(indexes.table.alive.values)
    found: _Nearness | None = None
    for model, space in indexes.spaces.items():
        if (question := query.vectors.get(model)) is None or len(question) != space.dimension:
            continue
        cosines = space.closeness(question, rows)
        known = ~np.isnan(cosines)
        each = _Nearness(_standard(cosines, known), _beyond_usual(cosines, known))
        found = (
            each
            if found is None
            else _Nearness(
                np.where(np.isnan(found.standard), each.standard, found.standard),
                np.where(np.isnan(found.relevance), each.relevance, found.relevance),
            )
        )
    return found


def _beyond_usual(cosines: "NDArray[np.float64]", known: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Cosines, less what any two texts have in common to a model that finds all texts alike."""
    import numpy as np

    count = int(known.sum())
    usual = float(np.nanmean(cosines) if count < len(cosines) else cosines.mean()) if count else 0.0
    usual *= count / (count + FEW)
    base = CROWDING * max(0.0, usual - ALIKE)
    return np.clip((cosines - base) / (1 - base), 0.0, 1.0)


def _meaning(near: _Nearness | None, rows: int) -> "NDArray[np.float64]":
    """Rows without vectors are taken for average: nothing speaks for them, and nothing against them."""
    import numpy as np

    return np.zeros(rows) if near is None else WEIGHTS.meaning * _or_nothing(near.standard)


def _standard(values: "NDArray[np.float64]", among: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Standard deviations above the mean of those that count."""
    import numpy as np

    all_count = bool(among.all())
    counted = values if all_count else values[among]
    beyond = values - counted.mean() if len(counted) else values
    own = beyond if all_count else beyond[among]
    spread = math.sqrt((own * own).mean()) if len(own) else 0.0
    if spread < 1e-9:
        return np.where(np.isnan(values), np.nan, 0.0)
    return beyond / spread


def _session(own: "NDArray[np.float64]", session: "NDArray[Any]", alive: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """The best of each row's session, and the mean of its best three."""
    import numpy as np

    part = np.zeros(len(own))
    rows = np.flatnonzero(alive)
    if not len(rows):
        return part
    of_rows = session[rows]
    sizes = np.bincount(of_rows)
    hits = rows[own[rows] > 0]
    order = hits[np.lexsort((-own[hits], session[hits]))]
    sessions = session[order]
    begins = np.flatnonzero(np.diff(sessions, prepend=NOTHING))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    top, best_of = rank < MOST_OF_SESSION, np.zeros(len(sizes))
    best_of[sessions[begins]] = own[order[begins]]
    sums = np.bincount(sessions[top], own[order[top]], len(sizes))
    mean = sums / np.clip(sizes, 1, MOST_OF_SESSION)
    everything = np.ones(len(rows), np.bool_)
    part[rows] = WEIGHTS.session_best * _standard(best_of[of_rows], everything)
    part[rows] += WEIGHTS.session_mean * _standard(mean[of_rows], everything)
    return part


def _next(following: "NDArray[Any]", own: "NDArray[np.float64]", near: _Nearness | None) -> "NDArray[np.float64]":
    """How well what came next fits; nothing speaks for or against a row that nothing follows."""
    import numpy as np

    there = following != NOTHING
    part = _or_nothing(WEIGHTS.next_text * _standard(np.where(there, own[following], np.nan), there))
    if near is not None:
        meaning = np.where(there, near.standard[following], np.nan)
        part += WEIGHTS.next_meaning * _or_nothing(_standard(meaning, ~np.isnan(meaning)))
    return part


def _or_nothing(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    return np.where(np.isnan(values), 0.0, values)
