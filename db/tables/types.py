"""Column types that mean the same on SQLite, MySQL and PostgreSQL.

Migrations use them too, so what they are in the database never changes: a new need is a new type.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

NAME_CHARS = 64
NAMES = {  # of keys and indexes, the same in every database: migrations change them by name
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
# InnoDB for foreign keys; a binary collation, since MySQL's usual ones hold "aB" and "Ab" for one key.
TABLE_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


class Name(TypeDecorator[str]):
    """An id, a slug or a key: short, compared byte by byte."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(NAME_CHARS)


class Plain(TypeDecorator[str]):
    """ASCII text of at most `length` characters that is sorted byte by byte everywhere, as Python sorts it."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__(length)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        if dialect.name == "postgresql":  # else it sorts by the rules of the server's language
            return dialect.type_descriptor(String(self.length, collation="C"))
        if dialect.name == "mysql":  # one byte a character: an index holds 3,072 bytes there
            from sqlalchemy.dialects.mysql import VARCHAR

            return dialect.type_descriptor(VARCHAR(self.length, charset="ascii", collation="ascii_bin"))
        return dialect.type_descriptor(String(self.length))


class Words(TypeDecorator[str]):
    """Text of any length."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        if dialect.name == "mysql":  # TEXT ends at 64 KB there
            from sqlalchemy.dialects.mysql import MEDIUMTEXT

            return dialect.type_descriptor(MEDIUMTEXT())
        return dialect.type_descriptor(Text())


class Moment(TypeDecorator[datetime]):
    """A point in time to the microsecond: aware when it goes in, UTC when it comes out."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        if dialect.name == "mysql":  # DATETIME rounds to seconds there
            from sqlalchemy.dialects.mysql import DATETIME

            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
