"""PDF, page by page; a page that cannot be read does not cost the others."""

import logging
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from holdfast.files.parse.limits import MOST_CHARACTERS, Unreadable, bounded

if TYPE_CHECKING:
    from pypdf import PdfReader


_DAMAGE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError, RecursionError)
"""What a broken page makes of a reader that believes it, besides the reader's own errors."""


def read(body: bytes) -> str:
    """The text, each page under its number."""
    logging.disable()
    pages = list(_pages(_opened(body)))
    if not any(text.strip() for _, text in pages):
        raise Unreadable(
            "It has pages, but no text in them: they are pictures. Run text recognition (OCR) over it and send that."
        )
    return bounded("\n\n".join(f"[Page {number}]\n{text.strip()}" for number, text in pages if text.strip()))


def _opened(body: bytes) -> "PdfReader":
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(body))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("It is encrypted; remove its password and send it again.")
    if not reader.pages:
        raise Unreadable("It has no pages; it may have been cut off on its way. Send it again.")
    return reader


def _pages(reader: "PdfReader") -> Iterator[tuple[int, str]]:
    from pypdf.errors import PyPdfError

    characters, unreadable = 0, 0
    for number, page in enumerate(reader.pages, 1):
        try:
            text = page.extract_text()
        except (PyPdfError, *_DAMAGE):
            unreadable += 1
            continue
        characters += len(text)
        if characters > MOST_CHARACTERS:
            raise Unreadable(f"It holds more than {MOST_CHARACTERS:,} characters of text; split it into smaller files.")
        yield number, text
    if unreadable == len(reader.pages):
        raise Unreadable("None of its pages can be read; it is damaged. Open it elsewhere, save it anew and send that.")
