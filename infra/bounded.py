"""Undo a content coding a stretch at a time, and never beyond a limit."""

import zlib

from domain.errors import BadInput, TooLong, Unavailable

CODINGS = ("gzip", "deflate")  # what is asked for; brotli is not: its decoder here would have no limit
_STEP = 64 * 1024  # bytes made at once, whatever a bomb has ready


def coding_of(values: list[str]) -> str:
    """Return "gzip", "deflate" or "" of a Content-Encoding. Raises BadInput("page_encoding") for another, and for more
    than one: each doubles what a bomb is worth, and no server needs two.
    """
    named = [name.strip().lower() for value in values for name in value.split(",")]
    if named in ([], [""], ["identity"]):
        return ""
    coding = named[0].removeprefix("x-")
    if len(named) != 1 or coding not in CODINGS:
        raise BadInput("page_encoding")
    return coding


class Bounded:
    """A body as it comes in. `cut`: keep what fits and drop the rest, instead of refusing it."""

    def __init__(self, coding: str, most: int, *, cut: bool = False) -> None:
        self._coding, self._most, self._cut = coding, most, cut
        self._inflate = None if coding == "" else _inflater(coding, b"")
        self._seen = False
        self._out = bytearray()

    @property
    def full(self) -> bool:
        return len(self._out) >= self._most

    def feed(self, data: bytes) -> None:
        """Raises TooLong("page_large") beyond the limit, BadInput("page_encoding") for what is no such coding."""
        if self._inflate is None:
            return self._take(data)
        if not self._seen and data:
            self._seen = True
            self._inflate = _inflater(self._coding, data)
        while data and not (self._cut and self.full):
            if self._inflate.eof:  # gzip allows several in a row; zeros after the last are padding
                data = data.lstrip(b"\x00")
                if not data:
                    return None
                if self._coding != "gzip":
                    raise BadInput("page_encoding")
                self._inflate = _inflater(self._coding, data)
            try:
                made = self._inflate.decompress(data, _STEP)
            except zlib.error:
                raise BadInput("page_encoding") from None
            self._take(made)
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
        return None

    def end(self) -> bytes:
        """Return all. Raises Unavailable("page_failed") where the coding broke off: the page is not whole."""
        if self._inflate is not None and not (self._cut and self.full):
            self._drain()
        return bytes(self._out)

    def _drain(self) -> None:
        assert self._inflate is not None  # noqa: S101
        while not self._inflate.eof:
            try:
                made = self._inflate.decompress(b"", _STEP)
            except zlib.error:
                raise BadInput("page_encoding") from None
            if not made:
                raise Unavailable("page_failed")
            self._take(made)

    def _take(self, made: bytes) -> None:
        room = self._most - len(self._out)
        if len(made) > room and not self._cut:
            raise TooLong("page_large")
        self._out += made[:room]


def _inflater(coding: str, first: bytes) -> "zlib._Decompress":
    """`deflate` is zlib's format, but some servers send it bare; the first byte tells (its low half is 8, RFC 1950)."""
    if coding == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    return zlib.decompressobj(-zlib.MAX_WBITS if first and first[0] & 0x0F != 8 else zlib.MAX_WBITS)
