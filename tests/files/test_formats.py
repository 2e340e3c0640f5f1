"""What is read, and what is refused: each kind of file, and a zoo of broken and malicious ones (CONTRACT §10)."""

import json

import pytest

from tests.files import zoo
from tests.files.holding import agent, folder, ok, put, read, upload
from tests.harness.models import MODEL
from tests.harness.tenants import Org

READABLE: dict[str, tuple[str, bytes, str]] = {
    "text": ("a.txt", b"one\r\ntwo\rthree", "one\ntwo\nthree"),
    "marked utf-8": ("a.txt", b"\xef\xbb\xbfna\xc3\xafve", "naïve"),
    "utf-16": ("a.txt", "naïve 漢字".encode("utf-16"), "naïve 漢字"),
    "utf-16 without a mark": ("a.txt", "plain words".encode("utf-16-le"), "plain words"),
    "latin-1": ("a.txt", "caf\xe9 cr\xe8me".encode("latin-1"), "café crème"),
    "zero bytes": ("a.txt", b"before\x00after" + b"." * 99, "beforeafter" + "." * 99),
    "markdown": ("a.md", b"# Title\n\ntext", "# Title\n\ntext"),
    "csv": ("a.csv", b"name,age\nAda,36\n", "name,age\nAda,36\n"),
    "yaml": ("a.yaml", b"name: Ada\n", "name: Ada\n"),
    "code": ("a.rs", b"fn main() {}\n", "fn main() {}\n"),
    "no extension": ("Makefile", b"all:\n\techo\n", "all:\n\techo\n"),
    "json": ("a.json", b'{"name":"Ada","tags":["x"]}', '{\n "name": "Ada",\n "tags": [\n  "x"\n ]\n}'),
    "broken json": ("a.json", b'{"name": "Ada"', '{"name": "Ada"'),
    "deep json": ("a.json", b"[" * 20_000, "[" * 20_000),
    "html": (
        "a.html",
        b"<html><head><title>T</title><style>x{}</style></head><body><h1>Big</h1><p>one&amp;two<script>no()</script>"
        b"<ul><li>first<li>second</ul><table><tr><td>a<td>b</table>",
        "T\n\n# Big\n\none&two\n\n- first\n- second\n\n| a | b",
    ),
    "deep html": ("a.html", b"<div>" * 100_000 + b"deep", "deep"),
    "pdf": ("a.pdf", zoo.pdf("first page", "second page"), "[Page 1]\nfirst page\n\n[Page 2]\nsecond page"),
    "pdf by its bytes": ("a.bin", zoo.pdf("hidden"), "[Page 1]\nhidden"),
    "word": ("a.docx", zoo.word("first", "second"), "first\nsecond"),
    "slides": ("a.pptx", zoo.slides("one", "two"), "# Slide 1\none\n\n# Slide 2\ntwo"),
    "sheet": ("a.xlsx", zoo.sheet("Ages", [["name", "age"], ["Ada", "36"]]), "# Ages\nname | age\nAda | 36"),
}

UNREADABLE: dict[str, tuple[str, bytes, str]] = {
    "empty text": ("a.txt", b"", "empty"),
    "only spaces": ("a.txt", b" \n\n ", "no text"),
    "no text after all": ("a.txt", bytes(range(256)) * 40, "not a text file"),
    "empty pdf": ("a.pdf", b"", "empty"),
    "pdf that is none": ("a.pdf", b"just words", "damaged"),
    "truncated pdf": ("a.pdf", zoo.pdf("first page")[:120], "damaged"),
    "pdf of pictures": ("a.pdf", zoo.pdf(""), "text recognition"),
    "encrypted pdf": ("a.pdf", zoo.locked_pdf("secret words"), "password"),
    "word that is none": ("a.docx", b"PK\x03\x04 nothing", "damaged"),
    "truncated word": ("a.docx", zoo.word("first")[:150], "damaged"),
    "word by name only": ("a.docx", zoo.zipped(other="<a/>"), "no Word document"),
    "zip bomb": ("a.docx", zoo.bomb(), "unpacks to more"),
    "entities": ("a.docx", zoo.laughs(), "entities"),
    "deep xml": ("a.docx", zoo.nested_xml(), "levels deep"),
    "broken xml": ("a.docx", zoo.zipped(word__document="<w><t>"), "damaged"),
    "a line of 50 MB": ("a.txt", b"a" * (50 * 10**6), "more than 16,000,000"),
}


@pytest.mark.contract("files.formats")
@pytest.mark.parametrize("kind", READABLE)
def test_the_text_of_each_kind_of_file_is_read(org: Org, kind: str) -> None:
    name, body, text = READABLE[kind]
    done = put(org, folder(org), name, body)
    assert (done["content"], done["error_message"]) == (text, None)
    assert done["total_chunks"] == done["chunks_embedded"] > 0


@pytest.mark.contract("files.errors")
def test_what_cannot_be_read_says_why_and_the_chat_goes_on(org: Org) -> None:
    home = folder(org)
    owner = agent(org, home, model=MODEL)
    for kind, (name, body, why) in UNREADABLE.items():
        done = read(org, upload(org, home, f"{kind}-{name}", body))
        assert done["processing_status"] == "error", kind
        assert why in done["error_message"], (kind, done["error_message"])
        assert done["content"] == ""
        sent = {"messages": [{"role": "user", "content": f"REPLY after {kind}"}]}
        answer = ok(org.http.post(f"/v1/agents/{owner}/messages", json=sent))
        assert answer["messages"][-1]["content"] == f"after {kind}"
    assert ok(org.http.get(f"/v1/folders/{home}/passages")) == []


@pytest.mark.contract("files.types")
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("archive.zip", zoo.zipped(some="<a/>")),
        ("program", b"\x7fELF" + bytes(range(32)) * 10),
    ],
)
def test_types_without_text_are_refused(org: Org, name: str, body: bytes) -> None:
    home = folder(org)
    refused = org.http.post(f"/v1/folders/{home}/upload", files={"file": (name, body)})
    assert refused.status_code == 415
    assert name in refused.json()["detail"]
    assert ok(org.http.get(f"/v1/folders/{home}/files")) == []


def test_pieces_are_whole_lines_that_follow_each_other(org: Org) -> None:
    text = "\n\n".join(f"Paragraph {number}. " + "It says a little more. " * 8 for number in range(12)) + "x" * 2500
    home = folder(org)
    done = put(org, home, "long.txt", text)
    pieces = ok(org.http.get(f"/v1/folders/{home}/passages", params={"order": "asc"}))
    assert done["total_chunks"] == len(pieces) > 5
    in_order = sorted(pieces, key=lambda each: each["metadata"]["position"])
    assert "".join(each["text"] for each in in_order) == text == done["content"]
    assert max(len(each["text"]) for each in pieces) <= 900
    begins = [str(each["text"])[:9] for each in pieces]
    assert begins.count("Paragraph") >= 4
    lines = text.split("\n")
    for each in in_order[:4]:
        first: str = each["text"].split("\n")[0]
        assert lines[int(each["metadata"]["start_line"]) - 1].startswith(first)
    assert json.dumps(in_order[0]["metadata"]) == '{"position": 0, "start_line": 1}'
