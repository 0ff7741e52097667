"""Bring databases up to date: `upgrade(url, branch)`, or `python -m db.migrate` for CORE_URL and PAGES_URL.

`python -m db.migrate new core what changes` then writes the next migration of a branch, `core` or `pages`, from the
difference between the tables and the database. Both branches may live in one database: each keeps a table of its own
of what was done.
"""

import os
import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from db.connect import connect, disconnect
from db.migrated import MIGRATIONS as MIGRATIONS
from db.migrated import Branch as Branch
from db.work import ALONE_WAIT_S, alone

URLS: dict[Branch, tuple[str, str]] = {
    "core": ("CORE_URL", "sqlite:///var/core.db"),
    "pages": ("PAGES_URL", "sqlite:///var/pages.db"),
}


def upgrade(url: str, branch: Branch = "core") -> None:
    """Run the migrations that this database has not seen; processes that start at once take turns.

    Raises ValueError for a URL that cannot be used, Unavailable when the database cannot be reached.
    """
    engine = connect(url, wait_s=ALONE_WAIT_S)
    try:
        with alone(engine) as connection:
            command.upgrade(settings(connection, branch), "head")
    finally:
        disconnect(engine)


def settings(connection: Connection, branch: Branch = "core") -> Config:
    """What alembic asks for, without a file; each database has its own folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / branch).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def new(url: str, words: str, branch: Branch = "core") -> None:
    upgrade(url, branch)
    number = len(list((MIGRATIONS / branch / "versions").glob("[0-9]*.py"))) + 1
    engine = connect(url)
    try:
        with engine.connect() as connection:
            command.revision(settings(connection, branch), words, autogenerate=True, rev_id=f"{number:04}")
    finally:
        disconnect(engine)


if __name__ == "__main__":
    urls = {branch: os.environ.get(name) or default for branch, (name, default) in URLS.items()}
    match sys.argv[1:]:
        case []:
            for each, url in urls.items():
                upgrade(url, each)
        case ["new", ("core" | "pages") as branch, *words] if words:
            new(urls[branch], " ".join(words), branch)
        case _:
            sys.exit("python -m db.migrate [new core|pages WHAT CHANGES]")
