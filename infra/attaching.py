"""The part of the composition root that is about attachments: who reads what is thrown into a chat."""

from collections.abc import Callable

from sqlalchemy import Engine

from db.attachments import SqlAttachments
from domain.filing.attaching import Attaching
from domain.filing.cabinet import Cabinet
from domain.filing.ports import Reader
from domain.filing.reading import Reading
from domain.membership.ports import Allowances, Meters
from domain.ports import Chats, Clock, Transcriber
from infra.keeper import when_idle
from infra.knowledge import Knowledge
from infra.readers.reading import ChildReader


def attaching(
    database: Engine, chats: Chats, cabinet: Cabinet, known: Knowledge, asr: Transcriber, allowances: Allowances,
    meters: Meters, clock: Clock, busy: Callable[[], bool], reader: Reader | None = None,
) -> Attaching:  # fmt: skip
    """Put it together; no process is started yet. `busy`: somebody is being answered, so recordings wait. Links are
    fetched and read by those who fetch and read what characters know. `reader` is given by tests.
    """
    reading = Reading(reader or ChildReader(), known.fetcher, known.parser, asr, when_idle(busy))
    return Attaching(SqlAttachments(database), chats, cabinet, reading, allowances, meters, clock)
