"""Mail that waits: in SQL, so that what was promised to somebody outlives the process and a mail server that is away.

A row holds the text, links included, until the server has taken it; `done` erases it. Delivery is at least once: a
process that dies between the server's yes and `done` sends the mail again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Engine, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.tables.people import outbox
from db.work import check_names, reading, writing
from domain.people import Mail

_MINE = outbox.c.id == bindparam("which")
_PUT = insert(outbox)
_DUE = (
    select(outbox.c.id, outbox.c.mail, outbox.c.tries)
    .where(outbox.c.next_at <= bindparam("now"), outbox.c.sent_at.is_(None))
    .order_by(outbox.c.next_at)
    .limit(bindparam("most"))
)
# Of two workers that saw the same row, the second finds `tries` changed.
_CLAIM = update(outbox).where(_MINE, outbox.c.tries == bindparam("seen")).values(
    tries=outbox.c.tries + 1, next_at=bindparam("until")
)  # fmt: skip
_LATER = update(outbox).where(_MINE).values(next_at=bindparam("until"))
_DONE = delete(outbox).where(_MINE)
_NEWEST = select(outbox.c.mail).order_by(outbox.c.at.desc(), outbox.c.id.desc()).limit(bindparam("most"))
_OLD = delete(outbox).where(outbox.c.at < bindparam("before"))


class Waiting(msgspec.Struct, frozen=True):
    id: str
    mail: Mail | None  # None for a row that cannot be read any more
    tries: int  # this one included


class SqlOutbox:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again()
    def put(self, mail: Mail, to_be_sent: bool = True) -> None:
        """Keep it, due at once; a mail that is there already stays as it is. Raises BadInput for a bad id.

        One that is not to be sent is only read, also by a process that sends: else the first start with a real mail
        server would deliver a week of development.
        """
        check_names(mail.id)
        row = {
            "id": mail.id, "mail": msgspec.json.encode(mail).decode(), "at": mail.at, "tries": 0, "next_at": mail.at,
            "sent_at": None if to_be_sent else mail.at,
        }  # fmt: skip
        try:
            with writing(self._engine) as connection:
                connection.execute(_PUT, row)
        except IntegrityError:
            return

    @again()
    def claim(self, now: datetime, lease_s: float, most: int = 20) -> list[Waiting]:
        """Return what is due, the longest waiting first; nobody else gets it for `lease_s`."""
        with reading(self._engine) as connection:
            due = connection.execute(_DUE, {"now": now, "most": most}).all()
        if not due:
            return []  # asking every few seconds must not take the writers' turn
        until = now + timedelta(seconds=lease_s)
        with writing(self._engine) as connection:
            return [
                Waiting(row.id, _mail(row.mail), row.tries + 1)
                for row in due
                if connection.execute(_CLAIM, {"which": row.id, "seen": row.tries, "until": until}).rowcount
            ]

    @again()
    def later(self, mail_id: str, at: datetime) -> None:
        with writing(self._engine) as connection:
            connection.execute(_LATER, {"which": mail_id, "until": at})

    @again()
    def done(self, mail_id: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(_DONE, {"which": mail_id})

    def newest(self, limit: int = 50) -> list[Mail]:
        with reading(self._engine) as connection:
            found: Sequence[Any] = connection.scalars(_NEWEST, {"most": max(limit, 0)}).all()
        return [mail for mail in map(_mail, found) if mail is not None]

    @again()
    def purge(self, before: datetime) -> int:
        """Erase what was written before then, delivered or not."""
        with writing(self._engine) as connection:
            return connection.execute(_OLD, {"before": before}).rowcount


def _mail(text: str) -> Mail | None:
    try:
        return msgspec.json.decode(text, type=Mail)
    except msgspec.DecodeError:
        return None
