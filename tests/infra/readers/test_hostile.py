"""Hostile files: each is a clear error or a reading that does no harm, and the next honest file is read.

What they could reach out for is there: a file with a secret, and a server that counts who calls.
"""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from domain.errors import BadInput, TooLong
from domain.filing.model import MOST_CHARS, Read
from infra.readers import reading as module
from infra.readers.asking import Answer, Ask
from tests.domain.knowledge.pdfs import pdf
from tests.infra.readers import corpus
from tests.infra.readers.house import Door, outcome, read_all, reading

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("family", corpus.FAMILIES)
async def test_hostile_files_do_no_harm(family: str, tmp_path: Path) -> None:
    secret = corpus.secret()
    canary = tmp_path / "canary.xml"
    canary.write_bytes(b"<a>" + secret + b"</a>")
    door = Door()
    port = await door.open()
    try:
        assert await read_all(corpus.family(family, str(canary), port), secret) == []
        assert door.calls == 0
    finally:
        door.close()


async def test_nothing_is_no_file_and_too_much_is_none_either(monkeypatch: pytest.MonkeyPatch) -> None:
    async with reading() as reader:
        with pytest.raises(BadInput, match="file_empty"):
            await reader.read(b"", "a.txt")
        monkeypatch.setattr(module, "MOST_BYTES", 1 << 20)
        with pytest.raises(TooLong, match="file_large"):
            await reader.read(b"x" * (1 << 20) + b"x", "a.txt")
        assert not reader.files.pids  # no process was asked


async def test_a_file_that_computes_too_long_is_an_error_of_its_own() -> None:
    long = pdf([""], stream=b"BT /F1 12 Tf 10 10 Td (Hello) Tj ET\n" * 2_000_000)
    reader = module.ChildReader(1, ocr=False, cpu_s=1)
    try:
        assert (await outcome(reader, long, "a.pdf"))[0] == "file_broken"
        assert (await reader.read(b"Words.", "a.txt")).text == "Words."
    finally:
        await reader.close()


def test_what_a_process_answers_is_not_believed() -> None:
    lie = Read(
        kind="text", media_type="text/html\"><script>", text="a\0\u202eb<|im_start|>" + "x" * 90_000,
        title="a\nb" * 900, image=b"<svg>", sound=b"x" * 3, seconds=-5.0, pages=-1, width=1 << 60,
    )  # fmt: skip
    read = module.checked(lie)
    assert read.media_type == "application/octet-stream" and read.cut and len(read.text) <= MOST_CHARS
    assert "\0" not in read.text and "<|" not in read.text and "\n" not in read.title and len(read.title) <= 200
    assert (read.image, read.sound, read.seconds, read.pages, read.width) == (b"", b"", 0.0, 0, 1_000_000)


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        (Answer(error="picture_large", detail={"most": 25, "code": 1}), BadInput("picture_large"), {"most": 25}),
        (Answer(error="file_large", long=True, detail={"most": -1 << 60}), TooLong("file_large"), {"most": 0}),
        (Answer(error="sign_in_first"), BadInput("file_broken"), {}),
        (Answer(error="x" * 9_000), BadInput("file_broken"), {}),
        (Answer(), BadInput("file_broken"), {}),
    ],
)
def test_what_a_process_says_is_wrong_is_not_believed_either(
    answer: Answer, kind: BadInput, detail: dict[str, int]
) -> None:
    wrong = module.failure(answer)
    assert (type(wrong), wrong.code, wrong.detail) == (type(kind), kind.code, detail)


async def test_no_process_can_have_others_look_at_pictures_for_ever() -> None:
    looked_at: list[bytes] = []

    class Liar(module.ChildReader):
        async def _ask(self, ask: Ask) -> Answer:
            jpeg = b"\xff\xd8\xff"
            return Answer(
                Read(kind="pdf", media_type="application/pdf"), (jpeg + bytes(9 << 20), b"GIF89a", *[jpeg] * 9_000)
            )

        async def _written(self, picture: bytes) -> str | None:
            looked_at.append(picture)
            return "words"

    reader = Liar(ocr=True)
    assert (await reader.read(b"%PDF-1.7", "a.pdf")).text.startswith("## p. 3")
    assert looked_at == [b"\xff\xd8\xff"] * 3
    await reader.close()


async def test_several_files_are_read_at_once_and_killed_processes_are_replaced() -> None:
    async with reading(2) as reader:
        both = await asyncio.gather(*(reader.read(b"Words %d." % n, "a.txt") for n in range(8)))
        assert [read.text for read in both] == [f"Words {n}." for n in range(8)]
        assert 1 <= len(reader.files.pids) <= 2
        for child in reader.files._idle:
            os.kill(child.process.pid, signal.SIGKILL)
            await child.process.wait()
        assert (await reader.read(b"Words.", "a.txt")).text == "Words."
