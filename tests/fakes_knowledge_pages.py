"""Pages in memory, over the Shelfful of tests/fakes_knowledge.py."""

from collections.abc import Mapping, Sequence
from struct import pack, unpack
from typing import Any

from db.page_rows import chunk_rows, new_page, version_row, visit
from db.source_rows import check_url, url_key
from db.work import known
from domain.errors import BadInput, Conflict, NotFound
from domain.knowledge.model import Chunk, Filter, Page, Shelf, Version
from domain.ports import Vector
from tests.fakes_knowledge import Kept, Shelfful, replace

PREVIEW = 300


class MemoryPages:
    def __init__(self, all_: Shelfful) -> None:
        self._all = all_

    def find(self, source_id: str, url: str) -> Page | None:
        with self._all.lock:
            return next((page for page in self._of(source_id) if page.url == url), None)

    def get(self, page_id: str) -> Page:
        with self._all.lock:
            kept = self._there(page_id)
            if kept is None:
                raise NotFound("page_gone")
            return self._with_version(kept)

    def of(self, source_id: str, limit: int = 50, after: str = "") -> list[Page]:
        def place(url: str) -> tuple[str, str]:
            return url[:400], url_key(url)

        mark = place(check_url(after)) if after else ("", "")
        with self._all.lock:
            pages = sorted((page for page in self._of(source_id)), key=lambda page: place(page.url))
            some = [self._with_version(self._all.pages[p.id]) for p in pages if place(p.url) > mark][: max(limit, 0)]
        return [
            replace(p, version=replace(p.version, text=p.version.text[:PREVIEW])) if p.version else p for p in some
        ]

    def count(self, source_id: str) -> int:
        with self._all.lock:
            return len(self._of(source_id))

    def checked(self, page: Page) -> None:
        values: Any = visit(page)
        with self._all.lock:
            if (kept := self._there(page.id)) is not None:
                kept.page = replace(kept.page, **values)

    def write(self, page: Page, version: Version, chunks: Sequence[Chunk]) -> Page:
        if version.rev != page.rev + 1:
            raise BadInput("form_bad", field="rev")
        version_row(page.id, version, len(chunk_rows(page.id, version.rev, chunks)))
        values: Any = visit(page)
        with self._all.lock:
            if page.source_id not in self._all.sources:
                raise NotFound("source_gone")
            if page.rev == 0:
                shelf = self._all.sources[page.source_id].shelf
                new_page(page, shelf.key)
                if page.id in self._all.pages or self.find(page.source_id, page.url) is not None:
                    raise Conflict("page_moved_on")
                kept = Kept(replace(page, shelf=shelf, live=0, embedded=0, duplicate_of="", version=None))
            else:
                there = self._there(page.id)
                if there is None or there.page.rev != page.rev:
                    raise Conflict("page_moved_on")
                kept = there
            ids = {c.id for each in self._all.pages.values() for _, held in each.versions.values() for c in held}
            if len({c.id for c in chunks} - ids) < len(chunks) or len({c.index for c in chunks}) < len(chunks):
                raise Conflict("page_moved_on")
            held = self._all.held()
            kept.page = replace(kept.page, rev=version.rev, **values)
            kept.versions = {rev: both for rev, both in kept.versions.items() if rev <= kept.page.live}
            kept.versions[version.rev] = (version, sorted(chunks, key=lambda chunk: chunk.index))
            self._all.pages[page.id] = kept
            self._all.forget_vectors(held)
            return kept.page

    def alike(self, shelf: Shelf, simhash: int, distance: int, not_page: str) -> str | None:
        """Looks at all, so it finds what is further away than the store promises to."""
        if not 0 <= simhash < 2**64:
            raise BadInput("form_bad", field="simhash")
        with self._all.lock:
            near = [
                ((kept.versions[kept.page.live][0].simhash ^ simhash).bit_count(), kept.page.id)
                for kept in self._all.pages.values()
                if self._live(kept) and self._searched(kept) and kept.page.shelf == shelf and kept.page.id != not_page
            ]
        found = [(bits, page_id) for bits, page_id in near if bits <= distance]
        return min(found)[1] if found else None

    def duplicate(self, page_id: str, of: str) -> None:
        with self._all.lock:
            kept = self._there(page_id)
            if kept is None or page_id == of:
                return
            if of == "":
                self._all.release(kept)
                return
            original = self._there(of)
            if original is not None and self._live(original) and self._searched(original):
                kept.page = replace(kept.page, duplicate_of=of)

    def gone(self, page_ids: Sequence[str]) -> None:
        with self._all.lock:
            for page_id in page_ids:
                if page_id in self._all.pages:
                    self._all.pages[page_id].gone = True
            self._all.release_twins(page_ids)

    def waiting(self, limit: int) -> list[Page]:
        return self._some(lambda kept: not kept.page.duplicate_of and kept.page.live < kept.page.rev, limit)

    def unembedded(self, limit: int) -> list[Page]:
        return self._some(lambda kept: not kept.page.duplicate_of and kept.page.embedded < kept.page.live, limit)

    def old_chunks(self, limit: int) -> list[tuple[str, int]]:
        with self._all.lock:
            rows = sorted(self._all.pages.items())
            old = [(key, 0 if kept.gone else kept.page.live) for key, kept in rows if _stale(kept)]
            return old[: max(limit, 0)]

    def version(self, page_id: str, rev: int) -> Version | None:
        with self._all.lock:
            kept = self._all.pages.get(page_id)
            return kept.versions[rev][0] if kept and rev in kept.versions else None

    def chunks(self, page_id: str, rev: int) -> list[Chunk]:
        with self._all.lock:
            kept = self._all.pages.get(page_id)
            return list(kept.versions[rev][1]) if kept and rev in kept.versions else []

    def go_live(self, page_id: str, rev: int) -> bool:
        with self._all.lock:
            kept = self._there(page_id)
            if kept is None or kept.page.rev != rev:
                return False
            kept.page = replace(kept.page, live=rev)
            return True

    def set_embedded(self, page_id: str, rev: int) -> None:
        with self._all.lock:
            kept = self._all.pages.get(page_id)
            if kept is not None and kept.page.rev >= rev:
                kept.page = replace(kept.page, embedded=rev)

    def sweep(self, page_id: str, keep: int) -> None:
        with self._all.lock:
            kept, held = self._all.pages.get(page_id), self._all.held()
            if kept is None:
                return
            if keep <= 0:
                del self._all.pages[page_id]
                self._all.release_twins([page_id])
            else:
                keep = min(keep, kept.page.live)
                kept.versions = {rev: both for rev, both in kept.versions.items() if rev >= keep}
                kept.swept = max(kept.swept, keep)
            self._all.forget_vectors(held)

    def live_chunks(self, after: str, limit: int) -> list[tuple[str, str, int]]:
        with self._all.lock:
            rows = [
                (chunk.id, kept.page.id, chunk.rev)
                for kept in self._all.pages.values()
                if self._live(kept)
                for chunk in kept.versions[kept.page.live][1]
            ]
        return sorted(row for row in rows if row[0] > after)[: max(limit, 0)]

    def look_up(self, chunk_ids: Sequence[str], only: Filter) -> dict[str, tuple[Chunk, Page]]:
        found: dict[str, tuple[Chunk, Page]] = {}
        with self._all.lock:
            for kept in self._all.pages.values():
                if not self._live(kept) or not self._searched(kept) or kept.page.shelf not in only.shelves:
                    continue
                version, chunks = kept.versions[kept.page.live]
                if _fits(version, only):
                    page = replace(kept.page, version=replace(version, text=""))
                    found |= {chunk.id: (chunk, page) for chunk in chunks if chunk.id in chunk_ids}
        return found

    def vectors(self, model: str, checksums: Sequence[str]) -> dict[str, Vector]:
        with self._all.lock:
            return {c: list(self._all.vectors[model, c]) for c in checksums if (model, c) in self._all.vectors}

    def keep_vectors(self, model: str, vectors: Mapping[str, Vector]) -> None:
        if not known(*vectors) or not model or not all(vectors.values()):
            raise BadInput("form_bad", field="vector")
        with self._all.lock:
            for checksum, vector in vectors.items():
                as_float32 = list(unpack(f"<{len(vector)}f", pack(f"<{len(vector)}f", *vector)))
                self._all.vectors.setdefault((model, checksum), as_float32)

    def forget_vectors(self, checksums: Sequence[str]) -> None:
        with self._all.lock:
            self._all.forget_vectors(set(checksums))

    def totals(self, shelf: Shelf) -> tuple[int, int, int]:
        with self._all.lock:
            there = [kept for kept in self._all.pages.values() if self._live(kept) and self._searched(kept)]
            live = [kept for kept in there if kept.page.shelf == shelf]
            sizes = [(len(kept.versions[kept.page.live][1]), kept.page.embedded < kept.page.live) for kept in live]
        return len(live), sum(size for size, _ in sizes), sum(size for size, lacking in sizes if lacking)

    def _there(self, page_id: str) -> Kept | None:
        kept = self._all.pages.get(page_id)
        return None if kept is None or kept.gone else kept

    def _of(self, source_id: str) -> list[Page]:
        return [kept.page for kept in self._all.pages.values() if kept.page.source_id == source_id and not kept.gone]

    def _some(self, wanted: Any, limit: int) -> list[Page]:
        with self._all.lock:
            rows = [kept.page for _, kept in sorted(self._all.pages.items()) if not kept.gone and wanted(kept)]
            return rows[: max(limit, 0)]

    def _live(self, kept: Kept) -> bool:
        return kept.page.live > 0 and not kept.gone and not kept.page.duplicate_of

    def _searched(self, kept: Kept) -> bool:
        return self._all.sources[kept.page.source_id].removed_at is None

    def _with_version(self, kept: Kept) -> Page:
        both = kept.versions.get(kept.page.live)
        return replace(kept.page, version=both[0] if both else None)


def _stale(kept: Kept) -> bool:
    return kept.gone or kept.swept < kept.page.live


def _fits(version: Version, only: Filter) -> bool:
    at = version.published or version.fetched_at
    return (
        only.site in ("", version.site)
        and only.language in ("", version.language)
        and (only.since is None or at >= only.since)
        and (only.until is None or at <= only.until)
    )
