"""What changes pages in SQL: each method is one transaction, so a crash leaves all of it or nothing.

    write (rev 2, live 1)  ->  go_live (live 2)  ->  sweep (swept 2)

Searches read `live` in the statement that reads the chunks: they see one version or the other.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.page_releases import release, release_twins, settle
from db.page_rows import PAGE, bands, chunk_rows, new_page, to_page, version_row, visit
from db.tables.pages import chunks, page_bands, page_versions, pages, sources
from db.vector_cache import VectorCache, forget_vectors
from db.work import forget_log, known, writing
from domain.errors import BadInput, Conflict, NotFound
from domain.knowledge.model import Chunk, Page, Version

_MINE, _THERE = pages.c.id == bindparam("which"), pages.c.slot == ""
_VISIT = ("checked_at", "status", "misses", "etag", "last_modified", "body_checksum", "error")
_CHECKED: dict[str, object] = {name: bindparam(f"new_{name}") for name in _VISIT}
# On PostgreSQL the lock that the foreign key takes anyway: a source is not erased while a page is written.
_SOURCE = select(sources.c.shelf).where(sources.c.id == bindparam("which")).with_for_update(read=True, key_share=True)
_SOURCE_OF = select(pages.c.source_id).where(_MINE)
# Nobody removes it meanwhile: whoever does lets go of duplicates (db/page_releases.py), and would not see this one.
_SOURCE_STAYS = (
    select(sources.c.id).where(sources.c.id == bindparam("which"), sources.c.slot == "").with_for_update(read=True)
)
_PAGE = select(*PAGE).where(_MINE)
_HOLD = _PAGE.where(_THERE).with_for_update(key_share=True)
_ADD, _ADD_VERSION, _ADD_CHUNKS = insert(pages), insert(page_versions), insert(chunks)
_CHECK = update(pages).where(_MINE, _THERE).values(_CHECKED)
_NEXT = (
    update(pages).where(_MINE, _THERE, pages.c.rev == bindparam("seen")).values({**_CHECKED, "rev": bindparam("next")})
)
_CHUNKS_COUNT = select(page_versions.c.chunks, page_versions.c.simhash).where(
    page_versions.c.page_id == bindparam("which"), page_versions.c.rev == bindparam("number")
)
_LIVE = update(pages).where(_MINE).values(live=bindparam("number"), chunks=bindparam("count"))
_NO_BANDS = delete(page_bands).where(page_bands.c.page_id == bindparam("which"))
_ADD_BANDS = insert(page_bands)
_MARK = update(pages).where(_MINE, _THERE).values(duplicate_of=bindparam("of"))
_GONE = update(pages).where(_MINE, _THERE).values(slot=pages.c.id)
_EMBEDDED = (
    update(pages).where(_MINE, pages.c.rev >= bindparam("number")).values(embedded=bindparam("number"))
)
_SWEPT = update(pages).where(_MINE, pages.c.swept < bindparam("keep")).values(swept=bindparam("keep"))
_OLD_CHUNKS = (
    chunks.c.page_id == bindparam("which"), chunks.c.rev > bindparam("above"), chunks.c.rev < bindparam("below"),
)  # fmt: skip
_OLD_CHECKSUMS = select(chunks.c.checksum).where(*_OLD_CHUNKS)
_ERASE_CHUNKS = delete(chunks).where(*_OLD_CHUNKS)
_ERASE_VERSIONS = delete(page_versions).where(
    page_versions.c.page_id == bindparam("which"),
    page_versions.c.rev > bindparam("above"),
    page_versions.c.rev < bindparam("below"),
)
_ERASE = delete(pages).where(_MINE)
_NEWEST = 2**31 - 1


class PageChanges(VectorCache):
    @again()
    def write(self, page: Page, version: Version, chunks: Sequence[Chunk]) -> Page:
        """The page's id is the caller's, since those of chunks are made of it; its shelf is its source's.

        Also raises NotFound("source_gone"), TooLong("page_large") and BadInput. A version that never went live
        makes way for the new one.
        """
        if version.rev != page.rev + 1:
            raise BadInput("form_bad", field="rev")
        rows = chunk_rows(page.id, version.rev, chunks)
        versions = version_row(page.id, version, len(rows))
        new = {f"new_{name}": value for name, value in visit(page).items()}
        try:
            with writing(self._engine) as connection:
                shelf = connection.scalar(_SOURCE, {"which": page.source_id}) if known(page.source_id) else None
                if shelf is None:
                    raise NotFound("source_gone")
                if page.rev == 0:
                    connection.execute(_ADD, new_page(page, shelf))
                else:
                    values = {**new, "which": page.id, "seen": page.rev, "next": version.rev}
                    if not known(page.id) or not connection.execute(_NEXT, values).rowcount:
                        raise Conflict("page_moved_on")
                kept = connection.execute(_PAGE, {"which": page.id}).one()
                connection.execute(_ADD_VERSION, versions)
                if rows:
                    connection.execute(_ADD_CHUNKS, rows)
                if page.rev > kept.live:
                    _erase(connection, page.id, above=kept.live, below=version.rev)
                settle(connection, page.id)
        except IntegrityError:  # somebody else made a page of this address
            raise Conflict("page_moved_on") from None
        return to_page(kept)

    @again()
    def checked(self, page: Page) -> None:
        """Also body_checksum. A page that is not kept, or is gone, stays so."""
        if known(page.id):
            new = {f"new_{name}": value for name, value in visit(page).items()}
            with writing(self._engine) as connection:
                connection.execute(_CHECK, {**new, "which": page.id})

    @again()
    def go_live(self, page_id: str, rev: int) -> bool:
        with writing(self._engine) as connection:
            page = connection.execute(_HOLD, {"which": page_id}).first() if known(page_id) else None
            if page is None or page.rev != rev:
                return False
            version = connection.execute(_CHUNKS_COUNT, {"which": page_id, "number": rev}).one()
            connection.execute(_LIVE, {"which": page_id, "number": rev, "count": version.chunks})
            connection.execute(_NO_BANDS, {"which": page_id})
            mark = {"shelf": page.shelf, "page_id": page_id, "simhash": version.simhash}
            connection.execute(_ADD_BANDS, [{**mark, "band": band} for band in bands(version.simhash & (2**64 - 1))])
            settle(connection, page_id)
        return True

    @again()
    def duplicate(self, page_id: str, of: str) -> None:
        """Nothing is marked as a duplicate of a page that is gone, is one itself, or is of a source that was removed:
        it would be found nowhere.
        """
        if not known(page_id) or page_id == of:
            return
        with writing(self._engine) as connection:
            if of == "":
                release(connection, page_id)
                return
            source_id = connection.scalar(_SOURCE_OF, {"which": of}) if known(of) else None
            if source_id is None or connection.scalar(_SOURCE_STAYS, {"which": source_id}) is None:
                return
            first, second = sorted((page_id, of))
            held = [connection.execute(_HOLD, {"which": which}).first() for which in (first, second)]
            original = held[0] if first == of else held[1]
            if original is not None and original.duplicate_of == "" and original.live:
                connection.execute(_MARK, {"which": page_id, "of": of})
                settle(connection, page_id)

    @again()
    def gone(self, page_ids: Sequence[str]) -> None:
        ids = sorted({page_id for page_id in page_ids if known(page_id)})
        with writing(self._engine) as connection:
            for page_id in ids:
                if connection.execute(_GONE, {"which": page_id}).rowcount:
                    settle(connection, page_id)
            release_twins(connection, ids)

    @again()
    def set_embedded(self, page_id: str, rev: int) -> None:
        """0 says that its vectors are to be made anew."""
        with writing(self._engine) as connection:
            if known(page_id) and connection.execute(_EMBEDDED, {"which": page_id, "number": rev}).rowcount:
                settle(connection, page_id)

    @again()
    def sweep(self, page_id: str, keep: int) -> None:
        """The live version stays, whatever `keep` says."""
        if not known(page_id):
            return
        with writing(self._engine) as connection:
            page = connection.execute(_PAGE.with_for_update(), {"which": page_id}).first()
            if page is None:
                return
            if keep <= 0:
                checksums = _old_checksums(connection, page_id, 0, _NEWEST)
                connection.execute(_ERASE, {"which": page_id})
                forget_vectors(connection, checksums)
                release_twins(connection, [page_id])
            else:
                keep = min(keep, page.live)
                _erase(connection, page_id, above=0, below=keep)
                connection.execute(_SWEPT, {"which": page_id, "keep": keep})
                settle(connection, page_id)
        forget_log(self._engine)


def _old_checksums(connection: Connection, page_id: str, above: int, below: int) -> list[str]:
    return list(connection.scalars(_OLD_CHECKSUMS, {"which": page_id, "above": above, "below": below}))


def _erase(connection: Connection, page_id: str, above: int, below: int) -> None:
    checksums = _old_checksums(connection, page_id, above, below)
    connection.execute(_ERASE_CHUNKS, {"which": page_id, "above": above, "below": below})
    connection.execute(_ERASE_VERSIONS, {"which": page_id, "above": above, "below": below})
    forget_vectors(connection, checksums)
