"""HEIC files made by code: HEVC stills in the boxes in which telephones put them."""

import struct
from fractions import Fraction
from typing import Any

import av
from PIL import Image


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def still(image: Any) -> tuple[bytes, bytes]:
    """Return a HEVC still and its settings (hvcC)."""
    codec: Any = av.CodecContext.create("libx265", "w")
    codec.width, codec.height = image.size
    codec.pix_fmt, codec.time_base = "yuv420p", Fraction(1, 25)
    codec.options = {"x265-params": "log-level=none:info=0:crf=12", "preset": "ultrafast"}
    frames: Any = av.VideoFrame
    frame = frames.from_image(image.convert("RGB")).reformat(format="yuv420p")
    frame.pts = 0
    stream = b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])
    units = [unit for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    arrays, rest = b"", b""
    count = 0
    for unit in units:
        kind = unit[0] >> 1 & 63
        if kind in (32, 33, 34):
            arrays += struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit
            count += 1
        elif kind < 32:
            rest += struct.pack(">I", len(unit)) + unit
    head = b"\1\1\x60\0\0\0\x90\0\0\0\0\0\x5a\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f"
    return rest, head + bytes([count]) + arrays


def heic(image: Any, tile: int = 0, turns: int = 0, claimed: tuple[int, int] | None = None) -> bytes:
    """Return the picture as one still or as a grid of tiles, to be turned left `turns` times by who shows it."""
    width, height = image.size
    across = -(-width // tile) if tile else 1
    down = -(-height // tile) if tile else 1
    size = (tile, tile) if tile else image.size
    stills = []
    for at in range(across * down):
        part = Image.new("RGB", size)
        part.paste(image.crop((at % across * size[0], at // across * size[1], width, height)), (0, 0))
        stills.append(still(part))
    main = len(stills) + 1 if tile else 1
    ispe = [box(b"ispe", struct.pack(">III", 0, *shape)) for shape in (size, claimed or image.size)]
    properties = box(b"ipco", box(b"hvcC", stills[0][1]), *ispe, box(b"irot", bytes([turns])))
    each = b"".join(struct.pack(">HBBB", n, 2, 0x81, 2) for n in range(1, len(stills) + 1))
    belongs = each + struct.pack(">HBBB", main, 2, 3, 0x84) if tile else struct.pack(">HBBBB", 1, 3, 0x81, 3, 0x84)
    kinds = [(n, b"hvc1") for n in range(1, len(stills) + 1)] + ([(main, b"grid")] if tile else [])
    infos = b"".join(box(b"infe", struct.pack(">IHH4sB", 0x02000000, n, 0, kind, 0)) for n, kind in kinds)
    grid = struct.pack(">BBBBHH", 0, 0, down - 1, across - 1, *image.size)
    links = box(b"dimg", struct.pack(f">HH{len(stills)}H", main, len(stills), *range(1, len(stills) + 1)))

    def made(start: int) -> bytes:
        places, at = b"", start
        for number, (body, _) in enumerate(stills, 1):
            places += struct.pack(">HHHHII", number, 0, 0, 1, at, len(body))
            at += len(body)
        if tile:
            places += struct.pack(">HHHHII", main, 1, 0, 1, 0, len(grid))
        meta = box(
            b"meta", b"\0\0\0\0", box(b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13),
            box(b"pitm", struct.pack(">IH", 0, main)),
            box(b"iinf", struct.pack(">IH", 0, len(kinds)), infos),
            *([box(b"iref", b"\0\0\0\0", links), box(b"idat", grid)] if tile else []),
            box(b"iprp", properties, box(b"ipma", struct.pack(">II", 0, len(stills) + bool(tile)), belongs)),
            box(b"iloc", b"\1\0\0\0\x44\0", struct.pack(">H", len(kinds)), places),
        )  # fmt: skip
        return box(b"ftyp", b"heic\0\0\0\0mif1heic") + meta

    head = made(0)
    return made(len(head) + 8) + box(b"mdat", *(body for body, _ in stills))
