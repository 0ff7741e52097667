"""Recordings that lie, end early, or reach out. Rows of (name, bytes, what may come of it, file name)."""

import struct
from collections.abc import Iterator

import numpy as np

from tests.infra.readers import honest

Row = tuple[str, bytes, str, str]
BROKEN, EMPTY = "file_broken", "recording_silent"
ANY = f"read {BROKEN} {EMPTY}"


def wav(
    body: bytes, *, rate: int = 16_000, channels: int = 1, bits: int = 16, kind: int = 1, align: int | None = None,
    claimed: int | None = None, whole: int | None = None,
) -> bytes:  # fmt: skip
    """Return a WAV file that says of itself what it is told to say."""
    width = channels * bits // 8 if align is None else align
    head = struct.pack("<HHIIHH", kind, channels, rate, rate * width & 0xFFFFFFFF, width, bits)
    size = len(body) if claimed is None else claimed
    rest = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + body
    return b"RIFF" + struct.pack("<I", len(rest) if whole is None else whole) + rest


def sounds(canary: str, port: int) -> Iterator[Row]:
    second = (honest.melody(1.0) * 32_767).astype("<i2").tobytes()
    for name, data, allowed in (
        ("claims 4 GB", wav(second, claimed=0xFFFFFFFF, whole=0xFFFFFFFF), "read"),
        ("claims nothing", wav(second, claimed=0, whole=0), f"read {EMPTY}"),
        ("one sample in a second", wav(second, rate=1), BROKEN),
        ("four billion samples in a second", wav(second, rate=0xFFFFFFFF), BROKEN),
        ("no rate", wav(second, rate=0), BROKEN),
        ("65,535 channels", wav(second, channels=65_535, align=2), f"{BROKEN} {EMPTY}"),
        ("no channels", wav(second, channels=0, align=2), f"{BROKEN} {EMPTY}"),
        ("samples of no bits", wav(second, bits=0, align=0), BROKEN),
        ("a codec that nobody knows", wav(second, kind=0x7777), f"{BROKEN} {EMPTY}"),
        ("floats that are no numbers", wav(np.full(16_000, np.nan, "<f4").tobytes(), bits=32, kind=3), "read"),
        ("endless floats", wav(np.full(16_000, np.inf, "<f4").tobytes(), bits=32, kind=3), "read"),
        ("no sound", wav(b""), EMPTY),
        ("one byte of sound", wav(b"x"), EMPTY),
        ("of its name only", b"RIFF\0\0\0\0WAVE", BROKEN),
        ("a chunk beyond its end", b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\x7f" + bytes(30), BROKEN),
        ("that is a page", wav(b"<html><script>alert(1)</script>" * 200), "read"),
    ):
        yield "wav: " + name, data, allowed, "a.wav"
    yield from cut_off()
    for name, text, allowed in (
        ("HLS of a file", f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile://{canary}\n#EXT-X-ENDLIST\n", "read"),
        ("HLS of an address", f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n", "read"),
        ("concat", f"ffconcat version 1.0\nfile '{canary}'\nfile 'http://127.0.0.1:{port}/a'\n", "read"),
        ("SDP", f"v=0\nc=IN IP4 127.0.0.1\nm=audio {port} RTP/AVP 0\n", "read"),
        ("DASH", f"<MPD><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>", "read"),
    ):
        for file in ("a.m3u8", "a.m4a", "a.mp4"):
            yield f"playlist: {name} called {file}", text.encode(), allowed, file
    reach = pointing(honest.recording(honest.melody(1.0), "mp4", "aac"), canary)
    yield "mp4: whose sound is in another file", reach, ANY, "a.mp4"
    yield "mp4: no tracks", b"\0\0\0\x18ftypisom\0\0\0\0isommp42\0\0\0\x08moov", f"{BROKEN} {EMPTY}", "a.mp4"
    yield "mp4: a box of 2^63 bytes", b"\0\0\0\x18ftypisom\0\0\0\0isommp42\0\0\0\1mdat" + b"\x7f" * 8, ANY, "a.mp4"
    yield "webm: sizes that are not known", b"\x1aE\xdf\xa3\x01" + b"\xff" * 40, BROKEN, "a.webm"
    yield "flac: 2^36 samples", flac_claim(), ANY, "a.flac"
    yield "ogg: of its name only", b"OggS" + bytes(30), BROKEN, "a.ogg"
    yield "mp3: a tag of 256 MB", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(200), f"{BROKEN} {EMPTY}", "a.mp3"
    yield "mp3: frames of nothing", b"\xff\xfb\x90\x00" + bytes(400_000), ANY, "a.mp3"
    yield "aac: of its name only", b"\xff\xf1\x50\x80", f"{BROKEN} {EMPTY}", "a.aac"
    yield "amr: noise", b"#!AMR\n" + bytes(range(256)) * 200, ANY, "a.amr"
    yield "caf: of its name only", b"caff\0\1\0\0" + bytes(20), BROKEN, "a.caf"
    yield "aiff: of its name only", b"FORM\0\0\0\x20AIFFCOMM" + b"\xff" * 20, BROKEN, "a.aiff"


def cut_off() -> Iterator[Row]:
    sound = honest.melody(2.0)
    for file, container, codec, rate in (
        ("a.ogg", "ogg", "libopus", 48_000), ("a.webm", "webm", "libopus", 48_000), ("a.m4a", "ipod", "aac", None),
        ("a.flac", "flac", "flac", None), ("a.mp3", "mp3", "libmp3lame", None), ("a.wav", "wav", "pcm_s16le", None),
    ):  # fmt: skip
        whole = honest.recording(sound, container, codec, out_rate=rate)
        for share in (0.02, 0.1, 0.5, 0.9, 0.99):
            yield f"{file} cut off at {share:.0%}", whole[: int(len(whole) * share)], ANY, file


def pointing(mp4: bytes, path: str) -> bytes:
    """Have the data reference of a film name another file instead of itself."""
    at = mp4.index(b"dref") - 4
    size = struct.unpack_from(">I", mp4, at)[0]
    body = bytearray(mp4)
    body[at + size - 4 : at + size] = bytes(4)  # flags: not in this file
    return bytes(body).replace(b"url ", b"alis", 1) + path.encode()


def flac_claim() -> bytes:
    body = bytearray(honest.recording(honest.melody(1.0), "flac", "flac"))
    body[21] |= 0x0F
    body[22:26] = b"\xff" * 4
    return bytes(body)
