"""The composition root: the only file that knows every adapter."""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from db.chats import SqlChats
from db.connect import connect, disconnect
from db.ledger import SqlLedger
from db.migrated import Branch, up_to_date
from db.personas import SqlPersonas
from domain.accounts import People
from domain.cards import load
from domain.endings import in_loop
from domain.errors import Unavailable
from domain.filing.attaching import Attaching
from domain.filing.looking import Looking
from domain.filing.rooms import MB
from domain.knowledge.consult import Consult
from domain.knowledge.rewrite import Rewriter
from domain.knowledge.shelves import Shelves
from domain.looking_up import QUOTED_CHARS, QUOTED_CHARS_QUICK
from domain.passkeys import Passkeys
from domain.persona import Persona
from domain.ports import Chats, Clock, Embedder, Personas
from domain.sign_ins import SignIns
from domain.sounds import Sounds
from domain.turns import Turns
from domain.usage import Call, Ledger
from functions.pools import Kind, Name
from infra import inline, knowledge, plans
from infra.attaching import attaching
from infra.calls import Backend, Calls
from infra.clock import SystemClock
from infra.config import Config, ConfigError
from infra.encoders import encoder
from infra.engines import Engine, Engines
from infra.filing import Filing, filing
from infra.knowledge import Knowledge
from infra.ledger import LedgerWriter
from infra.members import Members, members
from infra.membership import Selling, how_many, selling
from infra.minutes import Minutes, minutes
from infra.no_index import NoIndex
from infra.pricing import Pricing
from infra.remote_engines import RemoteEngines
from infra.runtime import (
    Alone,
    InlineBackend,
    RuntimeEmbedder,
    RuntimeLlm,
    RuntimeReranker,
    RuntimeSpeaker,
    RuntimeTranscriber,
)
from infra.shelf import FileShelf

log = logging.getLogger(__name__)
KEEP_DELETED = timedelta(days=7)  # a deleted chat can be brought back for so long
PLANE = ("http://127.0.0.1:", "unix:")  # where the local plane listens; for its own containers, on a socket
CARDS = Path(__file__).resolve().parent.parent / "characters"


class Services(msgspec.Struct, frozen=True):
    config: Config
    turns: Turns
    sounds: Sounds
    chats: Chats
    personas: Personas
    embedder: Embedder
    engines: Engines | RemoteEngines
    clock: Clock
    ledger: Ledger
    writer: LedgerWriter
    members: Members
    shelves: Shelves
    knowledge: Knowledge
    filing: Filing
    attaching: Attaching
    selling: Selling
    minutes: Minutes = msgspec.field(default_factory=Minutes)

    @property
    def people(self) -> People:
        return self.members.people

    @property
    def sign_ins(self) -> SignIns:
        return self.members.sign_ins

    @property
    def passkeys(self) -> Passkeys:
        return self.members.passkeys

    async def start(self) -> None:
        """Wake the engines, then make the greetings; runs beside the serving of pages."""
        self.members.endings.listen(in_loop(self.turns.cut))
        await self.members.start(self.config.admin)
        await self.erase()
        self.minutes.start()
        await self.selling.start()
        self.filing.start()
        await self.attaching.start()
        await self.knowledge.start()
        await self.engines.wake()
        if self.config.runtime == "inline":  # elsewhere it would wake a GPU for greetings that nobody may want
            await self.sounds.make_ahead(await asyncio.to_thread(self.personas.all), lambda: self.turns.busy)

    async def erase(self) -> None:
        """Erase for good what was deleted a week ago."""
        try:
            before = self.clock.now() - KEEP_DELETED
            await self.attaching.purge(before)  # the files first: then there is still who knows of them
            if erased := await asyncio.to_thread(self.chats.purge, before):
                log.info("erased %d chats that were deleted a week ago", erased)
            loop = asyncio.get_running_loop()
            await self.members.erase(lambda owner: self._erase_owner(owner, loop))
            await asyncio.to_thread(self.selling.meters.purge, self.clock.now())  # of guests who stay away
        except Unavailable:
            log.exception("the database or a provider of payments is away: not all was erased today")

    def _erase_owner(self, owner: str, loop: asyncio.AbstractEventLoop) -> None:
        """Erase what an account has elsewhere, before the account itself. In a thread beside the loop.

        First of all nothing more is taken from its owner: while that cannot be said to the provider, the account stays.
        """
        self.selling.leave(owner, loop)
        self.filing.erase_owner(owner, loop)
        self.knowledge.erase_owner(owner)

    async def stop(self) -> None:
        await self.turns.close()
        await self.attaching.close()
        await self.filing.stop()
        await self.minutes.stop()
        await self.selling.stop()
        await self.knowledge.stop()
        await self.engines.close()
        await self.writer.close()
        await self.members.stop()


def migrate(config: Config) -> list[Persona]:
    """Bring the database up to date and put the shipped characters into it."""
    _upgrade(config.core_url, "core")
    migrate_pages(config)
    cards = load(CARDS)
    database = connect(config.core_url)
    try:
        SqlPersonas(database).seed(cards)
    finally:
        disconnect(database)
    return cards


def migrate_pages(config: Config) -> None:
    _upgrade(config.pages_database, "pages")


def _upgrade(url: str, branch: Branch) -> None:
    if not up_to_date(url, branch):
        from db.migrate import upgrade  # and alembic with it, which most starts have no use for

        upgrade(url, branch)


def assemble(config: Config, has_index: bool = True) -> Services:
    """With `has_index` off the embedded index is somebody else's: what is crawled waits for them."""
    clock = SystemClock()
    database = connect(config.core_url)
    chats, personas, ledger = SqlChats(database), SqlPersonas(database), SqlLedger(database)
    writer = LedgerWriter(ledger)
    place = _here(config) if config.runtime == "inline" else _elsewhere(config)
    pricing = Pricing(
        config.runtime,
        endpoint=bool(config.llm_base_url),
        price_in=config.llm_price_in,
        price_out=config.llm_price_out,
    )
    who = members(config, database, clock)
    failed = who.audit_writer.engine_failed
    room = config.files_most, config.files_most_mb * MB
    sold = selling(
        config, database, plans.load().with_room(*room), who.role_of, who.accounts, who.audit, who.mailer, clock,
        counted=how_many(database, lambda owner: known.sources.owned(owner), clock),
    )  # fmt: skip
    entitled, meters = sold.entitlements, sold.meters
    # A bench speaks like a crowd; where nothing is sold nobody counts.
    counts = bool(config.payments.kinds) and not config.bench
    counted = minutes(meters, entitled, ledger, clock, config.secret_key, sold.plan_of) if counts else Minutes()

    def note(call: Call) -> None:
        writer.note(call)
        counted.note(call)

    calls, llm_calls = (Calls(each, pricing, note, failed) for each in (place.backend, place.llm_backend))
    speaker = RuntimeSpeaker(calls, place.alone)
    llm = RuntimeLlm(llm_calls, place.continues, config.llm_sees)
    sounds = Sounds(speaker, chats, personas, FileShelf(config.data_dir / "sounds"))
    embedder = RuntimeEmbedder(calls, encoder(config).size)
    index = None if has_index else NoIndex()
    reranker = RuntimeReranker(calls) if config.rerank else None
    known = knowledge.assemble(
        config, embedder, clock, lambda: turns.busy, index=index, hand_over=place.hand_over, reranker=reranker,
        welcome=lambda owner: who.welcome(owner, sold.effective),
    )
    files = filing(config, database, clock, entitled, lambda: turns.busy)
    # A model on the CPU pays 20 ms for each token it is quoted, and rewrites no question within the time of a turn.
    quick = bool(config.llm_base_url) or config.runtime == "modal"
    library = Consult(known.search, known.pages, clock, rewrite_patiently=Rewriter(llm) if quick else None)
    asr = RuntimeTranscriber(calls)
    sees, most = config.llm_sees, QUOTED_CHARS_QUICK if quick else QUOTED_CHARS
    thrown_in = attaching(
        database, chats, files.cabinet, known, asr, entitled, meters, clock, lambda: turns.busy,
        characters=0 if config.engines == "scripted" else most,  # what is no encoder's tells nothing
    )  # fmt: skip
    turns = Turns(
        asr, llm, speaker, chats, personas, clock, library=library, quoted_chars=most, metering=counted.metering,
        looking=Looking(thrown_in.store, files.cabinet, most, sees, thrown_in.meanings),
    )  # fmt: skip
    shelves = Shelves(
        known.sources, known.pages, known.search, clock, known.wake, lambda event: who.audit.add([event]), entitled
    )
    return Services(
        config, turns, sounds, chats, personas, embedder, place.engines, clock, ledger, writer, who, shelves, known,
        files, thrown_in, sold, minutes=counted,
    )  # fmt: skip


def _nobody() -> None:
    """Nobody crawls elsewhere."""


class _Place(msgspec.Struct, frozen=True):
    """Where the functions are."""

    backend: Backend
    llm_backend: Backend
    continues: bool  # whether the LLM goes on from an opening
    engines: Engines | RemoteEngines
    alone: Alone | None = None
    hand_over: Callable[[], None] = _nobody  # tells the deployed crawl that there is something to do


def _here(config: Config) -> _Place:
    models = inline.scripted() if config.engines == "scripted" else inline.real(config)
    backend = InlineBackend(models.engines)
    awake = Engines(tuple(dict.fromkeys(models.engines.values())))
    return _Place(backend, backend, models.continues, awake, models.alone)


def _elsewhere(config: Config) -> _Place:
    from domain.worker_tokens import WorkerTokens
    from infra.hand_over import HandOver  # a second that the inline runtime need not spend
    from infra.modal_runtime import ModalBackend

    kind: Kind = "laptop" if config.runtime == "local" else "cloud"
    if config.runtime == "local" and not os.environ.get("MODAL_SERVER_URL", "").startswith(PLANE):
        # Without its address the client would go to the real Modal, with the developer's own token.
        raise ConfigError("RUNTIME='local' needs the local plane around it: start it by `make run RUNTIME=local`")
    backend = ModalBackend(kind, WorkerTokens(config.worker_key, SystemClock()))
    llm_backend: Backend = backend
    functions: list[tuple[Name, str]] = [("asr", "ASR"), ("tts", "TTS")]
    own: list[Engine[Any]] = []
    if config.llm_base_url:
        own.append(inline.endpoint(config))
        llm_backend = InlineBackend({"llm": own[0]})
    else:
        functions.append(("llm", "LLM"))
    # The small model on a laptop goes on from an opening; a chat endpoint or a script begins its replies itself.
    continues = config.runtime == "local" and config.engines == "real" and not config.llm_base_url
    engines = RemoteEngines(backend, functions, Engines(own))
    return _Place(backend, llm_backend, continues, engines, hand_over=HandOver())
