"""Sources in SQL: domain.knowledge.ports.Sources on SQLite, PostgreSQL or MySQL."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from db import source_sql as sql
from db.again import again
from db.page_releases import release_twins_of_source
from db.runs import SqlRuns, hold, stop
from db.source_rows import settings, source_row, to_source, url_key
from db.vector_cache import forget_vectors
from db.work import forget_log, in_turn, known, reading, writing
from domain.errors import Conflict, NotFound
from domain.knowledge.model import Shelf, Source
from domain.knowledge.room import Room, check_room


class SqlSources(SqlRuns):
    """Sources, and by inheritance their runs."""

    @again()
    def add(self, source: Source, room: Room | None = None) -> Source:
        """One that was removed does not stand in the way of its address."""
        row = source_row(source)
        try:
            with self._room(source, room) as connection:
                _free(connection, source.shelf, source.url)
                connection.execute(sql.ADD, {**row, "slot": "", "removed_at": None, "run_id": ""})
        except IntegrityError:  # somebody else added it in between; or it is not the first of this id
            with reading(self._engine) as connection:
                _free(connection, source.shelf, source.url)
            raise Conflict("source_exists", source_id=source.id) from None
        return self.get(source.id)

    def get(self, source_id: str) -> Source:
        with reading(self._engine) as connection:
            row = connection.execute(sql.GET, {"which": source_id}).mappings().first() if known(source_id) else None
        if row is None:
            raise NotFound("source_gone")
        return to_source(row)

    def on(self, shelf: Shelf) -> list[Source]:
        with reading(self._engine) as connection:
            return _oldest_first(connection.execute(sql.ON, {"on_shelf": shelf.key}).mappings())

    def owned(self, owner: str) -> list[Source]:
        if not known(owner):
            return []
        with reading(self._engine) as connection:
            return _oldest_first(connection.execute(sql.OWNED, {"whose": owner}).mappings())

    @again()
    def change(self, source: Source, room: Room | None = None) -> Source:
        new = {f"new_{name}": value for name, value in settings(source).items()}
        with self._room(source, room) as connection:
            hold(connection, source.id)
            connection.execute(sql.CHANGE, {**new, "which": source.id})
        return self.get(source.id)

    @again()
    def hurry(self, source_id: str, now: datetime) -> Source:
        with writing(self._engine) as connection:
            hold(connection, source_id)
            connection.execute(sql.HURRY, {"which": source_id, "now": now})
        return self.get(source_id)

    @again()
    def remove(self, source_id: str, now: datetime) -> None:
        """Its run is asked to stop; pages of other sources that said the same are on their own from here on."""
        with writing(self._engine) as connection:
            source = hold(connection, source_id)
            stop(connection, source)
            connection.execute(sql.REMOVE, {"which": source_id, "now": now})
            release_twins_of_source(connection, source_id)

    @again(IntegrityError)  # the address was added anew in between: the next time that is seen
    def restore(self, source_id: str, room: Room | None = None) -> Source:
        """Raises Conflict("source_exists", source_id=...) when the address was added anew meanwhile."""
        source = self.get(source_id)
        if source.removed_at is None:
            return source
        try:
            with self._room(source, room) as connection:
                hold(connection, source_id, removed=True)
                _free(connection, source.shelf, source.url)
                connection.execute(sql.RESTORE, {"which": source_id})
        except NotFound:  # erased, or brought back by somebody else since we looked
            if self.get(source_id).removed_at is not None:
                raise
        return self.get(source_id)

    def purge(self, removed_before: datetime) -> list[str]:
        with reading(self._engine) as connection:
            old = list(connection.scalars(sql.OLD, {"before": removed_before}))
        return self._erase(old, removed_before)

    def erase(self, owner: str) -> list[str]:
        return self._erase([source.id for source in self.owned(owner)])

    @contextmanager
    def _room(self, source: Source, room: Room | None) -> Iterator[Connection]:
        """A unit of work in which there is room for the source, and nobody else of the same takes it meanwhile."""
        if room is None:
            with writing(self._engine) as connection:
                yield connection
            return
        owner, shelf = source.shelf.owner, source.shelf.key
        taken = sql.TAKEN_OF_OWNER if owner else sql.TAKEN_ON_SHELF
        with in_turn(self._engine, f"room of {owner or shelf}") as connection:
            others = connection.scalars(taken, {"whose": owner, "on_shelf": shelf, "but": source.id}).all()
            check_room(room, others, source.max_pages)
            yield connection

    @again()
    def _erase(self, source_ids: list[str], removed_before: datetime | None = None) -> list[str]:
        if not source_ids:
            return []
        page_ids, checksums = list[str](), list[str]()
        with writing(self._engine) as connection:
            for source_id in sorted(source_ids):
                row = connection.execute(sql.TAKE, {"which": source_id}).mappings().first()
                if row is None or (removed_before and (row["removed_at"] or removed_before) >= removed_before):
                    continue  # erased by somebody else, or brought back
                page_ids += connection.scalars(sql.PAGES, {"which": source_id})
                checksums += connection.scalars(sql.CHECKSUMS, {"which": source_id})
                connection.execute(sql.ERASE, {"which": source_id})
            # Last: a vector that is made of one of these pages while we erase the others is seen and goes, too.
            forget_vectors(connection, checksums)
        forget_log(self._engine)
        return page_ids


def _free(connection: Connection, shelf: Shelf, url: str) -> None:
    there = connection.scalar(sql.SAME, {"on_shelf": shelf.key, "key": url_key(url)})
    if there is not None:
        raise Conflict("source_exists", source_id=there)


def _oldest_first(rows: Iterable[RowMapping]) -> list[Source]:
    return sorted(map(to_source, rows), key=lambda source: (source.created_at, source.id))
