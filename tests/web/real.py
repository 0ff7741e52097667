"""The application as infra/wiring.py puts it together, on any database, with scripted engines: nothing is a fake."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine, text

from db.connect import connect, disconnect
from db.migrate import upgrade
from db.pages import SqlPages
from db.sources import SqlSources
from infra import wiring
from infra.config import Config
from tests.web.house import BROWSER, SECRET, application

CHEAP = (8, 1, 1)  # KiB, passes, lanes of Argon2: what is slow on purpose is not what these tests are about
KEYS = {
    "audit_key": "of the audit log, in tests, 32 characters",
    "worker_key": "of the workers, in tests, 32 characters",
}


class Real:
    """One application, its services, and a door to its database that the application does not use."""

    def __init__(self, url: str, folder: Path, fresh: bool = False, **settings: Any) -> None:
        """A `fresh` database is migrated first."""
        pages_url = url if fresh else f"sqlite:///{folder / 'pages.db'}"
        upgrade(pages_url, "pages")
        given = {"core_url": url, "pages_url": pages_url, "data_dir": folder, "secret_key": SECRET}
        given |= {"engines": "scripted", "argon2": CHEAP, "crawl": False}  # what tests give is not to be asked for
        self.config = Config(**{**given, **KEYS, **settings})
        self._engines: list[Engine] = []
        with patch.object(wiring, "connect", self._connect):
            if fresh:
                wiring.migrate(self.config)
            self.services: wiring.Services = wiring.assemble(self.config)
        pages = self._connect(pages_url)
        self.sources, self.pages = SqlSources(pages), SqlPages(pages)
        people = self.services.people
        people.rules = msgspec.structs.replace(people.rules, floor_s=0.0)  # what takes equally long has its own tests
        self.app: Litestar = application(self.services)
        self.database = self._connect(url)

    @contextmanager
    def open(self, **headers: str) -> Iterator[TestClient[Litestar]]:
        scheme = "https" if self.config.secure else "http"
        with TestClient(self.app, base_url=f"{scheme}://testserver.local", raise_server_exceptions=False) as client:
            client.headers.update({**BROWSER, **headers})
            yield client

    def forgive(self) -> None:
        """Forget what was counted: a test of a thousand requests is no attack."""
        with self.database.begin() as connection:
            connection.execute(text("DELETE FROM limits"))

    def close(self) -> None:
        for engine in self._engines:
            disconnect(engine)

    def _connect(self, url: str, wait_s: float = 10) -> Engine:
        """Every pool is known, to be closed: drivers complain of connections that nobody closes."""
        engine = connect(url, wait_s)
        self._engines.append(engine)
        return engine


def copied(template: Path, folder: Path) -> str:
    """Return the URL of a database of its own, made from a migrated one."""
    with closing(sqlite3.connect(template)) as full, closing(sqlite3.connect(folder / "core.db")) as mine:
        full.backup(mine)  # a copied file would lack what is still in the write-ahead log
    return f"sqlite:///{folder / 'core.db'}"
