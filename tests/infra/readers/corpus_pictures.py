"""Pictures that are bombs, lies, or something else as well. Rows of (name, bytes, what may come of it)."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from tests.infra.readers.heic import heic
from tests.infra.readers.honest import png

Row = tuple[str, bytes, str]
SCRIPT = b"<script>alert(document.cookie)</script>"
LARGE, BROKEN = "picture_large", "file_broken"
ODD, WELL = "picture_large file_broken", "read file_broken"
DOTS = zlib.compress(bytes(72))  # 8 x 8, black
GREY = {258: 8, 259: 1, 262: 1, 277: 1}  # a TIFF of one channel


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, rows: bytes, more: bytes = b"", depth: int = 8, colour: int = 0) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """Return so many zeros, compressed, without having them in memory."""
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(size >> 20)]
    return b"".join([*parts, packer.compress(bytes(size & ((1 << 20) - 1))), packer.flush()])


def pictures() -> Iterator[Row]:
    small = png(Image.new("RGB", (40, 30), "red"))
    jpeg = png(Image.new("RGB", (40, 30), "red"), "JPEG")
    gif = png(Image.new("RGB", (40, 30), "red"), "GIF")
    yield from (
        ("PNG that claims 50,000 x 50,000", png_of(50_000, 50_000, zlib.compress(b"\0")), LARGE),
        ("PNG that claims 2^31 x 2^31", png_of(2**31 - 1, 2**31 - 1, b""), ODD),
        ("PNG of 0 x 0", png_of(0, 0, b""), BROKEN),
        ("PNG a little too large", png_of(5_001, 5_000, zlib.compress(bytes(10))), LARGE),
        ("PNG with a zTXt bomb", png_of(8, 8, DOTS, chunk(b"zTXt", b"a\0\0" + zeros(200 << 20))),
         WELL),
        ("PNG with an iTXt bomb", png_of(8, 8, DOTS, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(90 << 20))),
         WELL),
        ("PNG with an ICC bomb", png_of(8, 8, DOTS, chunk(b"iCCP", b"a\0\0" + zeros(200 << 20))),
         WELL),
        ("PNG with 100,000 chunks", png_of(8, 8, DOTS, chunk(b"tEXt", b"a\0b") * 100_000),
         WELL),
        ("PNG whose rows unpack without end", png_of(8, 8, zeros(300 << 20)), WELL),
        ("PNG cut off", small[:-20], BROKEN + " read"),
        ("PNG of its name only", b"\x89PNG\r\n\x1a\n", BROKEN),
        ("PNG with a page behind it", small + b"<html>" + SCRIPT, "read"),
        ("GIF that is a script", b"GIF89a/*" + bytes(8) + b"*/=1;alert(1)//", BROKEN + " read picture_large"),
        ("GIF with a page behind it", gif + SCRIPT, "read"),
        ("GIF of 65,535 x 65,535", b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + gif[13:], ODD),
        ("GIF of many frames", frames(40), "read"),
        ("JPEG with a page in its comment",
         jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(SCRIPT) + 2) + SCRIPT + jpeg[2:], "read"),
        ("JPEG with a page behind it", jpeg + b"<html>" + SCRIPT, "read"),
        ("JPEG of 65,500 x 65,500", resized(jpeg, 65_500, 65_500), LARGE),
        ("JPEG that claims more than it has", resized(jpeg, 4_000, 4_000), BROKEN + " read"),
        ("JPEG of its name only", b"\xff\xd8\xff\xe0", BROKEN),
        ("JPEG whose EXIF goes in circles", exif_loop(jpeg), WELL),
        ("BMP of 60,000 x 60,000", bmp(60_000, 60_000), LARGE),
        ("BMP of negative height", bmp(100, -2**31), ODD),
        ("WebP of 16,383 x 16,383",
         b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xfe\xff\xff\xff\x0f" + bytes(20), ODD),
        ("TIFF of 60,000 x 60,000", tiff({**GREY, 256: 60_000, 257: 60_000, 273: 8, 278: 1, 279: 1}), ODD),
        ("TIFF whose pages go in circles", tiff({**GREY, 256: 8, 257: 8, 273: 8, 278: 8, 279: 64}, 8), WELL),
        ("TIFF of a million strips", tiff({**GREY, 256: 8, 257: 8, 278: 1}, strips=300_000), WELL),
        ("TIFF of its name only", b"II*\0", BROKEN),
        ("HEIC that claims 50,000 x 50,000", heic(Image.new("RGB", (64, 64)), claimed=(50_000, 50_000)), LARGE),
        ("HEIC that claims 0 x 0", heic(Image.new("RGB", (64, 64)), claimed=(0, 0)), ODD),
        ("HEIC grid that claims more than its tiles",
         heic(Image.new("RGB", (130, 70)), 64, claimed=(4_000, 4_000)), BROKEN),
        ("HEIC without a picture", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", BROKEN),
        ("AVIF without a picture", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", BROKEN),
    )  # fmt: skip


def frames(count: int) -> bytes:
    out = io.BytesIO()
    some = [Image.effect_noise((200, 200), 50 + at % 5).convert("P") for at in range(count)]
    some[0].save(out, "GIF", save_all=True, append_images=some[1:])
    return out.getvalue()


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + head + bytes(46)


def tiff(tags: dict[int, int], after: int = 0, strips: int = 0) -> bytes:
    """Return a TIFF with these numbers; `after` is where its next page is said to be."""
    rows = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()}
    body = b""
    if strips:
        count = len(rows) + 2
        start = 8 + 2 + 12 * count + 4
        rows[273] = struct.pack("<HHII", 273, 4, strips, start)
        rows[279] = struct.pack("<HHII", 279, 4, strips, start)
        body = struct.pack("<I", 8) * strips
    directory = struct.pack("<H", len(rows)) + b"".join(rows[tag] for tag in sorted(rows)) + struct.pack("<I", after)
    return b"II*\0\x08\0\0\0" + directory + body + bytes(64)


def exif_loop(jpeg: bytes) -> bytes:
    """EXIF whose inner directories point to themselves."""
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005, 0x014A))
    body = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 4) + rows + struct.pack("<I", 8)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
