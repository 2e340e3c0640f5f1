"""Questions that name a date are answered by what was said around it."""

import numpy as np
import pytest

from holdfast.recall.dates import NamedDate, dates_in, nearness
from tests.archives.holding import Json, archive, ok, passage
from tests.harness.tenants import Org

DAY_S = 86_400.0

OCTOBER, DAY = NamedDate(2023, 10), NamedDate(2023, 10, 8)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What did Sam cook in October 2023?", [OCTOBER]),
        ("What did Sam cook on 8 October, 2023?", [DAY]),
        ("What did Sam cook on October 8th 2023?", [DAY]),
        ("the 8th of October 2023", [DAY]),
        ("Oct 8, 2023", [DAY]),
        ("on 2023-10-08", [DAY]),
        ("log of 2023/10/8", [DAY]),
        ("am 8. Oktober 2023", [DAY]),
        ("am 08.10.2023", [DAY]),
        ("am 3. März 2023", [NamedDate(2023, 3, 3)]),
        ("le 8 octobre 2023", [DAY]),
        ("el 8 de octubre de 2023", [DAY]),
        ("il 8 ottobre 2023", [DAY]),
        ("2023年10月8日に", [DAY]),
        ("2023年10月に", [OCTOBER]),
        ("10月8日", [NamedDate(None, 10, 8)]),
        ("since October", [NamedDate(None, 10)]),
        ("What did we plan in May?", [NamedDate(None, 5)]),
        ("on May 3", [NamedDate(None, 5, 3)]),
        ("Where were we in 2022?", [NamedDate(2022)]),
        ("the summer of 2022", [NamedDate(2022)]),
        (
            "between March 3 and April 5, 2024",
            [NamedDate(None, 3, 3), NamedDate(2024, 4, 5)],
        ),
        ("October 2023, October 2023", [OCTOBER]),
    ],
)
def test_dates_are_read(question: str, expected: list[NamedDate]) -> None:
    assert dates_in(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "What does April like?",
        "Does June know May?",
        "a gift from April",
        "Option 3 may work",
        "They march 10 miles",
        "Who won the game of 2048?",
        "Room 2023",
        "version 1.2.3",
        "call 555-10-08",
        "",
    ],
)
def test_what_only_looks_like_a_date_is_none(question: str) -> None:
    assert dates_in(question) == []


def test_a_question_full_of_dates_costs_no_more_than_a_few() -> None:
    assert len(dates_in(" ".join(f"on {day} October 20{year:02}" for year in range(20) for day in range(1, 28)))) == 8


@pytest.mark.parametrize("named", [NamedDate(2023, 2, 30), NamedDate(2023, 13), NamedDate(2023, 0, 1)])
def test_days_that_no_calendar_has_are_near_nothing(named: NamedDate) -> None:
    assert nearness(np.array([0.0, 1.7e9]), [named], 3).tolist() == [0.0, 0.0]


def test_what_is_near_is_nearer_than_what_is_far() -> None:
    noon = 19_638.5 * DAY_S  # of 8 October 2023
    at = np.array([noon, noon + DAY_S, noon - 3 * DAY_S, noon + 300 * DAY_S])
    same, next_day, before, far = nearness(at, [DAY], 3).tolist()
    assert same == 1 > next_day > before > 0.3 > 0.001 > far


def test_a_day_without_a_year_is_in_every_year_of_the_corpus() -> None:
    at = np.array([19_638.5 * DAY_S, (19_638.5 + 366) * DAY_S, (19_638.5 + 100) * DAY_S])
    assert nearness(at, [NamedDate(None, 10, 8)], 3).round(2).tolist() == [1, 1, 0]


def test_moments_at_the_ends_of_time_are_no_trouble() -> None:
    ends = np.array([-6.2e10, 253_402_214_400.0])  # of the years 5 and 9999, after which there is none
    assert nearness(ends, [NamedDate(None, 12, 31), NamedDate(None, 12)], 3).round(2).tolist() == [0, 0]


COOKED = {"03": "Sam cooked soup.", "10": "Sam cooked pasta.", "12": "Sam cooked rice."}


@pytest.mark.contract("passages.search.date")
def test_what_was_said_then_comes_first(org: Org) -> None:
    held = archive(org)
    for month, text in COOKED.items():
        passage(org, held, text, created_at=f"2023-{month}-08T12:00:00Z")
    for month, text in COOKED.items():
        first = _found(org, held, f"What did Sam cook on 2023-{month}-08?")[0]
        assert first["passage"]["text"] == text
        assert first["metadata"]["score_parts"]["date"] == 4
    assert "date" not in _found(org, held, "What did Sam cook?")[0]["metadata"]["score_parts"]


def _found(org: Org, held: str, query: str) -> list[Json]:
    return ok(org.http.post("/v1/passages/search", json={"archive_id": held, "query": query}))
