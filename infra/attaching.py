"""The part of the composition root that is about attachments: who reads what is thrown into a chat."""

from collections.abc import Callable

from sqlalchemy import Engine

from db.attachments import SqlAttachments
from domain.filing.attaching import Attaching
from domain.filing.cabinet import Cabinet
from domain.filing.meanings import Meanings
from domain.filing.ports import Reader
from domain.filing.reading import Reading
from domain.membership.ports import Allowances, Meters
from domain.ports import Chats, Clock, Transcriber
from infra.keeper import when_idle
from infra.knowledge import Knowledge
from infra.readers.reading import ChildReader


def attaching(
    database: Engine, chats: Chats, cabinet: Cabinet, known: Knowledge, asr: Transcriber, allowances: Allowances,
    meters: Meters, clock: Clock, busy: Callable[[], bool], reader: Reader | None = None, *, characters: int = 0,
) -> Attaching:  # fmt: skip
    """Put it together; no process is started yet. `busy`: somebody is being answered, so recordings wait. Links are
    fetched and read, and vectors made, by those who do it for what characters know. `characters`: how much the LLM is
    given to read; with 0, words alone choose what. `reader` is given by tests.
    """
    idle = when_idle(busy)
    reading = Reading(reader or ChildReader(), known.fetcher, known.parser, asr, idle)
    name, meanings = known.encoder_name, None
    if characters:
        meanings = Meanings(known.embedder, characters, name.batch, name.side_by_side, idle)
    return Attaching(SqlAttachments(database), chats, cabinet, reading, allowances, meters, clock, meanings)
