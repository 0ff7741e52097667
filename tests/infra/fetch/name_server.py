"""A name server for a test: A and AAAA over UDP, aliases (CNAME), and silence."""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

A, CNAME, AAAA = 1, 5, 28


class NameServer(asyncio.DatagramProtocol):
    """Knows these names; each lookup takes the next list of answers, the last one for ever. A lookup asks for A and
    for AAAA at once, so a turn ends when both were asked. "silent.example" is never answered, "alias-X" is a CNAME.
    """

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._names = {name.lower(): [list(one) for one in answers] for name, answers in names.items()}
        self._asked: dict[str, set[int]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, ("127.0.0.53", 53))

    def aliases(self) -> list[str]:
        return [f"http://alias-{name}/" for name in self._names if name.startswith(("in", "six", "via"))]

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, end = _name(data, 12)
        kind = struct.unpack("!H", data[end : end + 2])[0]
        if name == "silent.example" or self._transport is None:
            return
        question, records, owner = data[12 : end + 4], [], name
        if name.startswith("alias-"):
            owner = name.removeprefix("alias-")
            records.append(_record(_wire(name), CNAME, _wire(owner)))
        answers = self._turn(owner, kind)
        for text in answers or []:
            try:
                address = ip_address(text)
            except ValueError:  # no server can say such a thing
                continue
            if (A if address.version == 4 else AAAA) == kind:
                records.append(_record(_wire(owner), kind, address.packed))
        code = 0x8180 if answers is not None else 0x8183
        head = data[:2] + struct.pack("!HHHHH", code, 1, len(records), 0, 0)
        self._transport.sendto(head + question + b"".join(records), addr)

    def _turn(self, name: str, kind: int) -> list[str] | None:
        answers = self._names.get(name)
        if not answers:
            return None
        now, asked = answers[0], self._asked.setdefault(name, set())
        asked.add(kind)
        if asked == {A, AAAA}:
            asked.clear()
            if len(answers) > 1:
                answers.pop(0)
        return now


def _name(data: bytes, at: int) -> tuple[str, int]:
    labels = []
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode("ascii"))
        at += 1 + size
    return ".".join(labels).lower(), at + 1


def _wire(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\x00"


def _record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
