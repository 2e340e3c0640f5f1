"""How large a model is, by what its server says or by its name, and whether it is near."""

import pytest

from holdfast.llm import sizes


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("qwen3:4b", 4),
        ("huihui_ai/qwen3-abliterated:4b-v2", 4),
        ("Qwen3-4B-Instruct-2507-Q4_K_M.gguf", 4),
        ("qwen2.5-0.5b-instruct", 0.5),
        ("smollm2-360m", 0.36),
        ("gemma-3n-e4b-it", 4),
        ("qwen3-30b-a3b", 30),
        ("mixtral-8x7b-instruct", 56),
        ("mistral-7b-instruct-v0.3", 7),
        ("meta-llama-3.1-8b-instruct-4bit", 8),
        ("phi-4-mini-instruct", 3.8),
        ("gpt-4.1", None),
        ("llama3.2", None),
        ("9" * 5000 + "b", 999_999_999_999),
    ],
)
def test_names(name: str, billions: float | None) -> None:
    assert sizes.of_name(name) == billions


@pytest.mark.parametrize(
    ("text", "billions"),
    [("8.2B", 8.2), ("494.03M", 0.49403), ("137M", 0.137), ("", None), ("large", None), (7, None), (None, None)],
)
def test_what_ollama_says(text: object, billions: float | None) -> None:
    assert sizes.said(text) == (pytest.approx(billions) if billions else None)


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("http://127.0.0.1:1234/v1", True),
        ("http://localhost:8080/v1", True),
        ("http://192.168.1.20:8080", True),
        ("http://[::1]:8080", True),
        ("https://api.openai.com/v1", False),
        ("http://8.8.8.8/v1", False),
        ("http://[nonsense", False),
        ("", False),
    ],
)
def test_addresses(address: str, near: bool) -> None:
    assert sizes.is_near(address) is near
