"""Bring a database up to date: `upgrade(url)`, or `python -m db.migrate` for CORE_URL.

`python -m db.migrate new what changes` then writes the next migration, from the difference between the
tables and the database.
"""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from db.connect import connect
from db.work import ALONE_WAIT_S, alone

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str, branch: str = "core") -> None:
    """Run the migrations that this database has not seen; processes that start at once take turns.

    Raises ValueError for a URL that cannot be used, Unavailable when the database cannot be reached.
    """
    engine = connect(url, wait_s=ALONE_WAIT_S)
    try:
        with alone(engine) as connection:
            command.upgrade(settings(connection, branch), "head")
    finally:
        engine.dispose()


def settings(connection: Connection, branch: str = "core") -> Config:
    """What alembic asks for, without a file; each database has its own folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / branch).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def new(url: str, words: str, branch: str = "core") -> None:
    upgrade(url, branch)
    number = len(list((MIGRATIONS / branch / "versions").glob("[0-9]*.py"))) + 1
    engine = connect(url)
    with engine.connect() as connection:
        command.revision(settings(connection, branch), words, autogenerate=True, rev_id=f"{number:04}")
    engine.dispose()


if __name__ == "__main__":
    core_url = os.environ.get("CORE_URL") or "sqlite:///var/core.db"
    if sys.argv[1:2] == ["new"]:
        new(core_url, " ".join(sys.argv[2:]))
    else:
        upgrade(core_url)
