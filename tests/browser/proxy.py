"""A bad connection: a TCP proxy on this machine that cuts where it is told to."""

import contextlib
import socket
import threading
from collections import deque
from dataclasses import dataclass
from types import TracebackType


@dataclass
class Cut:
    """Cut when `marker` has come down a connection `count` times; of the bytes it is in, only half arrive."""

    marker: bytes
    count: int = 1
    half: bool = True
    stay_down: bool = False


class BadConnection:
    """Forwards to a port of this machine. `cuts` are made one after the other, each once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.cuts: deque[Cut] = deque()
        self.made = 0
        self.down = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "BadConnection":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.down = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection there is."""
        with self._lock:
            ending, self._open = self._open, set()
        for one in ending:
            _end(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                _end(client)
                continue
            server = socket.create_connection(("127.0.0.1", self._port))
            with self._lock:
                self._open |= {client, server}
            for pump in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=pump, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, downwards: bool) -> None:
        seen = 0
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                cut = self.cuts[0] if downwards and self.cuts else None
                seen += data.count(cut.marker) if cut else 0
                if cut and seen >= cut.count:
                    target.sendall(data[: len(data) // 2] if cut.half else b"")
                    self._made(cut)
                    break
                target.sendall(data)
        for one in (source, target):
            with self._lock:
                self._open.discard(one)
            _end(one)

    def _made(self, cut: Cut) -> None:
        self.cuts.popleft()
        self.made += 1
        self.down = cut.stay_down
        if self.down:
            self.hang_up()  # a browser repeats what failed on any other connection that it still has


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
