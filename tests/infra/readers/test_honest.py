"""Honest files of every kind: what is read of them is what was put into them."""

import io
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from domain.errors import BadInput
from domain.filing.model import MOST_CHARS
from infra.readers import sniff
from tests.domain.knowledge.pdfs import pdf
from tests.infra.readers import honest
from tests.infra.readers.corpus import honest_files
from tests.infra.readers.corpus_packages import replaced
from tests.infra.readers.corpus_sounds import wav
from tests.infra.readers.heic import heic
from tests.infra.readers.house import peak, reading

pytestmark = pytest.mark.anyio
KINDS = {
    "a.png": "image/png", "a.jpg": "image/jpeg", "a.webp": "image/webp", "a.gif": "image/gif", "a.bmp": "image/bmp",
    "a.tiff": "image/tiff", "a.avif": "image/avif", "a.heic": "image/heic", "a.pdf": "application/pdf",
    "scan.pdf": "application/pdf", "a.docx": sniff.DOCX, "a.pptx": sniff.PPTX, "a.xlsx": sniff.XLSX,
    "a.html": "text/html", "a.md": "text/markdown", "a.txt": "text/plain", "a.csv": "text/csv",
    "a.json": "application/json", "a.wav": "audio/wav", "a.flac": "audio/flac", "a.ogg": "audio/ogg",
    "a.mp3": "audio/mpeg", "a.m4a": "audio/mp4", "a.webm": "video/webm", "a.aac": "audio/aac", "a.mp4": "video/mp4",
    "a.3gp": "audio/3gpp", "a.amr": "audio/amr",
}  # fmt: skip


async def test_every_kind_is_read_whatever_it_is_called() -> None:
    files = honest_files()
    assert set(files) == set(KINDS)
    async with reading() as reader:
        for name, data in files.items():
            read = await reader.read(data, name)
            assert read.media_type == KINDS[name], name
            if not read.media_type.startswith(("text/", "application/json")):  # only text is told apart by its name
                again = await reader.read(data, "photo.exe")
                assert (again.media_type, again.text) == (read.media_type, read.text)
        assert len(reader.files.pids) == 1  # one process read them all


@pytest.fixture
def flag() -> Image.Image:
    """Red above left, blue below right, on white; 700 x 500."""
    image = Image.new("RGB", (700, 500), "white")
    image.paste("red", (0, 0, 350, 250))
    image.paste("blue", (350, 250, 700, 500))
    return image


def corners(jpeg: bytes) -> str:
    image = Image.open(io.BytesIO(jpeg))
    names = {(1, 0, 0): "R", (0, 0, 1): "B", (1, 1, 1): "W"}
    pixels = np.asarray(image) > 127
    places = [(y, x) for y in (20, image.height - 20) for x in (20, image.width - 20)]
    return "".join(names.get((int(r), int(g), int(b)), "?") for r, g, b in (pixels[at] for at in places))


async def test_pictures_come_upright_small_and_without_what_they_tell_of_their_owner(flag: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    exif[0x010F] = "Camera of Alice"
    exif.get_ifd(0x8825)[1] = "N"
    big = flag.resize((2_800, 2_000))
    async with reading() as reader:
        turned = await reader.read(honest.png(big, "JPEG", exif=exif, comment=b"Alice at home"), "a.jpg")
        assert (turned.width, turned.height) == (2_000, 2_800)
        assert corners(turned.image) == "WRBW"
        assert Image.open(io.BytesIO(turned.image)).size == (732, 1024)
        assert b"Alice" not in turned.image and b"Exif" not in turned.image
        assert turned.note == "ocr_missing"
        for kind in ("PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"):
            read = await reader.read(honest.png(flag, kind), "a")
            assert (corners(read.image), read.width, read.height) == ("RWWB", 700, 500), kind


async def test_what_telephones_take_is_put_together_from_its_tiles(flag: Image.Image) -> None:
    async with reading() as reader:
        for tile in (0, 256, 512):
            read = await reader.read(heic(flag, tile), "IMG_0001.HEIC")
            assert (corners(read.image), read.width, read.height) == ("RWWB", 700, 500)
        left = await reader.read(heic(flag, 256, turns=1), "IMG_0002.HEIC")
        assert (corners(left.image), left.width, left.height) == ("WBRW", 500, 700)


async def test_what_shines_through_is_white_and_sixteen_bits_are_spread() -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    deep = Image.fromarray(np.repeat(np.array([[0, 65_535]], np.uint16), 40, axis=0).repeat(20, axis=1))
    async with reading() as reader:
        assert corners((await reader.read(honest.png(clear.resize((80, 80))), "a.png")).image) == "WWWW"
        spread = np.asarray(Image.open(io.BytesIO((await reader.read(honest.png(deep), "a.png")).image)).convert("L"))
        assert spread[20, 2] < 10 and spread[20, 37] > 245


async def test_documents_are_read_with_their_structure() -> None:
    body = honest.paragraph("The pier", "Heading1") + honest.paragraph("Built of oak &amp; iron.")
    rows: list[list[object]] = [["年", "Length"], [1820, 300.0], [None], ["a|b\nc", True]]
    page = b"<html><head><title>The pier</title></head><body><p>Oak.</p><script>x()</script>"
    async with reading() as reader:
        document = await reader.read(honest.docx(body + honest.paragraph("码头")), "a.docx")
        assert (document.title, document.text) == ("The pier", "# The pier\n\nBuilt of oak & iron.\n\n码头")
        deck = await reader.read(honest.deck(), "a.pptx")
        assert (deck.title, deck.pages) == ("The pier", 2)
        for said in ("Built of oak\nin 1820", "| 1820 | 300 m |", "Speak slowly here.", "--- 2 ---", "# 码头的历史"):
            assert said in deck.text
        assert ".jpg" not in deck.text  # a picture without a description says nothing
        book = await reader.read(honest.workbook(rows, "码头"), "a")
        assert book.text == "## 码头\n\n| 年 | Length |\n| --- | --- |\n| 1820 | 300 |\n| a/b c | True |"
        file = await reader.read(pdf(["The pier was built of oak."], ["Another page."], info="/Title(The pier)"), "a")
        assert (file.title, file.pages) == ("The pier", 2)
        assert file.text == "## p. 1\n\nThe pier was built of oak.\n\n## p. 2\n\nAnother page."
        web = await reader.read(page, "a")
        assert (web.title, web.text) == ("The pier", "Oak.")


async def test_text_is_read_in_any_encoding() -> None:
    said = "订单号,客户,金额\n1001,王小明,300\n1002,李雷,450"
    async with reading() as reader:
        for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
            assert (await reader.read(said.encode(encoding), "a.csv")).text == said, encoding
        western = await reader.read("Le café est fermé à cause d’une fête.".encode("cp1252"), "a.txt")
        assert western.text == "Le café est fermé à cause d’une fête."
        drawing = await reader.read(b"<svg><script>alert(1)</script></svg>", "a.svg")
        assert (drawing.kind, drawing.image) == ("text", b"")


async def test_long_texts_are_cut_where_a_line_ends_and_say_so() -> None:
    rows = [f"Line {n} of a long text." for n in range(3_000)]
    async with reading() as reader:
        for read in (
            await reader.read("\n".join(rows).encode(), "a.txt"),
            await reader.read(honest.docx("".join(map(honest.paragraph, rows))), "a.docx"),
            await reader.read(honest.workbook([[row] for row in rows]), "a.xlsx"),
            await reader.read(pdf(*[rows[at : at + 40] for at in range(0, 3_000, 40)]), "a.pdf"),
        ):
            assert read.cut and 0.85 * MOST_CHARS < len(read.text) <= MOST_CHARS, read.media_type
        assert not (await reader.read("\n".join(rows[:50]).encode(), "a.txt")).cut


async def test_a_sheet_is_read_no_further_than_it_is_kept() -> None:
    """Three million cells that say nothing of their size took a minute, and then were too much."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = "<row><c><v>42</v></c></row>" * 20_000
    sheet = f'<worksheet xmlns="{main}"><sheetData>{rows}<what follows is no XML'
    book = replaced(honest.workbook([["a"]]), "xl/worksheets/sheet1.xml", sheet)
    async with reading() as reader:
        read = await reader.read(book, "a.xlsx")
    assert read.cut and read.text.count("| 42 |") > 1_000


async def test_a_scan_without_the_models_for_writing_says_what_is_missing() -> None:
    async with reading() as reader:
        scan = await reader.read(honest.png(honest.written(["Words of a scan"]), "PDF"), "a.pdf")
        assert (scan.kind, scan.pages, scan.text, scan.note) == ("pdf", 1, "", "ocr_missing")
        with pytest.raises(BadInput, match="file_empty"):
            await reader.read(pdf([""]), "a.pdf")  # a blank sheet


async def test_recordings_sound_as_they_did() -> None:
    files, sound = honest_files(), honest.melody(1.0)
    async with reading() as reader:
        for name in ("a.wav", "a.flac", "a.ogg", "a.mp3", "a.m4a", "a.webm", "a.aac", "a.mp4"):
            read = await reader.read(files[name], name)
            assert math.isclose(read.seconds, 1.0, abs_tol=0.1), name
            assert alike(sound, np.frombuffer(read.sound, "<i2") / 32_768) > 0.99, name
        for name in ("a.3gp", "a.amr"):  # what telephones speak keeps loudness and rhythm, and no wave
            read = await reader.read(files[name], name)
            assert math.isclose(read.seconds, 1.0, abs_tol=0.1), name
            heard = loudness(np.frombuffer(read.sound, "<i2") / 32_768)
            assert alike(loudness(sound), heard, step=1, most=10) > 0.95, name


Wave = NDArray[np.floating[Any]]


def alike(one: Wave, other: Wave, step: int = 4, most: int = 2_400) -> float:
    """Return the best correlation over the delays that codecs make."""
    size = min(len(one), len(other)) - most
    first = one[:size] - one[:size].mean()
    best = 0.0
    for delay in range(0, most, step):
        second = other[delay : delay + size] - other[delay : delay + size].mean()
        best = max(best, float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second) + 1e-9)))
    return best


def loudness(sound: Wave) -> Wave:
    """Return the energy of each hundredth of a second."""
    found: Wave = np.sqrt((sound[: len(sound) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1))
    return found


async def test_stereo_at_another_rate_is_one_channel_of_speech() -> None:
    second = (honest.melody(1.0, 44_100) * 32_767).astype("<i2")
    both = np.stack([second, np.zeros_like(second)], axis=1).tobytes()
    async with reading() as reader:
        read = await reader.read(wav(both, rate=44_100, channels=2), "a.wav")
    assert math.isclose(read.seconds, 1.0, abs_tol=0.01)
    assert alike(honest.melody(1.0), np.frombuffer(read.sound, "<i2") / 16_384) > 0.99


async def test_of_a_long_recording_the_first_ten_minutes_are_kept() -> None:
    minute = honest.melody(60)
    async with reading() as reader:
        exact = await reader.read(honest.recording(np.tile(minute, 10), "ipod", "aac"), "a.m4a")
        assert not exact.cut and math.isclose(exact.seconds, 600, abs_tol=0.5)
        long = await reader.read(honest.recording(np.tile(minute, 12), "mp3", "libmp3lame"), "a.mp3")
        assert long.cut and math.isclose(long.seconds, 600, abs_tol=0.5)
        assert 0 < peak(reader) < 600 << 20
