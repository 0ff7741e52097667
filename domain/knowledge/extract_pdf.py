"""PDF to sections by pypdfium2: a paragraph is a section, its heading is the page ("p. 3")."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from domain.errors import BadInput
from domain.knowledge import languages
from domain.knowledge.cleaning import line, lines
from domain.knowledge.extract_html import MOST_TEXT, within
from domain.knowledge.model import Extracted, Section
from domain.knowledge.page_facts import MOST_TITLE
from domain.knowledge.ports import Fetched
from domain.knowledge.urls import site_of

MOST_PAGES = 500
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([-+Z])(\d\d)?'?(\d\d)?)?")
_ENDS = re.compile(r"[.!?:。！？：…]['\"”’)）」』]*\Z")
_HYPHEN = re.compile(r"(?<=[a-z])(?:-|\u00ad|\ufffe|\x02)\Z")
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")


def read(fetched: Fetched, most: int = MOST_TEXT) -> Extracted:
    """Return what a PDF says; no page is begun after `most` characters.

    Raises BadInput("page_unreadable") for one that is broken or locked.
    """
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(fetched.body)
    except pdfium.PdfiumError as wrong:
        raise BadInput("page_unreadable") from wrong
    try:
        said = document.get_metadata_dict()
        pages = _pages(document, pdfium.PdfiumError, most)
    except pdfium.PdfiumError as wrong:
        raise BadInput("page_unreadable") from wrong
    finally:
        document.close()
    sections = within([Section(text, f"p. {at}") for at, found in enumerate(_bodies(pages), 1) for text in found])
    text = "\n\n".join(section.text for section in sections)
    title = line(str(said.get("Title", "")))[:MOST_TITLE]
    return Extracted(
        title=title or (line(sections[0].text)[:120] if sections else ""),
        site=site_of(fetched.url),
        language=languages.detect(text),
        published=date(str(said.get("CreationDate", ""))),
        text=text,
        sections=sections,
    )


def _pages(document: Any, broken: type[Exception], room: int) -> list[list[str]]:
    """Return the lines of each page; a page that cannot be read has none."""
    found: list[list[str]] = []
    for index in range(min(len(document), MOST_PAGES)):
        try:
            page = document[index]
            letters = page.get_textpage()
            text = letters.get_text_range(0, min(letters.count_chars(), room))
            letters.close()
            page.close()
        except broken:
            text = ""
        room -= len(text)
        found.append([row.strip() for row in re.split(r"\r\n?|\n", text)])
        if room <= 0:
            break
    return found


def _bodies(pages: list[list[str]]) -> list[list[str]]:
    """Return the paragraphs of each page, without the lines that stand at the edge of most pages."""
    frames = Counter(edge for page in pages for edge in {_edge(row) for row in _edges(page)})
    usual = {edge for edge, count in frames.items() if count > 3 and count > len(pages) * 0.5}
    bodies = []
    for page in pages:
        edges = {row for row in _edges(page) if _edge(row) in usual}
        bodies.append(paragraphs([row for row in page if row not in edges]))
    return bodies


def _edges(page: list[str]) -> list[str]:
    rows = [row for row in page if row]
    return [*rows[:2], *rows[-2:]]


def _edge(row: str) -> str:
    return re.sub(r"\d+", "#", line(row))


def paragraphs(rows: list[str]) -> list[str]:
    """Join the lines of a page to paragraphs: one ends at a blank line, or where a short line ends a sentence."""
    lengths = sorted(len(row) for row in rows if row)
    usual = lengths[int(len(lengths) * 0.8)] if lengths else 0
    found: list[str] = []
    buffer = ""
    for row in rows:
        if not row:
            found, buffer = [*found, buffer], ""
            continue
        if buffer and _HYPHEN.search(buffer) and row[:1].islower():
            buffer = _HYPHEN.sub("", buffer) + row
        elif buffer:
            buffer += ("" if _CJK.match(buffer[-1]) and _CJK.match(row[0]) else " ") + row
        else:
            buffer = row
        if len(row) < 0.85 * usual and _ENDS.search(row):
            found, buffer = [*found, buffer], ""
    return [text for part in [*found, buffer] if (text := lines(part))]


def date(said: str) -> datetime | None:
    """Return the time of a PDF date ("D:20240131120000+01'00'") in UTC, None for none."""
    found = _DATE.match(said)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) if part else 0 for part in found.groups()[:6])
    zone = UTC
    try:
        if found.group(7) in ("+", "-"):
            away = timedelta(hours=int(found.group(8) or 0), minutes=int(found.group(9) or 0))
            zone = timezone(away if found.group(7) == "+" else -away)
        made = datetime(year, month or 1, day or 1, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return made if 1990 <= made.year <= 2100 else None
