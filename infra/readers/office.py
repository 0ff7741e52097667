"""Office documents: Word and PowerPoint by markitdown, Excel row by row by openpyxl.

markitdown reads a workbook whole before it writes the first row; a table has a million rows and 20,000 characters are
kept. Of markitdown only the two converters are used: no plug-in, no network session, no model.
"""

import io
import sys
from collections.abc import Iterator
from datetime import datetime
from types import ModuleType
from typing import Any

import msgspec

from domain.errors import BadInput
from domain.filing.kept import kept, title
from domain.filing.model import MOST_CHARS, Read
from infra.readers import packages
from infra.readers.sniff import DOCX, PPTX, XLSX

# Bytes of XML that are unpacked; a book of 500 pages has 6 MB. Trees take twenty times as much, rows are streamed.
MOST_XML = {DOCX: 24 << 20, PPTX: 24 << 20, XLSX: 64 << 20}
MOST_PARAGRAPHS = 6_000  # of a Word document
_MAIN = "word/document.xml"
MOST_SHEETS, MOST_COLUMNS, MOST_CELL = 50, 60, 500
MOST_EMPTY = 1_000  # rows without anything, after which a sheet is taken to be over


class _Found(msgspec.Struct, frozen=True):
    text: str
    title: str = ""
    pages: int = 0
    cut: bool = False  # more was there than was converted


def warm() -> None:
    """Import what is imported late: half a second."""
    _markitdown()
    _openpyxl()


def read(data: bytes, media_type: str) -> Read:
    """Raises BadInput("file_bomb", "file_locked", "file_broken", "file_empty")."""
    package = packages.cleaned(data, MOST_XML[media_type], trees=media_type != XLSX)
    found = {DOCX: _document, PPTX: _slides, XLSX: _workbook}[media_type](package)
    text, cut = kept(found.text)
    if not text.strip():
        raise BadInput("file_empty")
    return Read(
        kind="office", media_type=media_type, text=text, title=title(found.title), cut=cut or found.cut,
        pages=found.pages,
    )  # fmt: skip


def _markitdown() -> tuple[Any, Any, Any]:
    """Return its two converters and what they are told of a file.

    The package imports magika, to guess types that we know; and magika imports onnxruntime, with threads, 50 MB and a
    telemetry that writes an id of the machine into the home directory. Nothing of magika is called: a name is enough.
    """
    sys.modules.setdefault("magika", ModuleType("magika"))
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter, PptxConverter

    return DocxConverter, PptxConverter, StreamInfo


def _openpyxl() -> Any:
    """Return its function that opens a workbook.

    What a sheet says of its size is not asked for: where it says nothing, openpyxl would go through all of it, a minute
    for three million cells.
    """
    import openpyxl.reader.excel
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

    ReadOnlyWorksheet._get_size = lambda self: None
    return openpyxl.reader.excel.load_workbook


def _document(package: bytes) -> _Found:
    converter, _, info = _markitdown()
    begun = packages.shortened(package, _MAIN, _begun)
    found = converter().convert(io.BytesIO(begun), info(extension=".docx"))
    heading = next((row.lstrip("# ") for row in found.markdown.split("\n") if row.startswith("# ")), "")
    return _Found(found.markdown, heading, cut=len(begun) < len(package))


def _begun(body: bytes) -> bytes:
    """Return the main part without what comes after all that is kept: converting 100,000 paragraphs takes a minute."""
    from lxml import etree

    tree = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    room = 2 * MOST_CHARS
    for count, paragraph in enumerate(tree.iter("{*}p")):
        room -= sum(map(len, paragraph.itertext()))
        if room < 0 or count > MOST_PARAGRAPHS:
            while paragraph is not None:
                for later in list(paragraph.itersiblings()):
                    later.getparent().remove(later)
                paragraph = paragraph.getparent()
            return bytes(etree.tostring(tree, encoding="UTF-8", xml_declaration=True))
    return body


def _slides(package: bytes) -> _Found:
    _, converter, info = _markitdown()
    found = converter().convert(io.BytesIO(package), info(extension=".pptx"))
    rows = found.markdown.split("\n")
    heading = next((row.lstrip("# ") for row in rows if row.startswith("# ")), "")
    count = sum(row.startswith("<!-- Slide number: ") for row in rows)
    shown = [
        f"--- {row[len('<!-- Slide number: '):].split(' ')[0]} ---" if row.startswith("<!-- Slide number: ") else row
        for row in rows
        if not (row.startswith("![") and row.endswith(".jpg)"))
    ]
    return _Found("\n".join(shown), heading, count)


def _workbook(package: bytes) -> _Found:
    book = _openpyxl()(io.BytesIO(package), read_only=True, data_only=True, keep_links=False)
    try:
        parts: list[str] = []
        room = 2 * MOST_CHARS  # so that what is left out is known to be
        for sheet in book.worksheets[:MOST_SHEETS]:
            parts.append(f"## {sheet.title}\n")
            for row in _rows(sheet):
                parts.append(row)
                room -= len(row)
                if room < 0:
                    break
            parts.append("")
            if room < 0:
                break
        some = any(part and not part.startswith("## ") for part in parts)
        return _Found("\n".join(parts) if some else "", pages=len(book.worksheets))
    finally:
        book.close()


def _rows(sheet: Any) -> Iterator[str]:
    """Yield the rows of a sheet as Markdown."""
    first, empty = True, 0
    for cells in sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS):
        said = [_cell(value) for value in cells]
        while said and not said[-1]:
            said.pop()
        if not said:
            empty += 1
            if empty > MOST_EMPTY:
                return
            continue
        yield "| " + " | ".join(said) + " |"
        if first:
            yield "|" + " --- |" * len(said)
        first = False


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) == (0, 0, 0):
        value = value.date()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value)[:MOST_CELL].replace("|", "/").replace("\n", " ").strip()
