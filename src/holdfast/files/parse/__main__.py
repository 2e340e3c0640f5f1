"""The process that reads one file, or looks through some: its job and its bytes come in, JSON goes out."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.files.parse import hypertext, lines, office, pdf, plain, webpage
from holdfast.files.parse.limits import Unreadable, bounded, confine
from holdfast.files.parse.pieces import pieces

READERS: Mapping[str, Callable[[bytes], str]] = {
    "text": plain.read,
    "json": plain.read_json,
    "html": hypertext.read,
    "webpage": webpage.read,
    "pdf": pdf.read,
    "word": office.read_word,
    "slides": office.read_slides,
    "sheets": office.read_sheets,
}


def main() -> None:
    confine()
    job = json.loads(sys.stdin.buffer.readline())
    body = sys.stdin.buffer.read()
    try:
        answer = lines.search(job, json.loads(body)) if job["do"] == "search" else _read(job["kind"], body)
    except Unreadable as refused:
        answer = {"refused": str(refused)}
    except MemoryError:
        answer = {"refused": "It takes more memory to read than a file may; split it into smaller ones."}
    except RecursionError:
        answer = {"refused": "It nests too deep to be read; save it anew in a simpler form and send that."}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _read(kind: str, body: bytes) -> dict[str, Any]:
    if not body:
        raise Unreadable("It is empty; there is nothing in it to find.")
    text = bounded(READERS[kind](body)).replace("\x00", "").encode(errors="replace").decode()
    if not text.strip():
        raise Unreadable("There is no text in it; there is nothing in it to find.")
    return {"text": text, "pieces": list(pieces(text))}


if __name__ == "__main__":
    main()
