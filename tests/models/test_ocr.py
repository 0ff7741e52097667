"""What is written in pictures, read by the models: how many signs are wrong."""

import jiwer
import pytest
from PIL import Image

from functions.engines.ocr import Ocr
from infra.readers.pictures import jpeg
from tests.infra.readers import honest
from tests.infra.readers.house import reading

pytestmark = pytest.mark.models
ENGLISH = (
    "The pier was built of oak in 1820.",
    "It is 300 m long; tickets cost $4.50.",
    "Please bring your own cup to the meeting.",
    "Chapter 3: How the harbour was saved from the storm",
    "Invoice No. 2024-118, due on 30 September",
)
MANDARIN = (
    "码头建于一八二〇年，长三百米。", "门票每人四元五角，儿童半价。", "开放时间：上午九点至下午五点半。",
    "请自带水杯参加今天下午的会议。", "第三章：港口如何躲过那场风暴",
)  # fmt: skip
FONTS = (honest.CJK, honest.CJK.replace("NotoSansCJK-Regular", "NotoSerifCJK-Bold"))


@pytest.fixture(scope="module")
def eye() -> Ocr:
    return Ocr(threads=2)


@pytest.mark.parametrize(("lines", "most"), [(ENGLISH, 0.03), (MANDARIN, 0.03)])
def test_few_signs_are_wrong(eye: Ocr, lines: tuple[str, ...], most: float) -> None:
    rates = []
    for font in FONTS:
        for size in (16, 22, 32, 48):
            for leading in (1.3, 1.7):
                picture = honest.written(lines, size, size * 32, font, leading)
                said, wanted = eye.read(jpeg(picture, 85)), "\n".join(lines)
                if lines is MANDARIN:
                    said, wanted = "".join(said.split()), "".join(wanted.split())
                rates.append(jiwer.cer(wanted, said))
    mean = sum(rates) / len(rates)
    print(f"\nsigns wrong: {mean:.1%} of {len(rates)} pictures, at worst {max(rates):.1%}")
    assert mean < most


def test_a_picture_without_writing_says_nothing(eye: Ocr) -> None:
    for picture in (Image.new("RGB", (300, 200), "white"), Image.new("RGB", (40, 40)), Image.new("RGB", (2_000, 30))):
        assert eye.read(jpeg(picture, 85)) == ""


@pytest.mark.anyio
async def test_pictures_and_scans_are_read_in_processes_apart() -> None:
    page = honest.written(["The pier was built of oak.", "码头建于一八二〇年。"])
    async with reading(ocr=True) as reader:
        read = await reader.read(honest.png(page), "a.png")
        assert (read.text, read.note) == ("The pier was built of oak.\n码头建于一八二〇年。", "")
        blank, last = Image.new("RGB", (900, 600), "white"), honest.written(["Last page"])
        two = honest.png(page, "PDF", save_all=True, append_images=[blank, last])
        scan = await reader.read(two, "scan.pdf")
        assert scan.pages == 3 and not scan.cut
        assert scan.text.startswith("## p. 1\n\nThe pier was built") and scan.text.endswith("## p. 3\n\nLast page")
        assert len(reader.writing.pids) == 1
        nothing = await reader.read(honest.png(honest.written([" "])), "a.png")
        assert (nothing.text, nothing.note) == ("", "")
