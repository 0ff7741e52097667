"""Alembic's environment for the database of pages; db.migrate hands it the connection."""

from typing import Any, Literal

from alembic import context

from db.tables import types
from db.tables.pages import metadata


def ours(kind: str, thing: Any, _autogen: object) -> str | Literal[False]:
    """Write our column types by their names."""
    if kind != "type" or type(thing).__module__ != types.__name__:
        return False
    length = thing.length if isinstance(thing, types.Plain) else ""
    return f"types.{type(thing).__name__}({length})"


def known(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether a table is of this branch: both may share one database."""
    return kind != "table" or name in metadata.tables


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table="alembic_version_pages",
    compare_type=True,
    include_name=known,
    render_item=ours,
    render_as_batch=True,  # SQLite changes a table by making a new one
    transactional_ddl=connection.dialect.name != "mysql",
)
with context.begin_transaction():
    context.run_migrations()
