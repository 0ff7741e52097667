"""The boxes of a HEIF file (ISO/IEC 23008-12): its items, where their bytes lie, what is said of them.

Raises ValueError, IndexError or struct.error for boxes that make no sense. Nothing in them makes it read what is not
there.
"""

import struct
from collections.abc import Iterator

import msgspec

MOST_BOXES, MOST_ITEMS, MOST_TILES = 4_000, 2_000, 400
_INNER = (b"meta", b"iprp", b"ipco", b"iinf", b"iref")


class Item(msgspec.Struct):
    kind: bytes = b""
    extents: tuple[tuple[int, int], ...] = ()
    inside: bool = False  # its bytes lie in the box `idat`
    properties: tuple[int, ...] = ()
    tiles: tuple[int, ...] = ()


class File:
    """The boxes of a file: its items, their properties, where their bytes lie."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._boxes = 0
        self._idat = b""
        self._properties: list[tuple[bytes, bytes]] = []
        self.items: dict[int, Item] = {}
        self.main = 0
        self._read(0, len(data), b"")

    def _read(self, start: int, end: int, outer: bytes) -> None:
        for kind, at, after in self._boxes_in(start, end):
            body = self._data[at:after]
            if outer == b"ipco":
                self._properties.append((kind, body))
            elif kind in _INNER:
                skipped = {b"meta": 4, b"iref": 4, b"iinf": 6 if body[:1] == b"\0" else 8}.get(kind, 0)
                self._read(at + skipped, after, kind + body[:1] if kind == b"iref" else kind)
            elif outer[:4] == b"iref" and kind == b"dimg":
                self._tiles(body, wide=outer[4:] != b"\0")
            elif outer in (b"meta", b"iinf", b"iprp"):
                self._fact(kind, body)

    def _boxes_in(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        while start + 8 <= end:
            self._boxes += 1
            if self._boxes > MOST_BOXES:
                raise ValueError("too many boxes")
            size, kind = struct.unpack_from(">I4s", self._data, start)
            at = start + 8
            if size == 1:
                size, at = struct.unpack_from(">Q", self._data, at)[0], at + 8
            after = end if size == 0 else start + size
            if not at <= after <= end:
                raise ValueError("a box beyond its end")
            yield kind, at, after
            start = after

    def _fact(self, kind: bytes, body: bytes) -> None:
        if kind == b"pitm":
            self.main = Numbers(body, 4).number(2 if body[0] == 0 else 4)
        elif kind == b"infe" and body[0] >= 2:
            numbers = Numbers(body, 4)
            item = self._item(numbers.number(2 if body[0] == 2 else 4))
            item.kind = body[numbers.at + 2 : numbers.at + 6]
        elif kind == b"iloc":
            self._places(body)
        elif kind == b"ipma":
            self._belongs(body)
        elif kind == b"idat":
            self._idat = body

    def _item(self, number: int) -> Item:
        if number not in self.items and len(self.items) >= MOST_ITEMS:
            raise ValueError("too many items")
        return self.items.setdefault(number, Item())

    def _tiles(self, body: bytes, wide: bool) -> None:
        numbers, size = Numbers(body, 0), 4 if wide else 2
        item = self._item(numbers.number(size))
        count = numbers.number(2)
        item.tiles = tuple(numbers.number(size) for _ in range(min(count, MOST_TILES + 1)))

    def _places(self, body: bytes) -> None:
        version, (a, b) = body[0], body[4:6]
        numbers = Numbers(body, 6)
        for _ in range(numbers.number(4 if version == 2 else 2)):
            item = self._item(numbers.number(4 if version == 2 else 2))
            item.inside = version > 0 and numbers.number(2) & 15 == 1
            numbers.number(2)
            base = numbers.number(b >> 4)
            extents: list[tuple[int, int]] = []
            for _ in range(min(numbers.number(2), MOST_TILES)):
                numbers.number(b & 15 if version > 0 else 0)
                extents.append((base + numbers.number(a >> 4), numbers.number(a & 15)))
            item.extents = tuple(extents)

    def _belongs(self, body: bytes) -> None:
        numbers = Numbers(body, 4)
        for _ in range(numbers.number(4)):
            item = self._item(numbers.number(2 if body[0] == 0 else 4))
            wide = body[3] & 1
            found = [numbers.number(2 if wide else 1) & (0x7FFF if wide else 0x7F) for _ in range(numbers.number(1))]
            item.properties = tuple(found)

    def body(self, item: Item) -> bytes:
        source = self._idat if item.inside else self._data
        found = b"".join(source[start : start + size] for start, size in item.extents)
        if len(found) > len(self._data):
            raise ValueError("the same bytes over and over")
        return found

    def properties_of(self, item: Item) -> Iterator[tuple[bytes, bytes]]:
        for index in item.properties:
            if 0 < index <= len(self._properties):
                yield self._properties[index - 1]

    def property(self, item: Item, kind: bytes) -> bytes | None:
        return next((body for found, body in self.properties_of(item) if found == kind), None)

    def size(self, item: Item) -> tuple[int, int]:
        width, height = struct.unpack_from(">II", self.property(item, b"ispe") or b"", 4)
        return width, height


class Numbers:
    """Big-endian numbers of so many bytes, one after the other."""

    def __init__(self, body: bytes, at: int) -> None:
        self._body, self.at = body, at

    def number(self, size: int) -> int:
        if self.at + size > len(self._body):
            raise ValueError("a box that ends early")
        found = int.from_bytes(self._body[self.at : self.at + size], "big")
        self.at += size
        return found
