"""Our tokenizer gives what the one gives with which the bundled model was made."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece as Reference
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from holdfast.embed.bundled import HERE
from holdfast.embed.wordpiece import WordPiece

VOCABULARY = HERE / "vocabulary.txt"
PUBLIC = Path(os.environ.get("HOLDFAST_RECALL_DATA", Path(__file__).parents[3] / "shared" / "recall")) / "public"

ours = WordPiece(VOCABULARY)
words = VOCABULARY.read_text(encoding="utf-8").splitlines()
reference = Tokenizer(Reference({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
reference.normalizer = BertNormalizer(lowercase=True)
reference.pre_tokenizer = BertPreTokenizer()

TEXTS = [
    "Hello, world! It's 3.14 o'clock.",
    "Héllo Wörld naïve façade",
    "中文测试 and 日本語テキスト",
    "a\u200bb\x07c\ufffd\x00d",
    "emoji 😀👍🏽 test",
    "x" * 150 + " ok",
    "Straße İstanbul",
    "สวัสดีครับ مرحبا بالعالم नमस्ते 안녕하세요",
    "“quotes”—dash … ①② ½",
    "``code`` $100 <tag> a=b^c ~x|y",
    "",
    " \t\r\n ",
    "a\u3000b\u00a0c",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_same_pieces(text: str) -> None:
    assert ours.numbers(text) == reference.encode(text, add_special_tokens=False).ids


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8", max_codepoint=0x24F)))
def test_any_western_text(text: str) -> None:
    assert ours.numbers(text) == reference.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("name", ["locomo", "beam100k"])
def test_conversations(name: str) -> None:
    file = PUBLIC / f"{name}.items.jsonl"
    if not file.exists():
        pytest.skip(f"no benchmark data at {file.parent}")
    for line in file.read_text(encoding="utf-8").splitlines()[:600]:
        text = json.loads(line)["text"]
        assert ours.numbers(text) == reference.encode(text, add_special_tokens=False).ids
