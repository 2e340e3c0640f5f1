"""What reaches the terminal: styles where it has them, and never what it would obey."""

from collections.abc import Mapping

import pytest

from holdfast.cli.chat.markup import Markup
from tests.cli.chat.conftest import Open
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer

MARKDOWN = "# Title\nSome **strong** and `code`.\n```py\nx = 2 ** 3  # no heading\n```\nplain * text\n"


def styled(text: str, size: int) -> list[tuple[str, str]]:
    """The stretches of a text that arrives in fragments, joined where the style is the same."""
    markup = Markup()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    joined: list[tuple[str, str]] = []
    for piece, style in [*(each for part in pieces for each in markup.feed(part)), *markup.end()]:
        if joined and joined[-1][1] == style:
            piece = joined.pop()[0] + piece
        joined.append((piece, style))
    return joined


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_markdown_is_styled_and_not_changed(size: int) -> None:
    found = styled(MARKDOWN, size)
    assert "".join(text for text, _ in found) == MARKDOWN
    assert found == [
        ("# Title", "bold"),
        ("\nSome ", ""),
        ("**strong**", "bold"),
        (" and ", ""),
        ("`code`", "cyan"),
        (".\n", ""),
        ("```py\nx = 2 ** 3  # no heading\n```", "cyan"),
        ("\nplain * text\n", ""),
    ]


@pytest.mark.parametrize("odd", ["***", "`", "``` ", "#", "####### no", "**open\nclosed", "\n\n", "a*b*c"])
def test_no_mark_is_lost(odd: str) -> None:
    assert "".join(text for text, _ in styled(odd, 1)) == odd


def test_nothing_that_a_terminal_obeys_reaches_it(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    evil = "\x1b]0;title\x07\x9b31m\u202etxt\u2066\r\x00"
    models.queue(
        Reply(reasoning=f"think{evil}", calls=(("memory_insert", {"label": "human", "new_string": f"note{evil}"}),)),
        Reply(f"said{evil} end"),
    )
    terminal = opened({**env, "NO_COLOR": "1"})
    terminal.type("go")
    terminal.wait_for("title31mtxt end")
    terminal.wait_for("> ")
    for code in ("\x1b]", "\x07", "\x9b", "\u202e", "\u2066", "\x00"):
        assert code not in terminal.raw


def test_a_dumb_terminal_gets_plain_text(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    models.queue(Reply("# A title", reasoning="thinking"))
    terminal = opened({**env, "TERM": "dumb"}, columns=30)
    terminal.type("go")
    terminal.wait_for("# A title")
    terminal.wait_for("> ")
    assert "\x1b" not in terminal.raw
    terminal.type("/blocks")
    terminal.wait_for("persona")
    assert "\x1b" not in terminal.raw


def test_an_error_is_told_with_its_way_out(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    terminal = opened(env)
    models.queue(Reply(status=401, error="bad key"))
    terminal.type("go")
    shown = terminal.wait_for("> ")
    assert "error: " in shown
    assert "OPENAI_API_KEY" in shown
    terminal.type("REPLY on")
    terminal.wait_for("\non\n> ")
