"""What reads a file: decided by its first bytes where they say it, else by its name, else by whether it is text."""

import mimetypes
from pathlib import PurePosixPath

from holdfast.errors import AppError
from holdfast.files.parse.decode import SEEN, looks_like_text

KINDS = {
    ".pdf": "pdf",
    ".docx": "word",
    ".docm": "word",
    ".pptx": "slides",
    ".pptm": "slides",
    ".xlsx": "sheets",
    ".xlsm": "sheets",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".json": "json",
}
"""By extension; everything else is plain text, or refused."""
PLAIN = frozenset((".txt", ".md", ".markdown", ".rst", ".csv", ".tsv", ".yaml", ".yml", ".xml", ".jsonl", ".log"))

_ZIPPED = ((b"word/document.xml", "word"), (b"ppt/slides/", "slides"), (b"xl/worksheets/", "sheets"))


class UnsupportedType(AppError):
    """A file of which no text can be had."""

    status = 415


def kind_of(name: str, media_type: str, body: bytes) -> str:
    """The name of the reader; a file that none can read is refused."""
    suffix = PurePosixPath(name).suffix.lower()
    if b"%PDF-" in body[:1024]:
        return "pdf"
    if body.startswith(b"PK\x03\x04"):
        kind = KINDS.get(suffix) or next((kind for mark, kind in _ZIPPED if mark in body), None)
        if kind not in ("word", "slides", "sheets"):
            raise _refused(name, media_type)
        return kind
    kind = KINDS.get(suffix) or _by_media_type(media_type)
    if kind is not None:
        return kind
    if suffix in PLAIN or looks_like_text(body[:SEEN]):
        return "text"
    raise _refused(name, media_type)


def media_type_of(name: str, sent: str | None) -> str:
    """What the client says that it is, unless it says nothing."""
    if sent and sent != "application/octet-stream":
        return sent.partition(";")[0].strip().lower()[:100]
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _by_media_type(media_type: str) -> str | None:
    return {"application/pdf": "pdf", "text/html": "html", "application/json": "json"}.get(media_type)


def _refused(name: str, media_type: str) -> UnsupportedType:
    return UnsupportedType(
        f"{name!r} ({media_type}) is of no type that can be read. Send PDF, Word (.docx), PowerPoint (.pptx), "
        "Excel (.xlsx), HTML, Markdown, JSON, CSV, YAML, code or any other text."
    )
