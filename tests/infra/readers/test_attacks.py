"""The slow ones: honest files with something broken in them, over and over, and bombs of full size."""

import asyncio
import io
import zipfile
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.readers.asking import FILE_MEMORY
from infra.readers.reading import ChildReader
from tests.infra.readers import corpus, honest
from tests.infra.readers.corpus_packages import nested
from tests.infra.readers.corpus_pictures import frames, png_of, zeros
from tests.infra.readers.house import Door, harms, outcome, peak, read_all, reading

pytestmark = [pytest.mark.attacks, pytest.mark.timeout(900)]
CODES = {
    "", "file_bomb", "file_broken", "file_empty", "file_large", "file_locked", "file_old", "file_unknown",
    "picture_large", "picture_unknown", "recording_silent",
}  # fmt: skip


class Bench:
    """A reader with a loop of its own: hypothesis calls plain functions."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.door = Door()
        self._runner.run(self.door.open())
        self.reader = ChildReader(1, ocr=False, deadline_s=100)
        self.files = corpus.honest_files()

    def read(self, data: bytes, name: str) -> list[str]:
        code, read = self._runner.run(outcome(self.reader, data, name))
        wrong = harms(read, b"canary-none") if read is not None else []
        assert peak(self.reader) <= FILE_MEMORY
        return wrong + ([] if code in CODES else [code])

    def close(self) -> None:
        self._runner.run(self.reader.close())
        self.door.close()
        self._runner.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    assert made.door.calls == 0
    made.close()


@settings(max_examples=2_500, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(corpus.honest_files())), seed=st.integers(0, 1 << 40))
def test_broken_files_are_errors_or_readings_that_do_no_harm(bench: Bench, kind: str, seed: int) -> None:
    assert bench.read(corpus.mutated(bench.files[kind], seed), kind) == []


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=st.sampled_from(sorted(corpus.honest_files())), other=st.sampled_from(sorted(corpus.honest_files())),
       cut=st.floats(0, 1))  # fmt: skip
def test_two_files_in_one_are_read_as_one_of_them(bench: Bench, one: str, other: str, cut: float) -> None:
    first = bench.files[one]
    assert bench.read(first[: int(len(first) * cut)] + bench.files[other], other) == []


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(min_size=1, max_size=400), start=st.sampled_from([
    b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"%PDF-1.7\n", b"PK\3\4",
    b"fLaC", b"OggS\0", b"ID3\4", b"\x1aE\xdf\xa3", b"RIFF\x40\0\0\0WAVE", b"RIFF\x40\0\0\0WEBP", b"\0\0\0\x18ftypheic",
    b"\0\0\0\x18ftypM4A ", b"#!AMR\n", b"caff\0\1", b"FORM\0\0\0\x20AIFF", b"\xff\xfb\x90", b"<html>", b"\xff\xfe",
]))  # fmt: skip
def test_beginnings_without_a_file_are_errors_or_harmless(bench: Bench, data: bytes, start: bytes) -> None:
    assert bench.read(start + data, "a") == []


def strings(count: int) -> bytes:
    """Return a sheet of one cell, and a million strings that nobody uses beside it."""
    rows = "".join(f"<si><t>{n}</t></si>" for n in range(count))
    shared = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="{count}">{rows}</sst>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    with zipfile.ZipFile(io.BytesIO(honest.workbook([["Year"]]))) as book:
        parts: dict[str, str | bytes] = {name: book.read(name) for name in book.namelist()}
        types = book.read("[Content_Types].xml")
    more = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'.encode()
    parts["[Content_Types].xml"] = types.replace(b"</Types>", more)
    sheet = '<row r="1"><c r="A1" t="s"><v>7</v></c></row>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/worksheets/sheet1.xml"] = f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>'
    return honest.zipped({**parts, "xl/sharedStrings.xml": shared})


def real_png(width: int, height: int) -> bytes:
    """Return a PNG that does have all the pixels it claims, one bit each."""
    return png_of(width, height, zeros((width // 8 + 1) * height), depth=1)


def bombs() -> Iterator[corpus.Case]:
    bomb = "file_bomb file_broken file_empty read"
    yield corpus.case("PNG of 50,000 x 50,000", real_png(50_000, 50_000), "picture_large")
    yield corpus.case("PNG of 5,000 x 5,000 in one bit", real_png(5_000, 5_000), "read")
    yield corpus.case("PNG of a billion bytes in a small picture", png_of(64, 64, zeros(1 << 30)), "read file_broken")
    yield corpus.case("GIF of 300 frames", frames(300), "read")
    yield corpus.case("a million shared strings", strings(1_000_000), bomb, "a.xlsx")
    yield corpus.case("a million cells", honest.workbook([range(20)] * 50_000), "read file_bomb", "a.xlsx")
    yield corpus.case("zips eight deep", nested(8), "file_unknown", "a.zip")
    yield corpus.case("150,000 paragraphs", honest.docx(honest.paragraph("x") * 150_000), "read", "a.docx")
    table = "<w:tbl>" + f"<w:tr><w:tc>{honest.paragraph('x')}</w:tc></w:tr>" * 100_000 + "</w:tbl>"
    yield corpus.case("a hundred thousand rows", honest.docx(table), "read", "a.docx")
    yield corpus.case("brackets in Markdown", b"[" * 4_000_000, "read", "a.md")
    yield corpus.case("HTML of 4 MB in tables", b"<html>" + b"<table><tr><td>x" * 200_000, bomb, "a.html")
    yield corpus.case("40 MB of text", "码头。".encode() * 4_000_000, "read", "a.txt")
    packed = zlib.compressobj(9)
    body = packed.compress(b"BT /F1 9 Tf (x) Tj ET\n" * 4_000_000) + packed.flush()
    yield corpus.case("PDF of four million words", _pdf_of(body), "read file_broken file_empty", "a.pdf")


def _pdf_of(packed: bytes) -> bytes:
    from tests.infra.readers.corpus_pdfs import made, stream

    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
    return made([
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page,
        stream(packed, b"/Filter/FlateDecode"), b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ])  # fmt: skip


@pytest.mark.anyio
async def test_bombs_of_full_size_stay_within_bounds() -> None:
    assert await read_all(bombs(), b"canary-none") == []


@pytest.mark.anyio
async def test_an_hour_of_silence_and_pictures_without_sound_end_soon() -> None:
    import numpy as np

    async with reading() as reader:
        hour = honest.recording(np.zeros(3_600 * 8_000, np.float32), "webm", "libopus", 8_000, 48_000)
        code, read = await outcome(reader, hour, "a.webm")
        assert (code, read is not None and read.cut) == ("", True)
        assert (await outcome(reader, film(), "a.mp4"))[0] == "recording_silent"


def film() -> bytes:
    """Return pictures that move, without a sound."""
    from typing import Any

    import av
    from PIL import Image

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream: Any = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frames_of: Any = av.VideoFrame
        for at in range(50):
            file.mux(stream.encode(frames_of.from_image(Image.new("RGB", (64, 64), (at, 0, 0)))))
        file.mux(stream.encode(None))
    return out.getvalue()
