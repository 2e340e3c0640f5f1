"""Thoughts that a model prints between tags, wherever its answer is cut into fragments."""

import pytest

from holdfast.llm.model import ReasoningDelta
from holdfast.llm.thoughts import Thoughts


def read(*fragments: str) -> tuple[str, str]:
    """Thought and text of an answer."""
    reader = Thoughts()
    found = [delta for fragment in fragments for delta in reader.feed(fragment)] + reader.rest()
    said = {True: "", False: ""}
    for delta in found:
        said[isinstance(delta, ReasoningDelta)] += getattr(delta, "text", "")
    return said[True], said[False]


@pytest.mark.parametrize(
    ("answer", "thought", "text"),
    [
        ("<think>hm, 1 < 2</think>\n\nYes.", "hm, 1 < 2", "Yes."),
        (" \n<thinking>hm</think></thinking>Yes.", "hm</think>", "Yes."),
        ("<think>never said", "never said", ""),
        ("<think></think>Yes.", "", "Yes."),
        ("<b>bold</b> <think>", "", "<b>bold</b> <think>"),
        ("<thi", "", "<thi"),
        ("Yes, </think> is a tag.", "", "Yes, </think> is a tag."),
        ("", "", ""),
    ],
)
def test_thoughts_and_text(answer: str, thought: str, text: str) -> None:
    assert read(answer) == (thought, text)
    assert read(*answer) == (thought, text)
    for at in range(len(answer)):
        assert read(answer[:at], answer[at:]) == (thought, text), at
