"""What a file is, by its bytes. What its sender says of it counts for nothing, its name next to nothing."""

import re
from typing import Literal

from domain.errors import BadInput
from domain.filing.naming import kind_of
from domain.knowledge.extract import is_binary

HEAD = 64 * 1024  # bytes that are looked at
_TEXT_HEAD = 4_096  # and of them, to tell text from what is none
Family = Literal["image", "sound", "pdf", "office", "text", "archive"]
OFFICE = "application/vnd.openxmlformats-officedocument."
_OOXML = {
    b"word/": OFFICE + "wordprocessingml.document",
    b"ppt/": OFFICE + "presentationml.presentation",
    b"xl/": OFFICE + "spreadsheetml.sheet",
}
_AT_START: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    *((b"ID3" + bytes([version]), "audio/mpeg") for version in (2, 3, 4)),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"caff\0\x01", "audio/x-caf"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"{\\rtf", "application/rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # Office before 2007
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
)
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
# Brands of ISO-BMFF (MP4 and its family); all others are films.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    b"qt  ": "video/quicktime",
}
BITMAPS = (b"\x0c\0\0\0", b"\x28\0\0\0", b"\x38\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")  # headers of BMP
_MARKUP = re.compile(
    r"<(!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|link|img|form)[\s>/]"
)
# Types of text that a name may tell apart: all of them are sent as the same harmless thing.
_TEXTS = {"md": "text/markdown", "markdown": "text/markdown", "csv": "text/csv", "json": "application/json"}
_NAMED: dict[Family, str] = {
    "image": "png jpg jpeg jfif gif tif tiff webp bmp heic heif avif ico",
    "sound": "wav mp3 ogg oga opus flac m4a m4b mp4 webm mov avi aac amr mka mkv",
    "pdf": "pdf",
    "office": "docx pptx xlsx doc ppt xls odt ods odp epub rtf",
    "text": "txt md markdown csv json html htm xhtml xml svg",
    "archive": "zip gz tgz 7z",
}
FAMILY_OF_NAME: dict[str, Family] = {kind: family for family, kinds in _NAMED.items() for kind in kinds.split()}
_ARCHIVES = ("application/zip", "application/gzip", "application/x-7z-compressed")
# What a browser is given under its own type. All else, above all what could run as a page, goes as mere bytes.
HARMLESS = frozenset({
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic", "image/heif", "image/tiff",
    "audio/wav", "audio/mpeg", "audio/ogg", "audio/flac", "audio/mp4", "audio/aac", "audio/amr", "audio/3gpp",
    "video/mp4", "video/webm", "video/quicktime", "application/pdf", *_OOXML.values(),
})  # fmt: skip
BYTES = "application/octet-stream"


def sniff(head: bytes, name: str = "") -> str:
    """Return the media type of what begins with `head`.

    Raises BadInput("file_empty"), BadInput("file_unknown") for programs and what nobody knows, and
    BadInput("file_mislabelled") where the name says that it is something else altogether.
    """
    if not head:
        raise BadInput("file_empty")
    found = _binary(head, name) or _text(head, name)
    if not found:
        found = "application/pdf" if b"%PDF-" in head[:1_024] else _elsewhere(head)
    if not found:
        raise BadInput("file_unknown")
    named = FAMILY_OF_NAME.get(kind_of(name))
    if named not in (None, family_of(found)):
        raise BadInput("file_mislabelled")
    return found


def family_of(media_type: str) -> Family:
    kind = media_type.partition("/")[0]
    if media_type in ("image/svg+xml", "application/json", "application/xml", "application/xhtml+xml"):
        return "text"
    if kind == "image":
        return "image"
    if kind in ("audio", "video"):
        return "sound"
    if media_type == "application/pdf":
        return "pdf"
    if kind == "text":
        return "text"
    return "archive" if media_type in _ARCHIVES else "office"


def sent_as(media_type: str) -> str:
    """Return the type under which it is sent back."""
    return media_type if media_type in HARMLESS else BYTES


def _binary(head: bytes, name: str) -> str:
    for signature, media_type in _AT_START:
        if head.startswith(signature):
            return media_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return boxed(head)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head[:4] == b"PK\x03\x04":
        return _zipped(head, name)
    if head[:2] == b"BM" and head[14:18] in BITMAPS:
        return "image/bmp"
    if head[0] == 0xFF and len(head) > 3:
        if head[1] & 0xF6 == 0xF0:
            return "audio/aac"
        # Layers II and III: one of layer I would begin as text in UTF-16 does.
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 in (0x02, 0x04):
            return "audio/mpeg" if head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C else ""
    return "application/pdf" if begins_as_pdf(head) else ""


def begins_as_pdf(head: bytes) -> bool:
    return head[:1_024].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-")


def boxed(head: bytes) -> str:
    """Return what a file of the family of MP4 is, by its brands."""
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, 256), 4))]
    found = _BRANDS.get(brands[0], "audio/3gpp" if brands[0].startswith((b"3gp", b"3g2")) else "video/mp4")
    return "image/avif" if found == "image/heic" and b"avif" in brands else found


def is_text(data: bytes) -> bool:
    """Say whether it reads as text, whatever its encoding. A zero is in none, but for UTF-16: in every other place."""
    head = data[:_TEXT_HEAD]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if b"\0" in head:
        few, many = sorted((head[::2].count(0), head[1::2].count(0)))
        if few > 0.01 * len(head) or many <= 0.3 * len(head) / 2 or len(head) < 4:
            return False
    return not is_binary(head.replace(b"\0", b""))


def _zipped(head: bytes, name: str) -> str:
    """Tell documents from archives by the names inside: those in the head are among the first.

    Some programs write what marks a document behind all of its pictures; then its own name has to do.
    """
    if head[30:38] == b"mimetype":
        told = head[38:140].partition(b"PK")[0]
        if told.startswith((b"application/vnd.oasis.opendocument.", b"application/epub+zip")):
            return re.split(rb"[^a-z.+/-]", told)[0].decode()
    called = FAMILY_OF_NAME.get(kind_of(name)) == "office"
    if called or b"[Content_Types].xml" in head or b"_rels/.rels" in head:
        for folder, media_type in _OOXML.items():
            if folder in head:
                return media_type
    return "application/zip"


def _text(head: bytes, name: str) -> str:
    """What markup is made of is the same in all encodings but UTF-16, which is read as if it were none."""
    if not is_text(head):
        return ""
    start = head[: 2 * _TEXT_HEAD].replace(b"\0", b"").decode("latin-1").lstrip("\xfe\xff\xef\xbb\xbf \t\r\n\f").lower()
    if start.startswith("<"):
        beginning = start[:2_048]
        if "<svg" in beginning:
            return "image/svg+xml"
        if _MARKUP.search(beginning):
            return "text/html"
        if start.startswith("<?xml"):
            return "application/xml"
        if start.startswith("<!--"):
            return "text/html"
    return _TEXTS.get(kind_of(name), "text/plain")


def _elsewhere(head: bytes) -> str:
    """Ask puremagic, which knows thousands of kinds, for rarer pictures and recordings."""
    import puremagic  # its table is read here, so that nobody who uploads nothing waits for it

    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return ""
    for each in found:
        if each.confidence >= 0.7 and each.mime_type.startswith(("image/", "audio/", "video/")):
            return str(each.mime_type)
    return ""
