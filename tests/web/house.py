"""An application for tests: real turns, real SQLite, engines that say what the test wants."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from litestar.testing import TestClient

from db.chats import SqlChats
from db.connect import connect
from db.ledger import SqlLedger
from db.personas import SqlPersonas
from domain.sounds import Sounds
from domain.turns import Turns
from infra.clock import SystemClock
from infra.config import Config
from infra.engines import Engine, Engines
from infra.ledger import LedgerWriter
from infra.members import members
from infra.shelf import FileShelf
from infra.wiring import Services, migrate
from tests.fakes import Ear, Mind, Mouth
from web.app import create_app

SECRET = "a secret of the tests, long enough to be one"
PATH = "/chats/{chat}/turns"
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
HTMX = {**BROWSER, "hx-request": "true"}
HTTPS = {"public_url": "https://parley.example"}


class Dumb:
    """An embedder nobody asks."""

    size = 3

    async def embed(self, texts: Sequence[str], kind: str) -> list[list[float]]:
        return [[1.0, 0.0, 0.0] for _ in texts]


class House:
    """One application with its parts at hand."""

    def __init__(self, folder: Path, database: Path, **settings: Any) -> None:
        with closing(sqlite3.connect(database)) as full, closing(sqlite3.connect(folder / "core.db")) as mine:
            full.backup(mine)  # a copied file would lack what is still in the write-ahead log
        self.config = Config(core_url=f"sqlite:///{folder / 'core.db'}", data_dir=folder, secret_key=SECRET, **settings)
        self.ear, self.mind, self.mouth = Ear("Who are you?"), Mind("I am, ", "I think, a friend."), Mouth()
        engine = connect(self.config.core_url)
        self.chats, self.personas = SqlChats(engine), SqlPersonas(engine)
        self.clock, self.ledger = SystemClock(), SqlLedger(engine)
        self.writer = LedgerWriter(self.ledger)
        self.turns = Turns(self.ear, self.mind, self.mouth, self.chats, self.personas, self.clock)
        self.sounds = Sounds(self.mouth, self.chats, self.personas, FileShelf(folder / "sounds"))
        self.engines = Engines(
            [Engine("asr", "an ear", lambda: self.ear), Engine("tts", "a mouth", lambda: self.mouth)]
        )
        self.services = Services(
            self.config, self.turns, self.sounds, self.chats, self.personas, Dumb(), self.engines, self.clock,
            self.ledger, self.writer, members(self.config, engine, self.clock),
        )  # fmt: skip
        self.app: Litestar = create_app(self.services)

    @contextmanager
    def open(self, **headers: str) -> Iterator[TestClient[Litestar]]:
        scheme = "https" if self.config.secure else "http"
        with TestClient(self.app, base_url=f"{scheme}://testserver.local", raise_server_exceptions=False) as client:
            client.headers.update({**BROWSER, **headers})
            yield client


def prepared(folder: Path) -> Path:
    """Return a migrated database with the shipped characters, to be copied by every test."""
    config = Config(core_url=f"sqlite:///{folder / 'template.db'}", data_dir=folder, secret_key=SECRET)
    migrate(config)
    return folder / "template.db"


def new_chat(client: httpx.Client, slug: str = "socrates", language: str = "en") -> str:
    """Click on Talk; return the id of the chat that opens."""
    answer = client.post(f"/characters/{slug}/chats", data={"language": language}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).rpartition("/")[2]


def key(number: int = 1) -> str:
    return f"turn-key-{number:04}"
