"""The text of bytes: by their byte order mark, as UTF-8, as UTF-16 without a mark, or as the older single-byte text."""

import codecs

from holdfast.files.parse.limits import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SEEN = 65_536
"""So much of a file says what its bytes are."""
MOST_CONTROLS = 0.02


def decoded(body: bytes) -> str:
    """The text, with one kind of line end and without what no database can store."""
    text = _decoded(body)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def looks_like_text(body: bytes) -> bool:
    """Whether bytes are text in any encoding that is understood."""
    start = body[:SEEN]
    if any(start.startswith(mark) for mark, _ in _MARKS) or _wide(start):
        return True
    controls = sum(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in start)
    return controls <= MOST_CONTROLS * len(start)


def _decoded(body: bytes) -> str:
    if not looks_like_text(body):
        raise Unreadable("It is not a text file; send it with the extension of what it is.")
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    if wide := _wide(body[:SEEN]):
        return body.decode(wide, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _wide(start: bytes) -> str | None:
    """UTF-16 without a mark: of western text every second byte is zero."""
    half = len(start) // 2
    if half < 2:
        return None
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > 0.4 * half and even < 0.02 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.02 * half else None
