"""Office documents as the ZIP packages they are: checked before any library sees them, and packed anew without bombs.

The new package has the XML parts as they were, each read once within bounds, and everything else (pictures, macros,
documents in documents) empty: no library can be made to unpack or decode it.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from xml.parsers import expat

from domain.errors import BadInput

MOST_PARTS = 4_000  # a deck of 500 slides has 2,500
MOST_DIRECTORY = 1 << 20  # bytes of the list of parts
MOST_NAME = 400
_END = struct.Struct("<4s4H2LH")
_END_MARK, _END64_MARK = b"PK\x05\x06", b"PK\x06\x07"
_XML = (".xml", ".rels")
_DATED = (1980, 1, 1, 0, 0, 0)


class _Stop(Exception):
    """The first element was reached: nothing bad may come after it."""


def cleaned(data: bytes, most_bytes: int, trees: bool = True) -> bytes:
    """Return the package anew; its XML has `most_bytes` at most. `trees`: it will be read as trees, whose depth counts.

    Raises BadInput("file_bomb", "file_locked", "file_broken").
    """
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = package.infolist()
            _check_parts(parts)
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
                for part in parts:
                    body = b""
                    if part.filename.lower().endswith(_XML):
                        body = _body(package, part, most_bytes, trees)
                        most_bytes -= len(body)
                    new.writestr(zipfile.ZipInfo(part.filename, _DATED), body)
            return out.getvalue()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError, RuntimeError) as wrong:
        raise BadInput("file_broken") from wrong


def shortened(package: bytes, name: str, shorten: Callable[[bytes], bytes]) -> bytes:
    """Return a package that `cleaned` made, one part of it changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for part in old.infolist():
            body = old.read(part)
            new.writestr(zipfile.ZipInfo(part.filename, _DATED), shorten(body) if part.filename == name else body)
    return out.getvalue()


def _check_directory(data: bytes) -> None:
    """Refuse a list of parts that is too long before anybody reads it: a million entries are half a gigabyte."""
    at = data.rfind(_END_MARK, max(0, len(data) - (1 << 16) - _END.size))
    if at < 0 or len(data) - at < _END.size:
        raise BadInput("file_broken")
    _, _, _, _, count, size, _, _ = _END.unpack_from(data, at)
    if data[max(0, at - 20) : at].startswith(_END64_MARK):
        raise BadInput("file_bomb")  # the wide form, which only packages of 4 GB or 65,535 parts need
    if count > MOST_PARTS or size > MOST_DIRECTORY:
        raise BadInput("file_bomb")


def _check_parts(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MOST_PARTS or len({part.filename for part in parts}) < len(parts):
        raise BadInput("file_bomb")
    end = 0
    for part in sorted(parts, key=lambda part: part.header_offset):
        if part.flag_bits & 0x1:
            raise BadInput("file_locked")
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or len(part.filename) > MOST_NAME:
            raise BadInput("file_broken")
        if part.header_offset < end:  # the same bytes unpacked over and over
            raise BadInput("file_bomb")
        end = part.header_offset + 30 + len(part.orig_filename.encode("utf-8", "replace")) + part.compress_size


def _body(package: zipfile.ZipFile, part: zipfile.ZipInfo, most: int, trees: bool) -> bytes:
    """Return one XML part, however many bytes it claims to have."""
    with package.open(part) as file:
        body = file.read(most + 1)
    if len(body) > most:
        raise BadInput("file_bomb")
    if body.strip():
        _check_xml(body)
        if trees:
            _check_depth(body)
    return body


def _check_depth(body: bytes) -> None:
    """Refuse what is nested deeper than libxml2 allows (256): of 100,000 levels the converters make half a minute."""
    from lxml import etree

    try:
        etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
    except etree.XMLSyntaxError as wrong:
        raise BadInput("file_broken") from wrong


def _check_xml(body: bytes) -> None:
    """Refuse a document type: office formats forbid it, entities are declared in it, files and addresses named.

    One parser reads the head here and others read the whole later: only encodings that all of them know are let by.
    """
    parser = expat.ParserCreate()

    def declared(_version: str, encoding: str | None, _alone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf-16", "us-ascii", "ascii"):
            raise BadInput("file_broken")

    def doctype(*_: object) -> None:
        raise BadInput("file_broken")

    def element(*_: object) -> None:
        raise _Stop

    parser.XmlDeclHandler, parser.StartDoctypeDeclHandler, parser.StartElementHandler = declared, doctype, element
    try:
        parser.Parse(body, True)
    except _Stop:
        return
    except expat.ExpatError as wrong:
        raise BadInput("file_broken") from wrong
