"""An application for tests: real turns, real SQLite, engines that say what the test wants."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.events import SimpleEventEmitter
from litestar.testing import TestClient

from db.chats import SqlChats
from db.connect import connect
from db.ledger import SqlLedger
from db.meters import SqlMeters
from db.migrate import upgrade
from db.pages import SqlPages
from db.personas import SqlPersonas
from db.sources import SqlSources
from domain.filing.looking import Looking
from domain.knowledge.model import Answer, Filter, Mode, Passage
from domain.knowledge.shelves import Shelves
from domain.looking_up import QUOTED_CHARS
from domain.people import Audit, Mailer
from domain.ports import Clock
from domain.sounds import Sounds
from domain.turns import Turns
from infra.attaching import attaching
from infra.clock import SystemClock
from infra.config import Config
from infra.engines import Engine, Engines
from infra.filing import filing
from infra.knowledge import assemble
from infra.ledger import LedgerWriter
from infra.members import Members, members
from infra.membership import Selling, selling
from infra.minutes import Minutes
from infra.no_index import NoIndex
from infra.payments.choose import Providers
from infra.plans import load
from infra.shelf import FileShelf
from infra.wiring import Services, migrate
from tests.fakes import Ear, Mind, Mouth
from tests.fakes_attachments import PaperReader
from tests.fakes_filing import Generous
from tests.fakes_membership import ScriptedProvider
from web.app import around, routed

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


class Librarian:
    """A search that finds what the test puts there, for those whose shelf it is on."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self.deaf = False  # nobody makes a vector of a question
        self.asked: list[tuple[str, Filter, Mode]] = []

    async def answer(self, question: str, *, only: Filter, limit: int, mode: Mode = "hybrid") -> Answer:
        self.asked.append((question, only, mode))
        found = tuple(each for each in self.passages if each.shelf in only.shelves)
        return Answer(found[:limit], "lexical" if self.deaf else mode)


class House:
    """One application with its parts at hand."""

    def __init__(self, folder: Path, database: Path, **settings: Any) -> None:
        for template, name in ((database, "core.db"), (database.with_name("pages.db"), "pages.db")):
            with closing(sqlite3.connect(template)) as full, closing(sqlite3.connect(folder / name)) as mine:
                full.backup(mine)  # a copied file would lack what is still in the write-ahead log
        core, pages_url = (f"sqlite:///{folder / name}" for name in ("core.db", "pages.db"))
        self.config = Config(core_url=core, pages_url=pages_url, data_dir=folder, secret_key=SECRET, **settings)
        self.ear, self.mind, self.mouth = Ear("Who are you?"), Mind("I am, ", "I think, a friend."), Mouth()
        engine = self.database = connect(self.config.core_url)
        self.chats, self.personas = SqlChats(engine), SqlPersonas(engine)
        self.clock, self.ledger = SystemClock(), SqlLedger(engine)
        self.writer = LedgerWriter(self.ledger)
        self.sounds = Sounds(self.mouth, self.chats, self.personas, FileShelf(folder / "sounds"))
        self.engines = Engines(
            [Engine("asr", "an ear", lambda: self.ear), Engine("tts", "a mouth", lambda: self.mouth)]
        )
        pages = connect(pages_url)
        self.sources, self.pages, self.librarian, self.woken = SqlSources(pages), SqlPages(pages), Librarian(), 0
        nobody_crawls = msgspec.structs.replace(self.config, crawl=False)
        self.knowledge = assemble(nobody_crawls, Dumb(), self.clock, index=NoIndex())
        self.allowances, self.meters, self.reader = Generous(), SqlMeters(engine), PaperReader()
        self.filing = filing(self.config, engine, self.clock, self.allowances)
        self.attaching = attaching(
            engine, self.chats, self.filing.cabinet, self.knowledge, self.ear, self.allowances, self.meters,
            self.clock, lambda: self.turns.busy, self.reader,
        )  # fmt: skip
        looking = Looking(self.attaching.store, self.filing.cabinet, QUOTED_CHARS)
        self.turns = Turns(
            self.ear, self.mind, self.mouth, self.chats, self.personas, self.clock, looking=looking
        )
        who, self.provider = members(self.config, engine, self.clock), ScriptedProvider()
        sold = self.sells(who, who.audit, who.mailer, self.clock)
        self.shelves = self.shelved(sold)
        self.services = Services(
            self.config, self.turns, self.sounds, self.chats, self.personas, Dumb(), self.engines, self.clock,
            self.ledger, self.writer, who, self.shelves, self.knowledge, self.filing, self.attaching, sold,
            Minutes(plan_of=sold.plan_of),
        )  # fmt: skip
        self.app: Litestar = application(self.services)

    def sells(self, who: Members, audit: Audit, mailer: Mailer, clock: Clock) -> Selling:
        """The real plans and stores; whoever pays, pays the provider of the tests."""
        return selling(
            self.config, self.database, load(), who.role_of, who.accounts, audit, mailer, clock,
            Providers([self.provider] if self.config.payments.kinds else []),
        )  # fmt: skip

    def shelved(self, sold: Selling) -> Shelves:
        allowances = sold.entitlements
        return Shelves(self.sources, self.pages, self.librarian, self.clock, self._wake, allowances=allowances)

    def _wake(self) -> None:
        self.woken += 1

    @contextmanager
    def open(self, **headers: str) -> Iterator[TestClient[Litestar]]:
        scheme = "https" if self.config.secure else "http"
        with TestClient(self.app, base_url=f"{scheme}://testserver.local", raise_server_exceptions=False) as client:
            client.headers.update({**BROWSER, **headers})
            yield client


def application(services: Services) -> Litestar:
    """Do as web.app.create_app does, with routes that are put together once for all tests: they know no services.

    What the parts of a Litestar application know of each other is made anew, so that several may run side by side.
    """
    config = services.config
    routes = _routes(config.bench and config.engines == "scripted")
    app, router = copy(routes), copy(routes.asgi_router)
    app.asgi_router, router.app = router, app
    app.event_emitter = SimpleEventEmitter(listeners=())
    app.state = State(routes.state.dict(), deep_copy=False)
    return around(services, app)


@cache
def _routes(bench: bool) -> Litestar:
    return routed(bench)


def prepared(folder: Path) -> Path:
    """Return a migrated database with the shipped characters, to be copied by every test."""
    config = Config(core_url=f"sqlite:///{folder / 'template.db'}", data_dir=folder, secret_key=SECRET)
    migrate(config)
    upgrade(f"sqlite:///{folder / 'pages.db'}", "pages")
    return folder / "template.db"


def awake(client: httpx.Client) -> None:
    """Wait for the engines: they wake beside the first pages, which say so."""
    end = time.monotonic() + 60
    while client.get("/ready").status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.01)


def new_chat(client: httpx.Client, slug: str = "socrates", language: str = "en") -> str:
    """Click on Talk; return the id of the chat that opens."""
    answer = client.post(f"/characters/{slug}/chats", data={"language": language}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).rpartition("/")[2]


def key(number: int = 1) -> str:
    return f"turn-key-{number:04}"
