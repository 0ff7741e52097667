"""What files are by their bytes, whatever anybody says of them."""

import gzip
import io
import zipfile

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.filing.sniffing import BYTES, HEAD, OFFICE, family_of, sent_as, sniff

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def sound(kind: str, coding: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(4_800), 48_000, format=kind, subtype=coding)
    return file.getvalue()


def zipped(*names: str, packed: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        for name in names:
            archive.writestr(name, "application/vnd.oasis.opendocument.text" if name == "mimetype" else "x" * 40)
    return file.getvalue()


def office(folder: str) -> bytes:
    return zipped("[Content_Types].xml", "_rels/.rels", f"{folder}/document.xml", packed=zipfile.ZIP_DEFLATED)


FILES = {
    "a.png": (b"\x89PNG\r\n\x1a\n" + bytes(40), "image/png"),
    "a.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
    "a.gif": (b"GIF89a" + bytes(20), "image/gif"),
    "a.webp": (b"RIFF\x20\0\0\0WEBPVP8 ", "image/webp"),
    "a.bmp": (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0" + bytes(20), "image/bmp"),
    "a.heic": (b"\0\0\0\x18ftypheic" + bytes(20), "image/heic"),
    "b.heic": (b"\0\0\0\x18ftyphevc" + bytes(20), "image/heic"),
    "a.avif": (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif" + bytes(20), "image/avif"),
    "b.avif": (b"\0\0\0\x18ftypavis" + bytes(20), "image/avif"),
    "a.aiff": (b"FORM\0\0\1\0AIFFCOMM" + bytes(20), "audio/aiff"),
    "a.caf": (b"caff\0\1\0\0desc" + bytes(20), "audio/x-caf"),
    "a.3gp": (b"\0\0\0\x18ftyp3gp5" + bytes(20), "audio/3gpp"),
    "a.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
    "b.pdf": (b"\n\n%PDF-1.7\n", "application/pdf"),
    "a.docx": (office("word"), OFFICE + "wordprocessingml.document"),
    "a.pptx": (office("ppt"), OFFICE + "presentationml.presentation"),
    "a.xlsx": (office("xl"), OFFICE + "spreadsheetml.sheet"),
    "a.odt": (zipped("mimetype", "content.xml"), "application/vnd.oasis.opendocument.text"),
    "a.zip": (zipped("word.txt", "b/c.txt"), "application/zip"),
    "a.gz": (gzip.compress(b"x"), "application/gzip"),
    "a.wav": (sound("WAV", "PCM_16"), "audio/wav"),
    "a.ogg": (sound("OGG", "OPUS"), "audio/ogg"),
    "a.flac": (sound("FLAC", "PCM_16"), "audio/flac"),
    "a.mp3": (sound("MP3", "MPEG_LAYER_III"), "audio/mpeg"),
    "a.m4a": (b"\0\0\0\x20ftypM4A " + bytes(20), "audio/mp4"),
    "a.mp4": (b"\0\0\0\x20ftypisom" + bytes(20), "video/mp4"),
    "a.webm": (b"\x1aE\xdf\xa3\x01\0\0\0", "video/webm"),
    "a.rtf": (b"{\\rtf1 hello}", "application/rtf"),
    "a.txt": (b"Plain words.\n", "text/plain"),
    "b.txt": ("信".encode(), "text/plain"),
    "c.txt": ("信".encode("gb18030"), "text/plain"),
    "d.txt": ("Plain words".encode("utf-16"), "text/plain"),
    "e.txt": ("Plain words".encode("utf-16-le"), "text/plain"),
    "f.txt": ("Café à la crème".encode("cp1252"), "text/plain"),
    "g.txt": ("Привет, мир".encode("cp1251"), "text/plain"),
    "h.txt": (b"What a terminal says: \x1b[31mred\x1b[0m", "text/plain"),
    "about.md": (b"# Formats\n\nOne begins with %PDF-1.7.", "text/markdown"),
    "id3.txt": (b"ID3 tags tell of titles.", "text/plain"),
    "i.html": ("<html>".encode("utf-16"), "text/html"),
    "a.md": (b"# Title\n\nWords", "text/markdown"),
    "a.csv": (b"a,b\n1,2\n", "text/csv"),
    "a.json": (b'{"a": 1}', "application/json"),
    "a.py": (b"import os\n", "text/plain"),
    "a.html": (b"<!DOCTYPE html><p>Hello", "text/html"),
    "b.html": (b"\xef\xbb\xbf  \n<sCRipt>alert(1)</script>", "text/html"),
    "c.html": (b"<!-- a word --><body onload=x>", "text/html"),
    "a.svg": (SVG, "image/svg+xml"),
    "a.xml": (b"<?xml version='1.0'?><note/>", "application/xml"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_known_by_their_bytes(name: str) -> None:
    body, media_type = FILES[name]
    assert sniff(body, name) == media_type
    assert sniff(body, "without an end") in (media_type, "text/plain")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (FILES["a.html"][0], "holiday.png"),
        (SVG, "holiday.png"),
        (FILES["a.zip"][0], "letter.pdf"),
        (FILES["a.png"][0], "words.txt"),
        (FILES["a.wav"][0], "picture.jpg"),
        (FILES["a.pdf"][0], "letter.docx"),
        (b"just words", "sound.mp3"),
        (FILES["a.docx"][0], "letter.doc.html"),
    ],
)
def test_a_name_that_says_something_else_is_refused(body: bytes, name: str) -> None:
    with pytest.raises(BadInput) as wrong:
        sniff(body, name)
    assert wrong.value.code == "file_mislabelled"


@pytest.mark.parametrize(("body", "name"), [(FILES["a.webp"][0], "a.jpg"), (FILES["a.ogg"][0], "a.mp3")])
def test_a_picture_under_the_name_of_another_kind_of_picture_will_do(body: bytes, name: str) -> None:
    assert sniff(body, name)


@pytest.mark.parametrize(
    "body",
    [
        b"MZ" + bytes(200), b"\x7fELF\2\1\1" + bytes(100), b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(20), bytes(500),
        b"\x00\x01\x02\x03" * 20, b"text with a \0 in it", b"\1\2\3" * 20, b"RIFF\0\0\0\0JUNK",
    ],
)  # fmt: skip
def test_programs_and_what_nobody_knows_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput) as wrong:
        sniff(body, "a.png")
    assert wrong.value.code == "file_unknown"


def test_nothing_is_refused_as_nothing() -> None:
    with pytest.raises(BadInput) as wrong:
        sniff(b"", "a.png")
    assert wrong.value.code == "file_empty"


@pytest.mark.parametrize(
    "body",
    [
        b"GIF89a/*" + bytes(8) + b"*/=1;<script>alert(1)</script>",
        b"\xff\xd8\xff\xe0<html><script>alert(1)</script>",
        b"%PDF-1.4\n<script>alert(1)</script>",
        zipped("a.txt") + b"<script>alert(1)</script>",
        SVG,
        FILES["a.html"][0],
        FILES["b.html"][0],
    ],
)
def test_no_polyglot_is_ever_sent_as_a_page(body: bytes) -> None:
    sent = sent_as(sniff(body))
    assert sent == BYTES or sent.startswith("image/") or sent == "application/pdf"
    assert "svg" not in sent


def test_text_that_is_cut_within_a_character_is_text() -> None:
    body = ("信" * HEAD).encode()
    for end in range(HEAD - 3, HEAD):
        assert sniff(body[:end], "a.txt") == "text/plain"
    assert sniff(("字" * HEAD).encode("gb18030")[:HEAD], "a.txt") == "text/plain"


@given(st.binary(max_size=400), st.text(max_size=20))
def test_whatever_comes_it_is_something_or_refused(body: bytes, name: str) -> None:
    try:
        found = sniff(body, name)
    except BadInput as error:
        found = error.code
    assert found in ("file_empty", "file_unknown", "file_mislabelled") or family_of(found)


def test_a_document_whose_mark_comes_last_is_one_where_it_is_called_so() -> None:
    body = zipped("word/media/image1.png", "word/document.xml")
    assert sniff(body, "a.docx") == OFFICE + "wordprocessingml.document"
    assert sniff(body, "a.zip") == sniff(body) == "application/zip"
