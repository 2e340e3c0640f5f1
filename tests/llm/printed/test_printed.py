"""Calls that small models print: how many of a corpus are read as they were meant, and what is shown meanwhile."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.llm.printed import read
from holdfast.llm.printed.hold import HoldBack
from tests.llm.printed import corpus
from tests.llm.printed.corpus import FAMILIES, OFFER, PARTS

RIGHT = {"tuning": 150, "held_out": 148}
"""How many of 150 are read right; docs/small-models.md tells these numbers, and how they came about."""

BAD = st.text(st.sampled_from("{}[]()<>\"'`:,=\\/| \nabn_e✿\x00"), max_size=80) | st.sampled_from(
    ("<tool_call>", "{" * 3000, '{"a":' * 3000, "[TOOL_CALLS]" * 500, "```\n{" * 1000, "<function=", "functools[{")
)


@pytest.mark.parametrize("part", PARTS)
def test_so_many_are_read_as_they_were_meant(part: str) -> None:
    assert corpus.share(part) == (RIGHT[part], 150)


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    cases = [case for part in PARTS for case in corpus.cases(part)]
    assert len(cases) == 300
    assert len(FAMILIES) * len(PARTS) * corpus.GENERATED == 100
    assert len({case.text for case in cases}) > 290


@pytest.mark.parametrize("text", corpus.talk())
def test_text_that_speaks_of_calls_is_none(text: str) -> None:
    assert corpus.outcome(text) == "text"
    assert read.read(text, OFFER).text == text


def test_a_model_that_must_call_may_print_nothing_but_arguments() -> None:
    text = '{"message": "Hello.", "request_heartbeat": false}'
    assert read.read(text, OFFER).text == text
    (call,) = read.read(text, OFFER, must_call=True).calls
    assert (call.name, call.arguments["message"]) == ("send_message", "Hello.")
    assert not read.read('{"query": "which of two"}', OFFER, must_call=True).calls


@given(st.lists(BAD, max_size=6).map("".join))
def test_nothing_breaks_it(text: str) -> None:
    found = read.read(text, OFFER, must_call=True)
    assert all(call.name in OFFER.names for call in found.calls)


def shown(text: str, sizes: random.Random) -> tuple[str, str]:
    """What is shown of a text that comes in pieces, and what is kept back to its end."""
    hold, at, told = HoldBack(OFFER.names), 0, ""
    while at < len(text):
        size = sizes.randint(1, 7)
        told += hold.feed(text[at : at + size])
        at += size
    return told, hold.rest


def test_no_call_is_shown_as_text_on_its_way() -> None:
    chance = random.Random(7)
    late: list[str] = []
    for part in PARTS:
        for case in corpus.cases(part):
            told, rest = shown(case.text, chance)
            assert told + rest == case.text
            found = read.read(case.text, OFFER)
            if found.calls and not found.text.startswith(told.strip()):
                late.append(case.text)
    assert late == []


def test_text_is_shown_as_soon_as_it_cannot_become_a_call() -> None:
    chance = random.Random(7)
    for text in (
        "I remember that Anna is allergic to nuts. A {brace}, a [bracket] and 1 < 2.\n\nBye.",
        '{"age": 31, "city": "Turin"} is what you asked for.',
        '{"name": "Anna", "age": 31}\n\nThat is her record, as far as I know it.',
        "```python\nfor each in range(3):\n    print(each)\n```\nThat prints three numbers.",
        "# A title\n\n* one\n* two\n\n1. <b>three</b>",
    ):
        told, rest = shown(text, chance)
        assert told + rest == text
        assert len(rest) < 20, (told, rest)
