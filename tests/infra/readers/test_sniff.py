"""Which reader a file goes to: by its bytes, whatever it is called."""

import pytest

from domain.filing import sniffing
from domain.filing.model import Kind
from infra.readers.sniff import DOCX, OTHER, SVG, ZIP, sniff
from tests.infra.readers import honest
from tests.infra.readers.corpus import honest_files


@pytest.mark.parametrize(
    ("data", "name", "kind", "media_type"),
    [
        (b"\xff\xd8\xff\xe0....", "letter.pdf", "image", "image/jpeg"),
        (b"GIF89a=1;alert(1)", "a.js", "image", "image/gif"),
        (b"%PDF-1.7\n<html><script>", "a.html", "pdf", "application/pdf"),
        (b"\x01\x02\x03" * 30 + b"%PDF-1.7", "a", "pdf", "application/pdf"),
        (b"A story of %PDF-1.7 files", "a.txt", "text", "text/plain"),
        (b"  <!DOCTYPE html><p>x", "a.txt", "text", "text/html"),
        (b"<?xml version='1.0'?><!-- x --><svg onload=alert(1)>", "a.png", "text", SVG),
        (b"# Head", "a.MD", "text", "text/markdown"),
        (b"a,b", "a.csv", "text", "text/csv"),
        (b"{}", "../../a.json", "text", "application/json"),
        ("页".encode("utf-16"), "a.mp3", "text", "text/plain"),
        (b"PK\3\4" + bytes(30) + b"a.txt", "a.docx", None, ZIP),
        (honest.docx(honest.paragraph("x")), "a.zip", "office", DOCX),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "IMG.JPG", "image", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "a", "image", "image/avif"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0isom", "a", "audio", "audio/mp4"),
        (b"\0\0\0\x18ftyp3gp4\0\0\0\0isom", "a", "audio", "audio/3gpp"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "a", "audio", "video/mp4"),
        (b"ID3\4\0\0\0\0\0\x02xxfLaC", "a", "audio", "audio/flac"),
        (b"ID3\4\0\0\0\0\0\x02xx\xff\xfb\x90\x44", "a", "audio", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "a", "audio", "audio/aac"),
        (b"RIFF\0\0\0\0AVI LIST", "a.wav", None, OTHER),
        (b"\x7fELF" + bytes(60), "a.txt", None, OTHER),
        (b"\0", "a.txt", None, OTHER),
        (b"\0\0\0\0", "a.txt", None, OTHER),
        (b"", "a.txt", None, OTHER),
    ],
)
def test_bytes_tell_what_a_file_is(data: bytes, name: str, kind: str | None, media_type: str) -> None:
    found = sniff(data, name)
    assert (found.kind, found.media_type) == (kind, media_type)


KEPT: dict[sniffing.Family, tuple[Kind | None, ...]] = {
    "image": ("image",), "sound": ("audio",), "pdf": ("pdf",), "office": ("office",), "text": ("text",),
}  # fmt: skip
OLD = {
    "cp1252.txt": "Café à la crème".encode("cp1252"), "cp1251.txt": "Привет, мир".encode("cp1251"),
    "big5.txt": "繁體中文的文字".encode("big5"), "utf16.txt": "Plain words".encode("utf-16-le"),
    "pdf.md": b"# How a PDF begins\n\nWith %PDF-1.7.", "burst.heic": b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc" + bytes(40),
    "b.avif": b"\0\0\0\x18ftypavis\0\0\0\0avisavif" + bytes(40), "a.caf": b"caff\0\x01\0\0desc" + bytes(40),
    "b.bmp": b"BM" + bytes(12) + b"\x6c\0\0\0" + bytes(40), "wb.amr": b"#!AMR-WB\n" + bytes(40),
}  # fmt: skip


@pytest.mark.parametrize("name", [*honest_files(), *OLD])
def test_what_is_read_here_may_be_kept_and_is_the_same_to_whoever_keeps_it(name: str) -> None:
    data = OLD.get(name) or honest_files()[name]
    assert sniff(data, name).kind in KEPT[sniffing.family_of(sniffing.sniff(data[: sniffing.HEAD], name))]
