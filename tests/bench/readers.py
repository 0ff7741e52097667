"""How long reading files takes and how much memory, per kind: `python -m tests.bench.readers [ROUNDS]`."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from infra.readers.reading import ChildReader, ocr_installed
from tests.domain.knowledge.pdfs import pdf
from tests.infra.readers import honest
from tests.infra.readers.heic import heic
from tests.infra.readers.house import peak

ROWS = [f"Line {n} of a page, with some words in it." for n in range(40)]
SENTENCE = "Some words of a book that goes on and on, with a sentence here and there. "


def photo() -> Any:
    """Return 12 million pixels that are neither flat nor noise."""
    small = np.random.default_rng(1).integers(0, 255, (378, 504, 3), dtype=np.uint8)
    return Image.fromarray(small, "RGB").resize((4_032, 3_024), Image.Resampling.BICUBIC)


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG, 12 megapixels": lambda: honest.png(photo(), "JPEG", quality=90),
    "HEIC, 12 megapixels, 48 tiles": lambda: heic(photo(), tile=512),
    "PNG, 12 megapixels": lambda: honest.png(photo(), compress_level=1),
    "PNG, 25 megapixels, 16 bits": lambda: honest.png(Image.new("I;16", (5_000, 5_000), 30_000)),
    "PDF, 20 pages": lambda: pdf(*[ROWS] * 20),
    "PDF, 500 pages": lambda: pdf(*[ROWS] * 500),
    "docx, 60 pages": lambda: honest.docx(honest.paragraph(SENTENCE * 6) * 400),
    "docx, 1,000 pages": lambda: honest.docx(honest.paragraph(SENTENCE * 6) * 8_000),
    "pptx, 2 slides": honest.deck,
    "xlsx, 1,000 rows": lambda: honest.workbook([[f"Name {n}", n, n * 2.5] for n in range(1_000)]),
    "xlsx, 100,000 rows": lambda: honest.workbook([[f"Name {n}", n, n * 2.5] for n in range(100_000)]),
    "HTML, 100 kB": lambda: b"<html><title>T</title><body>" + b"<p>Some <b>words</b> of a page that go on.</p>" * 2_000,
    "text, 100 kB": lambda: SENTENCE.encode() * 1_300,
    "m4a, 1 minute": lambda: honest.recording(honest.melody(60), "ipod", "aac"),
    "webm (Opus), 1 minute": lambda: honest.recording(honest.melody(60), "webm", "libopus", 16_000, 48_000),
    "mp3, 10 minutes": lambda: honest.recording(np.tile(honest.melody(60), 10), "mp3", "libmp3lame"),
    "WAV, 1 minute": lambda: honest.recording(honest.melody(60), "wav", "pcm_s16le"),
}  # fmt: skip
WRITTEN: dict[str, Callable[[], bytes]] = {
    "writing of 3 lines": lambda: honest.png(honest.written(["The pier, of oak.", "码头建于一八二〇年。", "1820"])),
    "writing of a page of 40 lines": lambda: honest.png(honest.written(ROWS, 28, 1_400)),
    "scan of one page": lambda: honest.png(honest.written(ROWS, 28, 1_400), "PDF"),
}


async def measure(name: str, data: bytes, rounds: int, ocr: bool) -> None:
    reader = ChildReader(1, threads=2, ocr=ocr)
    try:
        began = time.perf_counter()
        await reader.read(b"x", "a.txt")
        start = time.perf_counter() - began
        await reader.read(data, "a")
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            await reader.read(data, "a")
            took.append((time.perf_counter() - began) * 1000)
        p50, p95 = np.percentile(took, [50, 95])
        held = max(peak(reader), peak(reader, writing=True)) >> 20
        print(f"| {name} | {len(data) / 1e6:.2f} | {p50:,.0f} | {p95:,.0f} | {held} | {start:.2f} |", flush=True)
    finally:
        await reader.close()


async def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print("| what | MB | p50, ms | p95, ms | most memory, MiB | start, s |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, make in FILES.items():
        await measure(name, make(), rounds, ocr=False)
    for name, make in WRITTEN.items() if ocr_installed() else ():
        await measure(name, make(), rounds, ocr=True)


if __name__ == "__main__":
    asyncio.run(main())
