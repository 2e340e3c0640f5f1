"""What a shelf finds depends on its entries alone, not on how they came."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.recall.entry import ShelfEntry, describe
from holdfast.recall.query import Among, Hit, Mode, Query
from holdfast.recall.shelf import Shelf
from holdfast.recall.spaces import Space

WORDS = ("tea", "green", "turin", "anna", "engine", "bee", "honey", "rain")
MODEL = "a/model"


def entry(number: int, text: str, *, group: str = "", at: float | None = None, embedded: bool = True) -> ShelfEntry:
    told = describe(text, None)
    return ShelfEntry(
        told.terms,
        told.tail,
        told.words,
        id=f"item-{number}",
        group=group,
        position=number,
        at=float(number * 60 if at is None else at),
        role="user" if number % 2 else "assistant",
        speaker="anna" if "anna" in text else None,
        vectors={MODEL: vector_of(text)[None]} if embedded else {},
    )


def ask(shelf: Shelf, text: str, count: int = 10, mode: Mode = "hybrid") -> list[Hit]:
    return shelf.search(Query.of(text, {MODEL: vector_of(text)}), count, mode=mode)


def vector_of(text: str) -> "NDArray[np.float32]":
    counts = np.array([text.count(word) + 0.1 for word in WORDS])
    return (counts / np.linalg.norm(counts)).astype(np.float32)


def shelf_of(entries: Sequence[ShelfEntry]) -> Shelf:
    made = Shelf()
    made.put(entries)
    return made


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 12), texts, st.sampled_from(["", "b"]), st.booleans()),
        st.tuples(st.just("drop"), st.integers(0, 12)),
        st.tuples(st.just("ask")),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_any_way_to_the_same_entries_gives_the_same_ranking(taken: list[tuple[object, ...]]) -> None:
    grown, kept = Shelf(), dict[str, ShelfEntry]()
    for step in taken:
        match step:
            case ("put", int(number), str(text), str(group), bool(embedded)):
                made = entry(number, text, group=group, embedded=embedded)
                grown.put([made])
                kept[made.id] = made
            case ("drop", int(number)):
                grown.drop([f"item-{number}"])
                kept.pop(f"item-{number}", None)
            case _:
                ask(grown, "green tea")
    fresh = shelf_of(sorted(kept.values(), key=lambda each: each.position))
    for question in ("green tea", "anna turin", "nothing of this"):
        for mode in ("hybrid", "fts", "vector"):
            found, expected = ask(grown, question, mode=mode), ask(fresh, question, mode=mode)
            assert [hit.id for hit in found] == [hit.id for hit in expected]
            assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-5)


def test_the_parts_of_a_score_add_up_to_it() -> None:
    hits = ask(shelf_of([entry(n, text) for n, text in enumerate(["anna likes tea", "green tea", "rain"])]), "anna tea")
    assert hits
    for hit in hits:
        assert sum(hit.parts.values()) == pytest.approx(hit.score, abs=1e-5)
    assert hits[0].terms == ["anna", "tea"]


def test_an_answer_is_found_by_the_question_before_it() -> None:
    filler = [entry(n, "rain rain rain") for n in range(10, 20)]
    asked, answered = entry(1, "Which town does anna like?"), entry(2, "engine engine")
    hits = ask(shelf_of([asked, answered, *filler]), "town", mode="hybrid")
    assert [hit.id for hit in hits[:2]] == ["item-1", "item-2"]


def test_other_threads_are_no_neighbours() -> None:
    filler = [entry(n, "rain rain rain", group="c") for n in range(10, 20)]
    apart = shelf_of([entry(1, "Which town?", group="a"), entry(2, "engine", group="b"), *filler])
    together = shelf_of([entry(1, "Which town?", group="a"), entry(2, "engine", group="a"), *filler])
    scores = [{hit.id: hit.score for hit in ask(each, "town", 20)}["item-2"] for each in (apart, together)]
    assert scores[0] < scores[1]


def test_items_without_vectors_are_found_by_their_words() -> None:
    entries = [entry(n, "rain", embedded=True) for n in range(5)] + [entry(9, "green honey", embedded=False)]
    assert ask(shelf_of(entries), "honey")[0].id == "item-9"
    assert "item-9" not in [hit.id for hit in ask(shelf_of(entries), "honey", mode="vector")]


def test_vectors_that_come_later_count() -> None:
    late = entry(3, "turin", embedded=False)
    shelf = shelf_of([entry(1, "rain"), late])
    assert [hit.id for hit in ask(shelf, "turin", mode="vector")] == ["item-1"]
    shelf.put([replace(late, vectors=entry(3, "turin").vectors)])
    assert ask(shelf, "turin", mode="vector")[0].id == "item-3"


def test_two_models_are_read_side_by_side() -> None:
    other = replace(entry(2, "honey"), vectors={"another/model": np.array([[0.0, 1.0]], np.float32)})
    shelf = shelf_of([entry(1, "tea"), other, entry(3, "rain")])
    assert sorted(shelf.models) == [MODEL, "another/model"]
    vectors = {MODEL: entry(0, "tea").vectors[MODEL][0], "another/model": np.array([0.0, 1.0], np.float32)}
    assert {hit.id for hit in shelf.search(Query.of("tea", vectors), 5)} == {"item-1", "item-2", "item-3"}


@pytest.mark.parametrize("mode", ["hybrid", "fts", "vector"])
def test_the_ends_of_the_range(mode: Mode) -> None:
    assert ask(Shelf(), "tea", mode=mode) == []
    one = shelf_of([entry(1, "tea")])
    assert [hit.id for hit in ask(one, "tea", 100, mode)] == ["item-1"]
    assert ask(one, "tea", 0, mode) == []
    same = shelf_of([entry(n, "tea") for n in range(5)])
    assert all(np.isfinite(hit.score) for hit in ask(same, "tea", 3, mode))
    assert one.search(Query.of("tea", {}), 5, Among(["item-unknown"])) == []


@pytest.mark.parametrize("dimension", [384, 1536])
def test_the_same_vector_is_equally_near_wherever_it_stands(dimension: int) -> None:
    drawn = np.random.default_rng(dimension)
    text, other = (_direction(drawn.normal(size=dimension)) for _ in range(2))
    question = _direction(text + other)
    for rows in (7, 13, 50, 700):
        space = Space(dimension)
        for row in range(rows):
            space.put(row, text[None])
        [near] = {*space.closeness(question, rows).tolist()}
        assert near == pytest.approx(float(text @ question), abs=2e-3)


def _direction(numbers: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float32]:
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)
