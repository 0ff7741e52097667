"""The composition root: the only file that knows every adapter."""

import asyncio
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from db.chats import SqlChats
from db.connect import connect
from db.ledger import SqlLedger
from db.migrate import upgrade
from db.personas import SqlPersonas
from domain.accounts import People
from domain.cards import load
from domain.errors import Unavailable
from domain.passkeys import Passkeys
from domain.persona import Persona
from domain.ports import Chats, Clock, Embedder, Personas
from domain.sign_ins import SignIns
from domain.sounds import Sounds
from domain.turns import Turns
from domain.usage import Ledger
from functions.embed import SIZE
from functions.pools import Kind, Name
from infra import inline
from infra.calls import Backend, Calls
from infra.clock import SystemClock
from infra.config import Config, ConfigError
from infra.engines import Engine, Engines
from infra.ledger import LedgerWriter
from infra.members import Members, members
from infra.pricing import Pricing
from infra.remote_engines import RemoteEngines
from infra.runtime import (
    Alone,
    InlineBackend,
    RuntimeEmbedder,
    RuntimeLlm,
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
        await self.members.start(self.config.admin)
        await self.erase()
        await self.engines.wake()
        if self.config.runtime == "inline":  # elsewhere it would wake a GPU for greetings that nobody may want
            await self.sounds.make_ahead(self.personas.all(), lambda: self.turns.busy)

    async def erase(self) -> None:
        """Erase for good what was deleted a week ago."""
        try:
            if erased := await asyncio.to_thread(self.chats.purge, self.clock.now() - KEEP_DELETED):
                log.info("erased %d chats that were deleted a week ago", erased)
            await self.members.erase()
        except Unavailable:
            log.exception("the database is away: nothing was erased today")

    async def stop(self) -> None:
        await self.turns.close()
        await self.engines.close()
        await self.writer.close()
        await self.members.stop()


def migrate(config: Config) -> list[Persona]:
    """Bring the database up to date and put the shipped characters into it."""
    upgrade(config.core_url)
    cards = load(CARDS)
    SqlPersonas(connect(config.core_url)).seed(cards)
    return cards


def assemble(config: Config) -> Services:
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
    calls, llm_calls = (Calls(each, pricing, writer.note, failed) for each in (place.backend, place.llm_backend))
    speaker = RuntimeSpeaker(calls, place.alone)
    llm = RuntimeLlm(llm_calls, place.continues)
    turns = Turns(RuntimeTranscriber(calls), llm, speaker, chats, personas, clock)
    sounds = Sounds(speaker, chats, personas, FileShelf(config.data_dir / "sounds"))
    embedder = RuntimeEmbedder(calls, SIZE)
    return Services(config, turns, sounds, chats, personas, embedder, place.engines, clock, ledger, writer, who)


class _Place(msgspec.Struct, frozen=True):
    """Where the functions are."""

    backend: Backend
    llm_backend: Backend
    continues: bool  # whether the LLM goes on from an opening
    engines: Engines | RemoteEngines
    alone: Alone | None = None


def _here(config: Config) -> _Place:
    models = inline.scripted() if config.engines == "scripted" else inline.real(config)
    backend = InlineBackend(models.engines)
    awake = Engines(tuple(dict.fromkeys(models.engines.values())))
    return _Place(backend, backend, models.continues, awake, models.alone)


def _elsewhere(config: Config) -> _Place:
    from infra.modal_runtime import ModalBackend  # a second that the inline runtime need not spend

    kind: Kind = "laptop" if config.runtime == "local" else "cloud"
    if config.runtime == "local" and not os.environ.get("MODAL_SERVER_URL", "").startswith(PLANE):
        # Without its address the client would go to the real Modal, with the developer's own token.
        raise ConfigError("RUNTIME='local' needs the local plane around it: start it by `make run RUNTIME=local`")
    backend = ModalBackend(kind)
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
    return _Place(backend, llm_backend, continues, RemoteEngines(backend, functions, Engines(own)))
