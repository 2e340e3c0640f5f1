"""Sentences of a text that arrives in fragments: where they end, in which scripts, and that nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.facades.agents_api.sentences import Sentences

TEXTS: list[tuple[list[str], list[str]]] = [
    (["Hello there. How are you? Fine!"], ["Hello there.", "How are you?", "Fine!"]),
    (["Dr. Smith paid 3.50 for it. He left."], ["Dr. Smith paid 3.50 for it.", "He left."]),
    (["It is 5 p.m. in Rome. See e.g. the clock."], ["It is 5 p.m. in Rome.", "See e.g. the clock."]),
    (["It is 5 p.m. The shop is closed."], ["It is 5 p.m.", "The shop is closed."]),
    (["J. K. Rowling wrote it. Yes."], ["J. K. Rowling wrote it.", "Yes."]),
    (['"Really?" she said. "Yes!" he said.'], ['"Really?"', "she said.", '"Yes!"', "he said."]),
    (["1. Open it.\n2. Close it."], ["1. Open it.", "2. Close it."]),
    (["Wait... what? No... Fine."], ["Wait...", "what?", "No...", "Fine."]),
    (
        ["今日は晴れです。明日は「雨です。」そうですか？はい"],
        ["今日は晴れです。", "明日は「雨です。」", "そうですか？", "はい"],
    ),
    (["A title\n\nA text without an end"], ["A title", "A text without an end"]),
    (["See example.com or v1.2.3 for more. Bye."], ["See example.com or v1.2.3 for more.", "Bye."]),
    (["   \n ", " "], []),
]


@pytest.mark.parametrize(("fragments", "sentences"), TEXTS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_sentences_end_where_a_reader_would_say(fragments: list[str], sentences: list[str], size: int) -> None:
    text = "".join(fragments)
    assert _spoken([text[at : at + size] for at in range(0, len(text), size)]) == sentences


def test_a_sentence_is_told_with_the_first_fragment_after_it() -> None:
    taken = Sentences()
    assert [taken.feed(each) for each in ("It is ", "sunny", ".", " And", " warm")] == [
        [],
        [],
        [],
        ["It is sunny."],
        [],
    ]
    assert taken.flush() == ["And warm"]


@given(st.lists(st.text(alphabet='aB1.!? \n。」"p', max_size=8), max_size=12))
def test_nothing_is_lost_however_the_text_arrives(fragments: list[str]) -> None:
    text = "".join(fragments)
    assert "".join("".join(_spoken(fragments)).split()) == "".join(text.split())
    assert _spoken(fragments) == _spoken([text])


def _spoken(fragments: list[str]) -> list[str]:
    taken = Sentences()
    found = [sentence for each in fragments for sentence in taken.feed(each)]
    return [*found, *taken.flush()]
