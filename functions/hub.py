"""Files over HTTP: is the host there at all, and the rest of a file from the byte we have reached."""

import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Protocol

from functions.wheels import CHUNK

CONNECT_S = 3.0  # a machine without the hub loses this much, once
STALL_S = 30.0


class NotTheFile(Exception):
    """The host answers with something of another length: a log-in page, another revision."""


class Growing(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def limit(self) -> int: ...
    def write(self, block: bytes) -> None: ...


def reachable(url: str) -> bool:
    """Whether the host takes a connection within CONNECT_S, its name look-up included; behind a proxy, try and see."""
    parts = urllib.parse.urlsplit(url)
    if urllib.request.getproxies().get(parts.scheme):
        return True
    port = parts.port or (443 if parts.scheme == "https" else 80)
    answer: list[bool] = []

    def knock() -> None:
        try:
            socket.create_connection((parts.hostname or "", port), timeout=CONNECT_S).close()
            answer.append(True)
        except OSError:
            answer.append(False)

    thread = threading.Thread(target=knock, daemon=True)  # a stuck name server must not hold up the exit
    thread.start()
    thread.join(CONNECT_S)
    return answer == [True]


def download(url: str, arriving: Growing, progress: Callable[[int], None]) -> None:
    start = arriving.size
    request = urllib.request.Request(url, headers={"User-Agent": "parley", "Range": f"bytes={start}-"})  # noqa: S310 - from the manifest
    with urllib.request.urlopen(request, timeout=STALL_S) as answer:  # noqa: S310
        promised = int(answer.headers.get("Content-Length") or -1)
        if answer.status == 206 and promised == arriving.limit - start:
            skip = 0
        elif answer.status == 200 and promised == arriving.limit:
            skip = start  # a host without ranges: read past what is here
        else:
            raise NotTheFile("sent something else than the file")
        while skip > 0 and (block := answer.read(min(skip, CHUNK))):
            skip -= len(block)
        while block := answer.read(1 << 16):
            arriving.write(block)
            progress(arriving.size)
