"""Recovery codes, passkeys and questions in SQL: domain.people.Keys on SQLite, MySQL or PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.tables.people import passkeys, questions, recovery_codes, users
from db.work import check_names, check_texts, known, reading, storable, writing
from domain.errors import BadInput, Conflict, NotFound
from domain.people import Passkey

MAX_ID, MAX_KEY, MAX_NAME = 512, 2_048, 64  # characters, bytes, characters
MAX_QUESTION, MAX_HASH = 200, 255
_TAKE_USER = select(users.c.id).where(users.c.id == bindparam("user")).with_for_update()

_CODES = recovery_codes.c.user_id == bindparam("user")
_CLEAR_CODES = delete(recovery_codes).where(_CODES)
_ADD_CODES = insert(recovery_codes)
_USE_CODE = (
    update(recovery_codes)
    .where(_CODES, recovery_codes.c.code_hash == bindparam("code"), recovery_codes.c.used_at.is_(None))
    .values(used_at=bindparam("now"))
)
_LEFT = select(func.count()).select_from(recovery_codes).where(_CODES, recovery_codes.c.used_at.is_(None))

_PASSKEY = [passkeys.c[name] for name in Passkey.__struct_fields__]
_ADD_PASSKEY = insert(passkeys)
_PASSKEYS = select(*_PASSKEY).where(passkeys.c.user_id == bindparam("user")).order_by(passkeys.c.created_at)
_ONE_PASSKEY = select(*_PASSKEY).where(passkeys.c.id == bindparam("which"))
_USED_PASSKEY = (
    update(passkeys)
    .where(passkeys.c.id == bindparam("which"))
    .values(sign_count=bindparam("signs"), used_at=bindparam("now"))
)
_REMOVE_PASSKEY = delete(passkeys).where(passkeys.c.user_id == bindparam("user"), passkeys.c.id == bindparam("which"))

_QUESTION = select(questions.c.question, questions.c.answer_hash).where(questions.c.user_id == bindparam("user"))
_CLEAR_QUESTION = delete(questions).where(questions.c.user_id == bindparam("user"))
_ADD_QUESTION = insert(questions)


class SqlKeys:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again()
    def set_codes(self, user_id: str, hashes: Sequence[str]) -> None:
        """Replace all. Raises NotFound("account_gone")."""
        check_names(*hashes)
        with writing(self._engine) as connection:
            _take(connection, user_id)
            connection.execute(_CLEAR_CODES, {"user": user_id})
            rows = [{"user_id": user_id, "code_hash": code, "used_at": None} for code in dict.fromkeys(hashes)]
            if rows:
                connection.execute(_ADD_CODES, rows)

    @again()
    def use_code(self, user_id: str, code_hash: str, now: datetime) -> bool:
        if not known(user_id, code_hash):
            return False
        with writing(self._engine) as connection:
            return connection.execute(_USE_CODE, {"user": user_id, "code": code_hash, "now": now}).rowcount == 1

    def codes_left(self, user_id: str) -> int:
        if not known(user_id):
            return 0
        with reading(self._engine) as connection:
            return connection.scalar(_LEFT, {"user": user_id}) or 0

    @again()
    def add_passkey(self, passkey: Passkey) -> None:
        """Raises Conflict("passkey_taken") and NotFound("account_gone")."""
        check_texts(passkey.name)
        if not _is_id(passkey.id) or len(passkey.public_key) > MAX_KEY or len(passkey.name) > MAX_NAME:
            raise BadInput("form_bad", field="passkey")
        try:
            with writing(self._engine) as connection:
                _take(connection, passkey.user_id)
                connection.execute(_ADD_PASSKEY, msgspec.structs.asdict(passkey))
        except IntegrityError:
            raise Conflict("passkey_taken") from None

    def passkeys(self, user_id: str) -> list[Passkey]:
        if not known(user_id):
            return []
        with reading(self._engine) as connection:
            return [Passkey(**row) for row in connection.execute(_PASSKEYS, {"user": user_id}).mappings()]

    def passkey(self, credential_id: str) -> Passkey | None:
        if not _is_id(credential_id):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(_ONE_PASSKEY, {"which": credential_id}).mappings().first()
        return None if row is None else Passkey(**row)

    @again()
    def used_passkey(self, credential_id: str, sign_count: int, now: datetime) -> None:
        if _is_id(credential_id):
            with writing(self._engine) as connection:
                connection.execute(_USED_PASSKEY, {"which": credential_id, "signs": sign_count, "now": now})

    @again()
    def remove_passkey(self, user_id: str, credential_id: str) -> None:
        """Raises NotFound("passkey_gone")."""
        if not known(user_id) or not _is_id(credential_id):
            raise NotFound("passkey_gone")
        with writing(self._engine) as connection:
            if not connection.execute(_REMOVE_PASSKEY, {"user": user_id, "which": credential_id}).rowcount:
                raise NotFound("passkey_gone")

    @again()
    def set_question(self, user_id: str, question: str, answer_hash: str) -> None:
        """Replace it; an empty question takes it away. Raises NotFound("account_gone")."""
        check_texts(question, answer_hash)
        if len(question) > MAX_QUESTION or len(answer_hash) > MAX_HASH:
            raise BadInput("form_bad", field="question")
        with writing(self._engine) as connection:
            _take(connection, user_id)
            connection.execute(_CLEAR_QUESTION, {"user": user_id})
            if question:
                row = {"user_id": user_id, "question": question, "answer_hash": answer_hash}
                connection.execute(_ADD_QUESTION, row)

    def question(self, user_id: str) -> tuple[str, str] | None:
        if not known(user_id):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(_QUESTION, {"user": user_id}).first()
        return None if row is None else (row.question, row.answer_hash)


def _take(connection: Connection, user_id: str) -> None:
    """Lock the account: of two who replace the same thing at once one comes second, instead of meeting the other."""
    if not known(user_id) or connection.scalar(_TAKE_USER, {"user": user_id}) is None:
        raise NotFound("account_gone")


def _is_id(credential_id: str) -> bool:
    return 0 < len(credential_id) <= MAX_ID and credential_id.isascii() and storable(credential_id)
