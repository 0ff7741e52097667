"""What people call their passkeys: domain.passkeys.Names on SQLite, MySQL or PostgreSQL."""

from sqlalchemy import Engine, bindparam, update

from db.again import again
from db.tables.people import passkeys
from db.work import check_texts, known, storable, writing
from domain.errors import NotFound

_RENAME = (
    update(passkeys)
    .where(passkeys.c.user_id == bindparam("user"), passkeys.c.id == bindparam("which"))
    .values(name=bindparam("called"))
)


class SqlPasskeyNames:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again()
    def rename(self, user_id: str, credential_id: str, name: str) -> None:
        """Raises NotFound("passkey_gone"), BadInput for what no database keeps."""
        check_texts(name)
        if not known(user_id) or not credential_id.isascii() or not storable(credential_id):
            raise NotFound("passkey_gone")
        with writing(self._engine) as connection:
            # Rows found are counted, on MySQL too: the same name again is no missing passkey.
            if not connection.execute(_RENAME, {"user": user_id, "which": credential_id, "called": name}).rowcount:
                raise NotFound("passkey_gone")
