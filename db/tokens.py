"""Single-use links in SQL: domain.people.Tokens on SQLite, MySQL or PostgreSQL."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.tables.people import tokens, users
from db.work import check_names, check_texts, known, reading, writing
from domain.errors import NotFound

LONGEST = timedelta(days=200)  # no link is good for longer: what ended so long before a new one does is over
_ADD = insert(tokens)
_IS_USER = (
    select(users.c.id).where(users.c.id == bindparam("user")).with_for_update()
)  # first the account's row, as db/accounts.py
# A token of the same hash is replaced: a hold that is put again.
_CLEAR = delete(tokens).where(tokens.c.token_hash == bindparam("token"))
_SWEEP = delete(tokens).where(tokens.c.user_id == bindparam("user"), tokens.c.expires_at < bindparam("long_ago"))
_GOOD = (
    tokens.c.token_hash == bindparam("token"),
    tokens.c.kind == bindparam("what"),
    tokens.c.used_at.is_(None),
    tokens.c.expires_at > bindparam("now"),
)
_PEEK = select(tokens.c.user_id, tokens.c.data).where(*_GOOD)
_USE = update(tokens).where(*_GOOD).values(used_at=bindparam("now"))
_USED = select(tokens.c.user_id, tokens.c.data).where(tokens.c.token_hash == bindparam("token"))


class SqlTokens:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again(IntegrityError)  # the account went, or another put the same one
    def put(self, token_hash: str, kind: str, user_id: str, data: str, expires_at: datetime) -> None:
        """One of the same hash is replaced. Raises NotFound("account_gone")."""
        check_names(token_hash, kind, user_id)
        check_texts(data)
        row = {"token_hash": token_hash, "kind": kind, "user_id": user_id, "data": data, "expires_at": expires_at}
        with writing(self._engine) as connection:
            if connection.scalar(_IS_USER, {"user": user_id}) is None:
                raise NotFound("account_gone")
            connection.execute(_CLEAR, {"token": token_hash})
            connection.execute(_SWEEP, {"user": user_id, "long_ago": expires_at - LONGEST})
            connection.execute(_ADD, row | {"used_at": None})

    def peek(self, token_hash: str, kind: str, now: datetime) -> tuple[str, str] | None:
        if not known(token_hash, kind):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(_PEEK, {"token": token_hash, "what": kind, "now": now}).first()
        return None if row is None else (row.user_id, row.data)

    @again()
    def take(self, token_hash: str, kind: str, now: datetime) -> tuple[str, str] | None:
        if not known(token_hash, kind):
            return None
        with writing(self._engine) as connection:
            # One statement finds it good and uses it up: of two at once one changes a row.
            if not connection.execute(_USE, {"token": token_hash, "what": kind, "now": now}).rowcount:
                return None
            row = connection.execute(_USED, {"token": token_hash}).one()
            return row.user_id, row.data
