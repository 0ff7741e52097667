"""Pages in SQL: domain.knowledge.ports.Pages on SQLite, PostgreSQL or MySQL.

What searches may see is one condition (`look_up` in db/page_sql.py): the chunk's version is the live one, the page is
neither gone nor a duplicate, its source is not removed, and its shelf is among those asked for.
"""

from collections.abc import Sequence

from sqlalchemy import Select

from db import page_sql as sql
from db.page_changes import PageChanges
from db.page_rows import CHUNK, PAGE, bands, chunk_ids, signed, to_chunk, to_page, to_version
from db.source_rows import check_url, url_key
from db.tables.pages import HEAD_CHARS
from db.vector_cache import in_lots
from db.work import known, reading, storable
from domain.errors import NotFound
from domain.knowledge.model import Chunk, Filter, Page, Shelf, Version

CHUNK_END, PAGES_END = len(CHUNK), len(PAGE)
AT_ONCE = 10_000  # ids looked up in one statement, which sees one moment; two would on PostgreSQL see two


class SqlPages(PageChanges):
    def find(self, source_id: str, url: str) -> Page | None:
        """Without its version; not one that is gone."""
        if not known(source_id):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(sql.FIND, {"which": source_id, "key": url_key(url)}).first()
        return None if row is None else to_page(row)

    def get(self, page_id: str) -> Page:
        with reading(self._engine) as connection:
            row = connection.execute(sql.GET, {"which": page_id}).first() if known(page_id) else None
        if row is None:
            raise NotFound("page_gone")
        return to_page(row[:PAGES_END], to_version(row[PAGES_END:]))

    def of(self, source_id: str, limit: int = 50, after: str = "") -> list[Page]:
        """Addresses that agree in their first 400 characters come in any order, always the same."""
        if not known(source_id):
            return []
        mark = (check_url(after)[:HEAD_CHARS], url_key(after)) if after else ("", "")
        values = {"which": source_id, "head": mark[0], "key": mark[1], "most": max(limit, 0)}
        with reading(self._engine) as connection:
            rows = connection.execute(sql.ALL_OF, values)
            return [to_page(row[:PAGES_END], to_version(row[PAGES_END:])) for row in rows]

    def count(self, source_id: str) -> int:
        if not known(source_id):
            return 0
        with reading(self._engine) as connection:
            return connection.scalar(sql.COUNT, {"which": source_id}) or 0

    def alike(self, shelf: Shelf, simhash: int, distance: int, not_page: str) -> str | None:
        """The nearest. None is missed up to a distance of 3; beyond, those that share one of four bands are seen."""
        mark, values = signed(simhash), {"on_shelf": shelf.key, "any_band": bands(simhash), "but": not_page}
        if not all(map(storable, (shelf.key, not_page))):
            return None
        with reading(self._engine) as connection:
            rows = connection.execute(sql.ALIKE, values).all()
        near = [((mark ^ row.simhash) & (2**64 - 1)).bit_count() for row in rows]
        found = [(bits, row.page_id) for bits, row in zip(near, rows, strict=True) if bits <= distance]
        return min(found)[1] if found else None

    def waiting(self, limit: int) -> list[Page]:
        return self._some(sql.WAITING, limit)

    def unembedded(self, limit: int) -> list[Page]:
        return self._some(sql.UNEMBEDDED, limit)

    def old_chunks(self, limit: int) -> list[tuple[str, int]]:
        with reading(self._engine) as connection:
            return [(row[0], row[1]) for row in connection.execute(sql.STALE, {"most": max(limit, 0)})]

    def version(self, page_id: str, rev: int) -> Version | None:
        if not known(page_id):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(sql.VERSION, {"which": page_id, "number": rev}).first()
        return None if row is None else to_version(row)

    def chunks(self, page_id: str, rev: int) -> list[Chunk]:
        """In the order of the text."""
        if not known(page_id):
            return []
        with reading(self._engine) as connection:
            return [to_chunk(row) for row in connection.execute(sql.CHUNKS, {"which": page_id, "number": rev})]

    def live_chunks(self, after: str, limit: int) -> list[tuple[str, str, int]]:
        """Also those of sources that were removed: their points stay, for the case that they are brought back."""
        with reading(self._engine) as connection:
            rows = connection.execute(sql.LIVE_CHUNKS, {"after": after, "most": max(limit, 0)})
            return [(row[0], row[1], row[2]) for row in rows]

    def look_up(self, chunk_ids_: Sequence[str], only: Filter) -> dict[str, tuple[Chunk, Page]]:
        found: dict[str, tuple[Chunk, Page]] = {}
        if not only.shelves or not all(map(storable, (only.site, only.language))):
            return found
        statement = sql.look_up(bool(only.site), bool(only.language), only.since is not None, only.until is not None)
        values = {
            "shelves": [shelf.key for shelf in only.shelves if storable(shelf.key)],
            "on_site": only.site, "in_language": only.language, "since": only.since, "until": only.until,
        }  # fmt: skip
        pages: dict[str, Page] = {}
        with reading(self._engine) as connection:
            for some in in_lots(chunk_ids(chunk_ids_), AT_ONCE):
                for row in connection.execute(statement, {**values, "ids": some}):
                    chunk, rest = to_chunk(row[:CHUNK_END]), row[CHUNK_END:]
                    if (page := pages.get(chunk.page_id)) is None:
                        page = pages[chunk.page_id] = to_page(rest[:PAGES_END], to_version(rest[PAGES_END:]))
                    found[chunk.id] = (chunk, page)
        return found

    def totals(self, shelf: Shelf) -> tuple[int, int, int]:
        with reading(self._engine) as connection:
            row = connection.execute(sql.TOTALS, {"on_shelf": shelf.key}).one()
        return int(row[0]), int(row[1]), int(row[2])

    def _some(self, statement: Select[tuple[object, ...]], limit: int) -> list[Page]:
        with reading(self._engine) as connection:
            return [to_page(row) for row in connection.execute(statement, {"most": max(limit, 0)})]
