"""Sessions in SQL: domain.people.Sessions on SQLite, MySQL or PostgreSQL."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.tables.people import sessions
from db.work import check_names, check_texts, known, reading, writing
from domain.endings import Ended, Tell, nobody
from domain.errors import BadInput, NotFound
from domain.people import Session

DEVICE, ADDRESS = 120, 64  # characters
_FIELDS = [sessions.c[name] for name in Session.__struct_fields__]
_ONE = sessions.c.id == bindparam("session")
_THEIRS = sessions.c.user_id == bindparam("user")
_ADD = insert(sessions)
_GET = select(*_FIELDS).where(_ONE)
_TAKE = _GET.with_for_update()
_OF = (
    select(*_FIELDS)
    .where(_THEIRS, sessions.c.revoked_at.is_(None), sessions.c.expires_at > bindparam("now"))
    .order_by(sessions.c.seen_at.desc())
)
_SWEEP = delete(sessions).where(_THEIRS, sessions.c.expires_at < bindparam("now"))
_ROTATE = (
    update(sessions)
    .where(_ONE)
    .values(
        refresh=bindparam("successor"), before=bindparam("used"), rotated_at=bindparam("now"), seen_at=bindparam("now")
    )
)
_TOUCH = update(sessions).where(_ONE, sessions.c.seen_at < bindparam("now")).values(seen_at=bindparam("now"))
_PROVE = update(sessions).where(_ONE).values(proved_at=bindparam("now"))
_REVOKE = update(sessions).where(_ONE, sessions.c.revoked_at.is_(None)).values(revoked_at=bindparam("now"))
_REVOKE_ALL = (
    update(sessions)
    .where(_THEIRS, sessions.c.id != bindparam("but"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)


class SqlSessions:
    def __init__(self, engine: Engine, told: Tell = nobody) -> None:
        """`told` hears of every session that was ended, once that is kept."""
        self._engine, self._told = engine, told

    @again()
    def open(self, session: Session) -> None:
        """Those of the same account that have expired go. Raises NotFound("account_gone")."""
        check_names(session.id, session.user_id, session.refresh)
        check_texts(session.device, session.address, session.before)
        if len(session.device) > DEVICE or len(session.address) > ADDRESS or len(session.before) > ADDRESS:
            raise BadInput("form_bad", field="device")
        try:
            with writing(self._engine) as connection:
                connection.execute(_ADD, msgspec.structs.asdict(session))
                connection.execute(_SWEEP, {"user": session.user_id, "now": session.created_at})
        except IntegrityError:
            raise NotFound("account_gone") from None

    def get(self, session_id: str) -> Session | None:
        if not known(session_id):
            return None
        with reading(self._engine) as connection:
            return _session(connection, _GET, session_id)

    def of(self, user_id: str, now: datetime) -> list[Session]:
        if not known(user_id):
            return []
        with reading(self._engine) as connection:
            return [Session(**row) for row in connection.execute(_OF, {"user": user_id, "now": now}).mappings()]

    @again()
    def rotate(self, session_id: str, used: str, successor: str, now: datetime, grace_s: float) -> Session | None:
        """Two at once with one token: the first rotates, the second finds its parent, within the grace."""
        if not known(session_id):
            return None
        check_names(successor)
        with writing(self._engine) as connection:
            session = _session(connection, _TAKE, session_id)
            if session is None or session.revoked_at is not None or session.expires_at <= now:
                return None
            if used == session.refresh:
                values = {"session": session_id, "successor": successor, "used": used, "now": now}
                connection.execute(_ROTATE, values)
                return msgspec.structs.replace(session, refresh=successor, before=used, rotated_at=now, seen_at=now)
            if used and used == session.before and now - session.rotated_at <= timedelta(seconds=grace_s):
                return session
            connection.execute(_REVOKE, {"session": session_id, "now": now})
        self._told(Ended(session_id))
        return None

    def touch(self, session_id: str, now: datetime) -> None:
        self._do(_TOUCH, session_id, now)

    def prove(self, session_id: str, now: datetime) -> None:
        self._do(_PROVE, session_id, now)

    def revoke(self, session_id: str, now: datetime) -> None:
        self._do(_REVOKE, session_id, now)
        self._told(Ended(session_id))

    @again()
    def revoke_all(self, user_id: str, now: datetime, but: str = "") -> int:
        if not known(user_id):
            return 0
        with writing(self._engine) as connection:
            spared = but if known(but) else ""
            ended = connection.execute(_REVOKE_ALL, {"user": user_id, "now": now, "but": spared}).rowcount
        self._told(Ended(user=user_id, but=spared))
        return ended

    @again()
    def _do(self, statement: Any, session_id: str, now: datetime) -> None:
        if known(session_id):
            with writing(self._engine) as connection:
                connection.execute(statement, {"session": session_id, "now": now})


def _session(connection: Connection, statement: Any, session_id: str) -> Session | None:
    row = connection.execute(statement, {"session": session_id}).mappings().first()
    return None if row is None else Session(**row)
