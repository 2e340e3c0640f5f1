"""How each generation of Claude is told to think, to try hard, or not to."""

from typing import Any

import pytest

from holdfast.messages.model import TextPart, ToolCallPart, ToolReturnPart
from tests.fakes.anthropic_script import Json, events, streamed, text
from tests.fakes.scripted_http import ScriptedHttp
from tests.llm.asking import WEATHER, message
from tests.llm.claude import CALL, NEWEST, OFF, RETURN, SONNET, THOUGHT, USER, Claude, spoken


def thinking_of(claude: Claude, model: str = SONNET, **options: Any) -> Json | None:
    return claude.sent(USER, model=model, **options).get("thinking")


@pytest.mark.parametrize(
    ("settings", "max_tokens", "budget"),
    [
        ({}, None, 1024),
        ({"thinking": {"type": "enabled", "budget_tokens": 4000}}, 8000, 4000),
        ({"thinking": {"type": "enabled", "budget_tokens": 1}}, 8000, 1024),
        ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, 8000, 6000),
        ({"thinking": {"type": "enabled"}}, 100, None),
        ({"thinking": {"type": "disabled", "budget_tokens": 4000}}, None, None),
        ({"enable_reasoner": False}, None, None),
        ({"enable_reasoner": True, "max_reasoning_tokens": 3000}, None, 3000),
    ],
)
def test_the_budget_of_thinking(claude: Claude, settings: Json, max_tokens: int | None, budget: int | None) -> None:
    body = claude.sent(USER, settings=settings, max_tokens=max_tokens, temperature=0.3)
    expected = {"type": "enabled", "budget_tokens": budget} if budget else None
    assert body.get("thinking") == expected
    assert body.get("temperature") == (None if budget else 0.3), "a model that thinks takes no temperature"
    assert budget is None or budget < body["max_tokens"]


@pytest.mark.parametrize(
    ("model", "normal", "off"),
    [
        ("claude-3-5-sonnet-20241022", None, None),
        ("claude-sonnet-4-20250514", "enabled", None),
        ("claude-opus-4-6", "adaptive", "disabled"),
        ("us.anthropic.claude-sonnet-4-6", "adaptive", "disabled"),
        ("claude-sonnet-5", "adaptive", "disabled"),
        ("claude-sonnet-5-5", "adaptive", "between_tools"),
        ("claude-haiku-5-5", "adaptive", "disabled"),
        ("claude-opus-5-5", "adaptive", "adaptive"),
        ("claude-fable-5", "adaptive", "adaptive"),
        ("MiniMax-M2", None, None),
    ],
)
def test_thinking_per_generation(claude: Claude, model: str, normal: str | None, off: str | None) -> None:
    assert (thinking_of(claude, model) or {}).get("type") == normal
    assert (thinking_of(claude, model, settings=OFF) or {}).get("type") == off


def test_models_that_take_no_temperature_get_none(claude: Claude) -> None:
    assert claude.sent(USER, model="claude-opus-4-6", temperature=0.3, settings=OFF)["temperature"] == 0.3
    assert "temperature" not in claude.sent(USER, model="claude-sonnet-5", temperature=0.3, settings=OFF)
    assert claude.sent(USER, temperature=1.7, settings=OFF)["temperature"] == 1.0


def test_thoughts_that_no_longer_fit_are_dropped_not_refused(claude: Claude) -> None:
    assert thinking_of(claude, NEWEST) == {
        "type": "adaptive",
        "display": "summarized",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"},
    }
    assert thinking_of(claude, NEWEST, settings=OFF) == {**(thinking_of(claude, NEWEST) or {}), "display": "omitted"}
    assert thinking_of(claude, "claude-sonnet-5") == {"type": "adaptive", "display": "summarized"}


async def test_the_header_that_they_need(claude: Claude, service: ScriptedHttp) -> None:
    service.on("/messages", *[streamed(events(text("hi")))] * 2)
    await claude(model=NEWEST)
    await claude()
    newest, older = service.requests
    assert newest.headers["anthropic-beta"] == "thinking-binding-controls-2026-08-01"
    assert "anthropic-beta" not in older.headers


def test_thinking_does_not_begin_in_the_middle_of_a_turn(claude: Claude) -> None:
    foreign = message("assistant", [CALL], model="gpt-4.1")
    assert "thinking" not in claude.sent(USER, foreign, RETURN, tools=[WEATHER])
    assert thinking_of(claude) is not None
    later = [spoken(THOUGHT, CALL), RETURN, spoken(ToolCallPart(id="b", name="weather", arguments="{}"))]
    returned = message("tool", [ToolReturnPart(call_id="b", name="weather", output="rain")])
    assert "thinking" in claude.sent(USER, *later, returned, tools=[WEATHER])
    assert "thinking" in claude.sent(USER, foreign, RETURN, spoken(TextPart(text="Yes.")), USER, tools=[WEATHER])


@pytest.mark.parametrize(
    ("model", "settings", "effort"),
    [
        ("claude-opus-5", {"effort": "xhigh"}, "xhigh"),
        ("claude-opus-5", {"effort": "max", **OFF}, "high"),
        ("claude-opus-4-6", {"effort": "xhigh"}, "high"),
        ("claude-opus-4-5", {"effort": "max"}, "high"),
        ("claude-opus-4-5", {"reasoning_effort": "minimal"}, "low"),
        ("claude-opus-5", {"reasoning_effort": "none"}, None),
        ("claude-sonnet-4-5", {"effort": "low"}, None),
    ],
)
def test_effort(claude: Claude, model: str, settings: Json, effort: str | None) -> None:
    assert claude.sent(USER, model=model, settings=settings).get("output_config", {}).get("effort") == effort
