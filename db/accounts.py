"""Accounts in SQL: domain.people.Accounts on SQLite, MySQL or PostgreSQL."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from db import account_sql as sql
from db import chat_sql, file_sql
from db.again import again
from db.meter_owners import erase_meters, move_meters
from db.order_owners import erase_orders
from db.work import check_names, check_texts, forget_log, known, reading, storable, writing
from domain.endings import Ended, Tell, nobody
from domain.errors import BadInput, Conflict, NotFound
from domain.people import Credentials, Pending, Role, User
from domain.usernames import fold, kind_of

KEEP_PENDING = timedelta(days=7)  # before the newest one ends: by then nobody can confirm an older one
AT_ONCE = 200  # chats erased in one statement
_pending = msgspec.json.Decoder(Pending).decode


class SqlAccounts:
    def __init__(self, engine: Engine, told: Tell = nobody) -> None:
        """`told` hears of it, once it is kept, when the sessions of an account have ended."""
        self._engine, self._told = engine, told

    # -- registering ---------------------------------------------------------------------------------

    @again()
    def pend(self, pending: Pending) -> None:
        check_names(pending.token_hash)
        email = fold(pending.email)
        check_texts(email, pending.username, pending.phone or "", pending.password_hash, pending.guest)
        row = {"token_hash": pending.token_hash, "email_folded": email, "expires_at": pending.expires_at}
        body = {"body": msgspec.json.encode(pending).decode()}
        with writing(self._engine) as connection:
            connection.execute(sql.UNPEND, {"long_ago": pending.expires_at - KEEP_PENDING})
            connection.execute(sql.PEND, row | body)

    def pending(self, token_hash: str, now: datetime) -> Pending | None:
        if not known(token_hash):
            return None
        with reading(self._engine) as connection:
            body = connection.scalar(sql.PENDING, {"token": token_hash, "now": now})
        return None if body is None else _pending(body)

    @again(IntegrityError)  # somebody was faster by a moment: the next time it is seen
    def confirm(self, token_hash: str, user: User, now: datetime) -> User:
        """Raises NotFound("link_gone") too."""
        row = _row_of(user)
        if not known(token_hash):
            raise NotFound("link_gone")
        with writing(self._engine) as connection:
            body = connection.scalar(sql.TAKE_PENDING, {"token": token_hash, "now": now})
            if body is None:
                raise NotFound("link_gone")
            connection.execute(sql.USE_PENDING, {"token": token_hash})
            pending = _pending(body)
            _refuse_taken(connection, row)
            connection.execute(sql.ADD, row | {"password_hash": pending.password_hash})
            _adopt(connection, pending.guest, user.id)
        return self.get(user.id)

    # -- who it is -----------------------------------------------------------------------------------

    def get(self, user_id: str) -> User:
        return self.credentials(user_id).user

    def by_login(self, login: str) -> Credentials | None:
        kind, value = kind_of(login)
        if not kind:
            return None
        with reading(self._engine) as connection:
            row = connection.execute(sql.BY[kind], {"login": value}).first()
        return None if row is None else _credentials(row)

    def credentials(self, user_id: str) -> Credentials:
        _check(user_id)
        with reading(self._engine) as connection:
            return _credentials(_found(connection.execute(sql.CREDENTIALS, {"user": user_id}).first()))

    def search(self, text: str, limit: int = 50, after: str = "") -> list[User]:
        """The newest first. `text` is part of a name or an address, or a whole number or id; `after` is an id."""
        text = text.strip()
        if len(text) > 254 or not storable(text):
            return []
        statement, values = sql.SEARCH, dict[str, Any](most=limit)
        if text:
            folded = fold(text)
            for sign in "\\%_":
                folded = folded.replace(sign, f"\\{sign}")
            statement = statement.where(sql.MATCHES)
            values |= {"like": f"%{folded}%", "exact": text}
        if after:
            try:
                statement = statement.where(sql.AFTER)
                values |= {"at": self.get(after).created_at, "last": after}
            except NotFound:
                return []
        with reading(self._engine) as connection:
            return [User(**row) for row in connection.execute(statement, values).mappings()]

    # -- changes -------------------------------------------------------------------------------------

    def set_password(self, user_id: str, password_hash: str, now: datetime) -> User:
        """Also ends every mailed link but a hold."""

        def end(connection: Connection, _: User) -> None:
            connection.execute(sql.END_SESSIONS, {"user": user_id, "now": now})
            connection.execute(sql.END_LINKS, {"user": user_id, "kept": ["hold"]})

        user = self._change(user_id, "password", end, password_hash=password_hash, password_at=now)
        self._told(Ended(user=user_id))
        return user

    @again()
    def rehash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        _check(user_id)
        with writing(self._engine) as connection:
            connection.execute(sql.REHASH, {"user": user_id, "old": old_hash, "new": new_hash})

    def set_email(self, user_id: str, email: str) -> User:
        """Also ends every link that was mailed to the old one."""
        check_texts(email)

        def end(connection: Connection, _: User) -> None:
            connection.execute(sql.END_LINKS, {"user": user_id, "kept": ["hold", "browser"]})

        return self._change(user_id, "email", end, email=email, email_folded=fold(email))

    def set_phone(self, user_id: str, phone: str | None) -> User:
        check_texts(phone or "")
        return self._change(user_id, "phone", phone=phone)

    def set_role(self, user_id: str, role: Role) -> User:
        return self._change(user_id, "role", role=role)

    def suspend(self, user_id: str, at: datetime | None) -> User:
        return self._put_out(user_id, "suspended", at, suspended_at=at)

    def delete(self, user_id: str, at: datetime | None) -> User:
        return self._put_out(user_id, "deleted", at, deleted_at=at)

    def _put_out(self, user_id: str, what: str, at: datetime | None, **values: object) -> User:
        """Set a mark that ends every session in the same unit of work, or take it away (`at` is None)."""

        def end(connection: Connection, _: User) -> None:
            if at is not None:
                connection.execute(sql.END_SESSIONS, {"user": user_id, "now": at})

        user = self._change(user_id, what, end, **values)
        if at is not None:
            self._told(Ended(user=user_id))
        return user

    def leaving(self, deleted_before: datetime) -> list[str]:
        with reading(self._engine) as connection:
            return list(connection.scalars(sql.PURGEABLE, {"before": deleted_before}))

    def purge(self, deleted_before: datetime) -> list[str]:
        gone = [user_id for user_id in self.leaving(deleted_before) if self._purge(user_id, deleted_before)]
        if gone:
            forget_log(self._engine)
        return gone

    @again()
    def _purge(self, user_id: str, before: datetime) -> bool:
        with writing(self._engine) as connection:
            # Asked again: the person may have come back in between.
            email = connection.scalar(sql.TAKE_PURGEABLE, {"user": user_id, "before": before})
            if email is None:
                return False
            ids = connection.scalars(sql.GUESTS_CHATS, {"owner": user_id}).all()
            for start in range(0, len(ids), AT_ONCE):
                connection.execute(sql.ERASE_CHATS, {"ids": ids[start : start + AT_ONCE]})
            erase_orders(connection, user_id)
            erase_meters(connection, user_id)
            connection.execute(sql.FORGET_PENDING, {"email": email})
            connection.execute(sql.PURGE, {"user": user_id})
        self._told(Ended(user=user_id))
        return True

    @again()
    def _change(
        self,
        user_id: str,
        what: str,
        then: Callable[[Connection, User], None] | None = None,
        **values: object,
    ) -> User:
        _check(user_id)
        try:
            with writing(self._engine) as connection:
                user = User(**_found(connection.execute(sql.TAKE, {"user": user_id}).mappings().first()))
                new = {f"new_{name}": value for name, value in values.items()}
                connection.execute(sql.CHANGE[what], {"user": user_id, **new})
                if then is not None:
                    then(connection, user)
                return User(**_found(connection.execute(sql.GET, {"user": user_id}).mappings().first()))
        except IntegrityError:
            raise Conflict(f"{what}_taken", field=what) from None


def _adopt(connection: Connection, guest: str, user_id: str) -> None:
    """Give the account the guest's chats, deleted ones too, files, and what the guest has used of a plan.

    What another account owns is no guest's.
    """
    if not known(guest) or connection.scalar(sql.IS_USER, {"user": guest}) is not None:
        return
    for chat_id in connection.scalars(sql.GUESTS_CHATS, {"owner": guest}).all():
        # One by one and by the id first, as every unit of work that writes in a chat does (db/chat_sql.py).
        if connection.execute(chat_sql.TAKE, {"chat": chat_id, "owner": guest}).first() is not None:
            connection.execute(sql.GIVE, {"chat": chat_id, "new_owner": user_id})
    connection.execute(file_sql.GIVE, {"whose": guest, "new_owner": user_id})
    move_meters(connection, guest, user_id)


def _refuse_taken(connection: Connection, row: dict[str, Any]) -> None:
    for kind, column in (("email", "email_folded"), ("username", "username_folded"), ("phone", "phone")):
        if row[column] is not None and connection.scalar(sql.HAS[kind], {"value": row[column]}) is not None:
            raise Conflict(f"{kind}_taken", field=kind)


def _row_of(user: User) -> dict[str, Any]:
    folded = {"username_folded": fold(user.username), "email_folded": fold(user.email)}
    check_names(user.id)
    check_texts(user.username, user.email, user.phone or "")
    if max(len(user.username), len(folded["username_folded"]), len(user.phone or "")) > 64 or len(user.email) > 254:
        raise BadInput("form_bad", field="username")
    return msgspec.structs.asdict(user) | folded


def _credentials(row: Row[*tuple[Any, ...]]) -> Credentials:
    fields, password_hash = row[:-1], row[-1]
    return Credentials(User(**dict(zip(User.__struct_fields__, fields, strict=True))), password_hash)


def _check(user_id: str) -> None:
    if not known(user_id):
        raise NotFound("account_gone")


def _found(row: Any) -> Any:
    if row is None:
        raise NotFound("account_gone")
    return row
