"""The sandbox's server, a process of its own: a pay page, its books, and signed webhooks. No money moves.

`python -m infra.payments.sandbox_server FOLDER PORT WEBHOOK`. It says `ready PORT` on standard output, or `taken` where
another one keeps these books, and ends with its standard input: with whoever started it, however that ended.
"""

import fcntl
import json
import os
import sys
import threading
from pathlib import Path

from infra.payments.sandbox_books import Books
from infra.payments.sandbox_desk import Desk
from infra.payments.sandbox_http import Server
from infra.payments.sandbox_post import Postman
from infra.payments.sandbox_wire import make_key


def serve(folder: Path, port: int, webhook: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = make_key(folder)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say("taken")
        return
    books = Books(folder / "books.db")
    wanted = port or _last(folder)
    server = (_listen(wanted, Desk(books), key) if wanted else None) or Server(0, Desk(books), key)
    _tell_where(folder, server.server_port)
    Postman(books, webhook, key).start()
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    _say(f"ready {server.server_port}")
    server.serve_forever(poll_interval=0.2)


def _listen(port: int, desk: Desk, key: str) -> Server | None:
    """The port of the last time again, so that pages which are open go on; any free one where it is taken."""
    try:
        return Server(port, desk, key)
    except OSError:
        return None


def _last(folder: Path) -> int:
    try:
        port = json.loads((folder / "address").read_text())["port"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return port if isinstance(port, int) and 0 < port < 65_536 else 0


def _tell_where(folder: Path, port: int) -> None:
    new = folder / f"address-{os.getpid()}"
    new.write_text(json.dumps({"port": port}))
    new.replace(folder / "address")


def _end_with_parent(server: Server) -> None:
    while os.read(0, 4096):
        pass
    server.shutdown()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    folder, port, webhook = sys.argv[1:4]
    serve(Path(folder), int(port), webhook)


if __name__ == "__main__":
    main()


