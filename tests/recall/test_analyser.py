"""Text as the terms by which it is found."""

import pytest

from holdfast.recall.analyser import query_terms, terms
from holdfast.recall.chunks import LONGEST, chunks
from holdfast.recall.entry import describe, pack_terms, speaker_of, unpack_terms
from holdfast.recall.porter import stem

STEMS = {
    "caresses": "caress", "ponies": "poni", "cats": "cat", "feed": "feed", "agreed": "agre", "plastered": "plaster",
    "motoring": "motor", "sing": "sing", "conflated": "conflat", "troubled": "troubl", "sized": "size",
    "hopping": "hop", "falling": "fall", "hissing": "hiss", "failing": "fail", "filing": "file", "happy": "happi",
    "sky": "sky", "relational": "relat", "conditional": "condit", "digitizer": "digit", "vietnamization": "vietnam",
    "operator": "oper", "feudalism": "feudal", "hopefulness": "hope", "sensibiliti": "sensibl", "triplicate": "triplic",
    "electrical": "electr", "goodness": "good", "revival": "reviv", "allowance": "allow", "adjustment": "adjust",
    "adoption": "adopt", "effective": "effect", "probate": "probat", "rate": "rate", "cease": "ceas",
    "controlling": "control", "rolling": "roll",
}  # fmt: skip


@pytest.mark.parametrize(("word", "expected"), STEMS.items())
def test_english_words_lose_their_endings(word: str, expected: str) -> None:
    """Pairs of Porter's own paper."""
    assert stem(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She was CAMPING in the Alps!", ["camp", "alp"]),
        ("Café déjà-vu", ["cafe", "deja", "vu"]),
        ("foo_bar v2.1 ada@example.org", ["foo", "bar", "v2", "1", "ada", "exampl", "org"]),
        ("ＦＵＬＬ ﬁne", ["full", "fine"]),
        ("我住上海", ["我", "住", "上", "海", "我住", "住上", "上海"]),
        ("iPhone手机", ["iphon", "手", "机", "手机"]),
        ("ΑΘΗΝΑ Ёлка", ["αθηνα", "елка"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("\x00\ud800 ok", ["ok"]),
        ("the and of", []),
    ],
)
def test_the_terms_of_a_text(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize("word", ["上海", "東京", "ไทย", "서울에서"])
def test_parts_of_unparted_scripts_are_found(word: str) -> None:
    held = {*terms(f"x{word}在{word}y")}
    assert {*query_terms(word)} <= held


def test_a_question_is_told_which_of_its_words_were_found() -> None:
    assert query_terms("Where did they go camping in Shanghai 上海?") == {
        "go": "go", "camp": "camping", "shanghai": "shanghai", "上海": "上海"
    }  # fmt: skip


def test_long_texts_are_cut_at_the_ends_of_sentences() -> None:
    sentence = "A sentence of some forty characters or so. "
    found = chunks(sentence * 100)
    assert all(len(piece) <= LONGEST and piece.endswith(".") for piece in found)
    assert " ".join(found) == (sentence * 100).strip()


@pytest.mark.parametrize("text", ["x" * 5000, "字" * 3000, "word " * 1000, "", " \n "])
def test_nothing_of_a_long_text_is_lost(text: str) -> None:
    found = chunks(text)
    assert all(0 < len(piece) <= LONGEST for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_a_transcript_names_who_speaks() -> None:
    assert speaker_of("Ada Lovelace: I like engines", None) == "Ada Lovelace"
    assert speaker_of("I like engines: big ones", "Bob") == "Bob"
    assert speaker_of("https://example.org", None) is None


def test_what_is_stored_of_an_item_is_read_back() -> None:
    told = describe("Ada lives in Turin.", "Bob")
    assert unpack_terms(pack_terms(told)) == told
    empty = describe("…", None)
    assert unpack_terms(pack_terms(empty)) == empty
