"""The composition root: the only file that knows every adapter."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import msgspec

from db.chats import SqlChats
from db.connect import connect
from db.ledger import SqlLedger
from db.migrate import upgrade
from db.personas import SqlPersonas
from domain.cards import load
from domain.persona import Persona
from domain.ports import Chats, Clock, Embedder, Personas
from domain.sounds import Sounds
from domain.turns import Turns
from domain.usage import Ledger
from infra import models
from infra.clock import SystemClock
from infra.config import Config
from infra.engines import Engines
from infra.runtime import InlineEmbedder, InlineLlm, InlineSpeaker, InlineTranscriber
from infra.shelf import FileShelf

log = logging.getLogger(__name__)
KEEP_DELETED = timedelta(days=7)  # a deleted chat can be brought back for so long
CARDS = Path(__file__).resolve().parent.parent / "characters"


class Services(msgspec.Struct, frozen=True):
    config: Config
    turns: Turns
    sounds: Sounds
    chats: Chats
    personas: Personas
    embedder: Embedder
    engines: Engines
    clock: Clock
    ledger: Ledger

    async def start(self) -> None:
        """Wake the engines, then make the greetings; runs beside the serving of pages."""
        erased = await asyncio.to_thread(self.chats.purge, self.clock.now() - KEEP_DELETED)
        if erased:
            log.info("erased %d chats that were deleted a week ago", erased)
        await self.engines.wake()
        await self.sounds.make_ahead(self.personas.all(), lambda: self.turns.busy)

    async def stop(self) -> None:
        await self.turns.close()
        self.engines.close()


def migrate(config: Config) -> list[Persona]:
    """Bring the database up to date and put the shipped characters into it."""
    upgrade(config.core_url)
    cards = load(CARDS)
    SqlPersonas(connect(config.core_url)).seed(cards)
    return cards


def assemble(config: Config) -> Services:
    clock = SystemClock()
    database = connect(config.core_url)
    chats, personas = SqlChats(database), SqlPersonas(database)
    continues = config.engines == "real" and not config.llm_base_url  # an endpoint begins its replies itself
    asr, llm, tts, embed, alone = models.scripted() if config.engines == "scripted" else models.real(config)
    speaker = InlineSpeaker(tts, alone)
    turns = Turns(InlineTranscriber(asr), InlineLlm(llm, continues), speaker, chats, personas, clock)
    sounds = Sounds(speaker, chats, personas, FileShelf(config.data_dir / "sounds"))
    # The voice first: a warm shelf of greetings and the ear come next, the largest model last.
    engines = Engines((tts, asr, llm, embed))
    ledger = SqlLedger(database)
    return Services(config, turns, sounds, chats, personas, InlineEmbedder(embed), engines, clock, ledger)
