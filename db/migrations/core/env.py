"""Alembic's environment for the core database; db.migrate hands it the connection."""

from typing import Any, Literal

from alembic import context

from db.tables import types
from db.tables.every import metadata


def ours(kind: str, thing: Any, _autogen: object) -> str | Literal[False]:
    """Write our column types by their names."""
    named = kind == "type" and type(thing).__module__ == types.__name__
    return f"types.{type(thing).__name__}()" if named else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    render_item=ours,
    render_as_batch=True,  # SQLite changes a table by making a new one
    transactional_ddl=connection.dialect.name != "mysql",
)
with context.begin_transaction():
    context.run_migrations()
