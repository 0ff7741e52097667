"""Which reader a file goes to, by its bytes. A name tells kinds of text apart; a type that a sender claims, nothing.

A file that is two things at once is what its first bytes say: the one parser that is chosen by them reads it, and no
other looks at it again. Only bytes are compared here, nothing is parsed, so any process may ask.
"""

import re
from pathlib import PurePath

import msgspec

from domain.filing.model import Kind
from domain.filing.sniffing import BITMAPS, begins_as_pdf, boxed, is_text
from domain.knowledge import charsets
from domain.knowledge.extract import LOOKS_LIKE_HTML

OTHER, ZIP = "application/octet-stream", "application/zip"
SVG = "image/svg+xml"
OLD_OFFICE = "application/x-cfb"  # Word, Excel and PowerPoint of before 2007, and whatever has a password
DOCX, PPTX, XLSX = (
    f"application/vnd.openxmlformats-officedocument.{kind}"
    for kind in ("wordprocessingml.document", "presentationml.presentation", "spreadsheetml.sheet")
)
_HEAD = 4096
_STARTS: tuple[tuple[bytes, Kind | None, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image", "image/png"),
    (b"\xff\xd8\xff", "image", "image/jpeg"),
    (b"GIF87a", "image", "image/gif"),
    (b"GIF89a", "image", "image/gif"),
    (b"II*\0", "image", "image/tiff"),
    (b"MM\0*", "image", "image/tiff"),
    (b"fLaC", "audio", "audio/flac"),
    (b"OggS", "audio", "audio/ogg"),
    (b"#!AMR\n", "audio", "audio/amr"),
    (b"#!AMR-WB\n", "audio", "audio/amr-wb"),
    (b"\x1aE\xdf\xa3", "audio", "video/webm"),
    (b"caff\0\x01", "audio", "audio/x-caf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None, OLD_OFFICE),
    (b"{\\rtf", None, "application/rtf"),
)
_RIFF: dict[bytes, tuple[Kind, str]] = {b"WAVE": ("audio", "audio/wav"), b"WEBP": ("image", "image/webp")}
_PARTS = ((b"word/document", DOCX), (b"ppt/presentation", PPTX), (b"xl/workbook", XLSX))
_TEXTS = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
    ".json": "application/json", ".htm": "text/html", ".html": "text/html", ".xhtml": "text/html",
}  # fmt: skip
_SVG = re.compile(
    r"\A\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*|<!doctype[^>[]*(\[[^\]]*\])?\s*>\s*)*<(\w+:)?svg\b", re.IGNORECASE | re.DOTALL
)


class Sniffed(msgspec.Struct, frozen=True):
    kind: Kind | None  # None for what is not read here
    media_type: str


def sniff(data: bytes, name: str = "") -> Sniffed:
    """Return what it is. `data` is the file or its first bytes; of an office document, better the file."""
    for start, kind, media_type in _STARTS:
        if data.startswith(start):
            return Sniffed(kind, media_type)
    found = _by_structure(data)
    if found is not None:
        return found
    if data and is_text(data):
        return Sniffed("text", _text(data, name))
    if b"%PDF-" in data[:1024]:  # readers of PDF look so far for its start
        return Sniffed("pdf", "application/pdf")
    return Sniffed(None, OTHER)


def _by_structure(data: bytes) -> Sniffed | None:
    if begins_as_pdf(data):
        return Sniffed("pdf", "application/pdf")
    if data[:4] == b"RIFF":
        return Sniffed(*_RIFF.get(data[8:12], (None, OTHER)))
    if data[4:8] == b"ftyp":
        found = boxed(data)
        return Sniffed("image" if found.startswith("image/") else "audio", found)
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return Sniffed("audio", "audio/aiff")
    if data[:2] == b"BM" and data[14:18] in BITMAPS:
        return Sniffed("image", "image/bmp")
    if data[:4] == b"PK\x03\x04":
        return next((Sniffed("office", kind) for part, kind in _PARTS if part in data), Sniffed(None, ZIP))
    sound = data[_tags(data) :][:4]
    if sound == b"fLaC":
        return Sniffed("audio", "audio/flac")
    if sound[:1] == b"\xff" and len(sound) == 4 and sound[1] != 0xFE:  # FF FE begins UTF-16
        if sound[1] & 0xF6 == 0xF0:
            return Sniffed("audio", "audio/aac")
        # Frame sync, a layer, a bit rate and a sample rate that there is.
        if sound[1] & 0xE0 == 0xE0 and sound[1] & 0x06 and sound[2] & 0xF0 != 0xF0 and sound[2] & 0x0C != 0x0C:
            return Sniffed("audio", "audio/mpeg")
    return Sniffed("audio", "audio/mpeg") if data[:3] == b"ID3" and data[3:4] in (b"\2", b"\3", b"\4") else None


def _tags(data: bytes) -> int:
    """Return where what stands behind an ID3 tag begins."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    a, b, c, d = data[6:10]
    return 10 + (a << 21 | b << 14 | c << 7 | d)


def _text(data: bytes, name: str) -> str:
    head = charsets.decode(data[:_HEAD])
    if _SVG.match(head):
        return SVG
    by_name = _TEXTS.get(PurePath(name).suffix.lower(), "text/plain")
    return "text/html" if LOOKS_LIKE_HTML.match(head) else by_name
