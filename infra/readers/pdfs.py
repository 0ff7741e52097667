"""PDF by pypdfium2: its text page by page; of a scan, its first pages as pictures that writing is read of."""

import contextlib
from collections.abc import Iterator
from typing import Any

from domain.errors import BadInput
from domain.filing.kept import kept, title
from domain.filing.model import MOST_CHARS, Read
from domain.knowledge import extract_pdf
from domain.knowledge.ports import Fetched
from infra.readers import pictures
from infra.readers.asking import MOST_SCANNED

MOST_POINTS = 20_000  # of a page's side: seven metres
DARK = 200  # of 255: a sheet without a darker spot is blank
SCANNED = 16  # characters of text in a whole file, below which it is a scan
_NOWHERE = "https://file.invalid/"
_PASSWORD = 4  # FPDF_ERR_PASSWORD


def read(data: bytes) -> tuple[Read, tuple[bytes, ...]]:
    """Return it and, of a scan, JPEGs of its first pages.

    Raises BadInput("file_locked", "file_broken", "file_empty").
    """
    pages = _count(data)
    try:
        found = extract_pdf.read(
            Fetched(url=_NOWHERE, status=200, content_type="application/pdf", charset="", body=data), 2 * MOST_CHARS
        )
    except BadInput as wrong:
        raise BadInput("file_broken") from wrong
    if len(found.text.strip()) < SCANNED:
        scanned = tuple(_scanned(data))
        if not any(scanned):
            raise BadInput("file_empty")
        return Read(kind="pdf", media_type="application/pdf", pages=pages, cut=pages > MOST_SCANNED), scanned
    text, cut = kept("\n\n".join(_paged(found.sections)))
    return Read(
        kind="pdf", media_type="application/pdf", text=text, title=title(found.title), cut=cut, pages=pages
    ), ()


def _count(data: bytes) -> int:
    with _opened(data) as document:
        pages = len(document)
    if pages < 1:
        raise BadInput("file_empty")
    return pages


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as wrong:
        # The code may be that of a file before: PDFium does not set it for every failure.
        locked = wrong.err_code == _PASSWORD and b"/Encrypt" in data
        raise BadInput("file_locked" if locked else "file_broken") from wrong
    try:
        yield document
    finally:
        document.close()


def _paged(sections: Any) -> Iterator[str]:
    """Yield paragraphs, each page under its number."""
    page = ""
    for section in sections:
        if section.heading != page:
            page = section.heading
            yield f"## {page}"
        yield section.text


def _scanned(data: bytes) -> Iterator[bytes]:
    """Yield the first pages as JPEG of pictures.FINE pixels, b"" for a blank sheet."""
    import pypdfium2

    with _opened(data) as document:
        for index in range(min(len(document), MOST_SCANNED)):
            try:
                yield _shown(document[index])
            except (pypdfium2.PdfiumError, ValueError, OSError):
                yield b""


def _shown(page: Any) -> bytes:
    width, height = page.get_size()
    if not (0 < width < MOST_POINTS and 0 < height < MOST_POINTS):
        return b""
    shown = page.render(scale=pictures.FINE / max(width, height)).to_pil().convert("RGB")
    page.close()
    return pictures.jpeg(shown, 85) if shown.convert("L").getextrema()[0] < DARK else b""
