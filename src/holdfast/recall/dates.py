"""The dates that a question names: "in May 2023", "on 8 May", "2023-05-08", "2023年5月8日".

Only what is clearly a date counts: a month or a year by itself needs a word before it that says so, because people are
called April and games 2048. What "yesterday" means depends on who says it when, so nothing is made of it.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 8
"""Dates of a question that count."""
MOST_YEARS = 30
"""In so many years, the last ones of a corpus, a day or a month without a year may be."""
DAY_S = 86_400.0

ENGLISH = "january february march april may june july august september october november december"
ABBREVIATED = "jan feb mar apr _ jun jul aug sep oct nov dec", "_ _ _ _ _ _ _ _ sept _ _ _"
FURTHER = (
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
)
"""Other languages, without accents; beside a number only: "mars" and "mai" are words elsewhere."""

VERBS = ("may", "march")

_MONTHS = {
    name: number
    for names in (ENGLISH, *ABBREVIATED, *FURTHER)
    for number, name in enumerate(names.split(), 1)
    if name != "_"
}
_ANY = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NAMES = "april|august|june|may|march"
"""Months that are also people, verbs and wishes."""
_OTHERS = "|".join(sorted({*ENGLISH.split()} - {*_NAMES.split("|")}))
_DAY = r"(?P<day>\d{1,2})"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_SINCE = "in|since|until|till|during|throughout|last|early|late|mid"
_ABOUT = f"{_SINCE}|of|by|before|after|from|to|through|and|this|next"
_SEASON = r"(?:year|spring|summer|autumn|fall|winter|beginning|end)(?:\s+of)?"

_PATTERNS: Sequence[re.Pattern[str]] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_YEAR}[-/](?P<month>\d\d?)[-/]{_DAY}(?!\d)",
        rf"{_YEAR}\s*年\s*(?P<month>\d\d?)\s*月(?:\s*{_DAY}\s*[日号])?",
        rf"(?<!\d)(?P<month>\d\d?)\s*月\s*{_DAY}\s*[日号]",
        rf"\b{_DAY}\.\s?(?P<month>\d\d?)\.\s?{_YEAR}\b",
        rf"\b{_DAY}(?:st|nd|rd|th|er|\.|º)?(?:\s+of|\s+de|\s+di)?\s+(?P<month>{_ANY})\b\.?,?(?:\s+(?:de\s+|of\s+)?{_YEAR}\b)?",
        rf"\b(?P<month>{_ANY})\b\.?\s+{_DAY}(?:st|nd|rd|th)?\b(?:,?\s+{_YEAR}\b)?",
        rf"\b(?P<month>{_ANY})\b\.?,?\s+(?:de\s+|of\s+)?{_YEAR}\b",
        rf"\b(?:{_ABOUT})\s+(?P<month>{_OTHERS})\b",
        rf"\b(?:{_SINCE})\s+(?P<month>{_NAMES})\b",
        rf"\b(?:{_SINCE}|by|before|after|{_SEASON})\s+{_YEAR}\b",
    )
)
"""The most exact first: what one has read is not read again as less."""


@dataclass(frozen=True, slots=True)
class NamedDate:
    """A day, a month or a year, as far as it was said which."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    def days(self, year: int) -> tuple[date, date] | None:
        """Its first day in a year and the one after its last; None if the calendar has no such day."""
        try:
            if self.month is None:
                return date(year, 1, 1), date(year + 1, 1, 1)
            if self.day is not None:
                return date(year, self.month, self.day), date(year, self.month, self.day) + timedelta(1)
            return date(year, self.month, 1), (date(year, self.month, 28) + timedelta(4)).replace(day=1)
        except (ValueError, OverflowError):
            return None


def dates_in(text: str) -> list[NamedDate]:
    """The dates that a text names."""
    folded = text
    if not text.isascii():
        folded = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    found: list[NamedDate] = []
    for pattern in _PATTERNS:
        found += (_read(match) for match in pattern.finditer(folded) if not _is_verb(match.groupdict()))
        folded = pattern.sub(" ", folded)
    return list(dict.fromkeys(found))[:MOST]


def nearness(at: "NDArray[np.float64]", named: Sequence[NamedDate], few_days: float) -> "NDArray[np.float64]":
    """1 for moments within one of the dates; less the further away, a third after a few days."""
    import numpy as np

    apart = np.full(len(at), np.inf)
    for begin, end in _spans(at, named):
        apart = np.minimum(apart, np.maximum(begin - at, at - end))
    return np.exp(-np.maximum(apart, 0.0) / (few_days * DAY_S))


def _is_verb(said: dict[str, str | None]) -> bool:
    """ "Option 3 may work", "4 march on": written small, with a day and without a year."""
    return said.get("month") in VERBS and said.get("day") is not None and said.get("year") is None


def _read(match: re.Match[str]) -> NamedDate:
    said = match.groupdict()
    month = said.get("month")
    number = None if month is None else _MONTHS.get(month.casefold()) or int(month)
    return NamedDate(_number(said.get("year")), number, _number(said.get("day")))


def _number(said: str | None) -> int | None:
    return None if said is None else int(said)


def _spans(at: "NDArray[np.float64]", named: Sequence[NamedDate]) -> Iterator[tuple[float, float]]:
    """From when to when, in seconds since 1970; without a year, in each year of the corpus."""
    years = _years(at) if any(each.year is None for each in named) else ()
    for each in named:
        for year in years if each.year is None else (each.year,):
            if days := each.days(year):
                yield _seconds(days[0]), _seconds(days[1])


def _years(at: "NDArray[Any]") -> list[int]:
    import numpy as np

    found = np.unique((at / DAY_S).astype("datetime64[D]").astype("datetime64[Y]").astype(int))
    return [int(year) + 1970 for year in found[-MOST_YEARS:]]


def _seconds(day: date) -> float:
    return (day - date(1970, 1, 1)).days * DAY_S
