"""What a store asks of SQLite, and by which way each statement finds its rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event, text

LOOKING = ("SELECT", "UPDATE", "DELETE")
Asked = dict[str, Any]  # a statement and the values it was asked with, the last time


@contextmanager
def noted(engine: Engine) -> Iterator[Asked]:
    """Note every statement that is asked while the block runs."""
    asked: Asked = {}

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        asked[statement] = values

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plans(engine: Engine, asked: Asked) -> dict[str, list[str]]:
    """Return the steps by which SQLite finds the rows of each statement that looks for some."""
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for statement, values in asked.items():
            if statement.startswith(LOOKING):
                one = values[0] if isinstance(values, list) else values
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
                found[statement] = [row.detail for row in rows]
    return found


def count_rows(engine: Engine) -> None:
    """Have SQLite count what is in its tables, as a database that has run for a while has."""
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
