"""Whether a database has all migrations, found out without alembic: its import takes 11 MB and 0.2 s of a start."""

from pathlib import Path
from typing import Literal

from sqlalchemy import inspect, text

from db.connect import connect, disconnect
from db.work import reading

MIGRATIONS = Path(__file__).parent / "migrations"
Branch = Literal["core", "pages"]
NOTED: dict[Branch, str] = {"core": "alembic_version", "pages": "alembic_version_pages"}  # one table for each branch


def newest(branch: Branch = "core") -> str:
    """Return the number of the branch's last migration: its name begins with it."""
    return max(file.name[:4] for file in (MIGRATIONS / branch / "versions").glob("[0-9]*.py"))


def up_to_date(url: str, branch: Branch = "core") -> bool:
    """Raises as db.migrate.upgrade does."""
    engine = connect(url)
    try:
        with reading(engine) as connection:
            if not inspect(connection).has_table(NOTED[branch]):
                return False
            noted = connection.scalars(text(f"SELECT version_num FROM {NOTED[branch]}")).all()  # noqa: S608
            return list(noted) == [newest(branch)]
    finally:
        disconnect(engine)
