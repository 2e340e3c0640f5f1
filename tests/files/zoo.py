"""Files as they come in, and as they should never: small documents of every format, and malicious ones."""

import io
import zipfile

WORD_NS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
DRAW_NS = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
SHEET_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def pdf(*pages: str) -> bytes:
    """A PDF with one line of text on each page."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids: list[str] = []
    for text in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        content = len(objects)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    return _assembled(objects)


def _assembled(objects: list[str]) -> bytes:
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    places: list[int] = []
    for number, text in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1"))
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.writelines(f"{place:010d} 00000 n \n".encode() for place in places)
    out.write(f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def locked_pdf(text: str) -> bytes:
    """A PDF that nobody can read without its password."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(text))))
    writer.encrypt("secret", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def zipped(**parts: str | bytes) -> bytes:
    """A zip archive; `word__document` stands for `word/document.xml`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(f"{name.replace('__', '/')}.xml", text)
    return out.getvalue()


def word(*paragraphs: str) -> bytes:
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return zipped(word__document=f"<w:document {WORD_NS}><w:body>{body}</w:body></w:document>")


def slides(*texts: str) -> bytes:
    parts = {
        f"ppt__slides__slide{number}": f"<sld {DRAW_NS}><a:p><a:r><a:t>{text}</a:t></a:r></a:p></sld>"
        for number, text in enumerate(texts, 1)
    }
    return zipped(**parts)


def sheet(name: str, rows: list[list[str]]) -> bytes:
    """A workbook whose texts are shared, as programs write them."""
    texts = sorted({cell for row in rows for cell in row})
    cells = "".join(
        "<row>" + "".join(f'<c t="s"><v>{texts.index(cell)}</v></c>' for cell in row) + "</row>" for row in rows
    )
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    return zipped(
        xl__workbook=f'<workbook {SHEET_NS}><sheets><sheet name="{name}"/></sheets></workbook>',
        xl__sharedStrings=f"<sst {SHEET_NS}>{shared}</sst>",
        xl__worksheets__sheet1=f"<worksheet {SHEET_NS}><sheetData>{cells}</sheetData></worksheet>",
    )


def bomb() -> bytes:
    """A Word document of 300 KB that unpacks to 300 MB."""
    return zipped(word__document=b"<w>" + b" " * (300 * 2**20) + b"</w>")


def laughs() -> bytes:
    """A Word document whose few entities stand for a billion words."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return zipped(word__document=f'<!DOCTYPE w [<!ENTITY l0 "lol">{entities}]><w><t>&l9;</t></w>')


def nested_xml(levels: int = 100_000) -> bytes:
    return zipped(word__document="<w>" * levels + "</w>" * levels)
