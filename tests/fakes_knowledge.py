"""Sources, the frontier and politeness in memory, for tests of what stands above them; pages: fakes_knowledge_pages.py.

`Shelfful` is what they all look at, as the stores all look at one database.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

import msgspec

from db.source_rows import COUNTS, check_url, name_or_none, settings, source_row
from domain.errors import Conflict, NotFound
from domain.knowledge.model import Chunk, Page, Run, Shelf, Source, Trouble, Version
from domain.knowledge.ports import FrontierItem
from domain.knowledge.room import Room, check_room
from domain.ports import Vector

replace = msgspec.structs.replace
KEEP_RUNS = 20
ENDED = ("done", "stopped", "failed")


class Waiting(msgspec.Struct):
    """An address of the frontier."""

    item: FrontierItem
    ready_at: datetime | None = None
    leased: bool = False
    done: bool = False


class Kept(msgspec.Struct):
    """A page with all that is kept of it."""

    page: Page
    versions: dict[int, tuple[Version, list[Chunk]]] = {}
    gone: bool = False
    swept: int = 1


class Shelfful:
    def __init__(self) -> None:
        self.lock = RLock()
        self.sources: dict[str, Source] = {}
        self.runs: dict[str, Run] = {}
        self.at_work: dict[str, str] = {}  # source -> run
        self.troubles: dict[str, dict[str, Trouble]] = {}
        self.frontier: dict[str, dict[str, Waiting]] = {}
        self.pages: dict[str, Kept] = {}
        self.vectors: dict[tuple[str, str], Vector] = {}

    def source(self, source_id: str, removed: bool = False) -> Source:
        source = self.sources.get(source_id)
        if source is None or (source.removed_at is not None) is not removed:
            raise NotFound("source_gone")
        return source

    def release(self, kept: Kept) -> None:
        """No duplicate any more: it is to be published anew."""
        if kept.page.duplicate_of:
            kept.page = replace(kept.page, duplicate_of="", live=0, embedded=0)

    def release_twins(self, page_ids: Sequence[str], but_of: str = "") -> None:
        for kept in self.pages.values():
            if kept.page.duplicate_of in page_ids and kept.page.source_id != but_of:
                self.release(kept)

    def held(self) -> set[str]:
        """Return the checksums of all chunks."""
        return {c.checksum for kept in self.pages.values() for _, chunks in kept.versions.values() for c in chunks}

    def forget_vectors(self, held_before: set[str]) -> None:
        gone = held_before - self.held()
        self.vectors = {key: vector for key, vector in self.vectors.items() if key[1] not in gone}

    def drop_source(self, source_id: str) -> list[str]:
        held = self.held()
        page_ids = [kept.page.id for kept in self.pages.values() if kept.page.source_id == source_id]
        for page_id in page_ids:
            del self.pages[page_id]
        for run in [run for run in self.runs.values() if run.source_id == source_id]:
            self.drop_run(run.id)
        self.sources.pop(source_id)
        self.at_work.pop(source_id, None)
        self.frontier.pop(source_id, None)
        self.forget_vectors(held)
        return page_ids

    def drop_run(self, run_id: str) -> None:
        del self.runs[run_id]
        self.troubles.pop(run_id, None)


class MemorySources:
    def __init__(self, all_: Shelfful) -> None:
        self._all = all_

    def add(self, source: Source, room: Room | None = None) -> Source:
        source_row(source)
        with self._all.lock:
            self._room(source, room)
            self._free(source)
            if source.id in self._all.sources:
                raise Conflict("source_exists", source_id=source.id)
            self._all.sources[source.id] = replace(source, removed_at=None)
            return self.get(source.id)

    def get(self, source_id: str) -> Source:
        try:
            return self._all.sources[source_id]
        except KeyError:
            raise NotFound("source_gone") from None

    def on(self, shelf: Shelf) -> list[Source]:
        return self._sorted(s for s in list(self._all.sources.values()) if s.shelf == shelf and s.removed_at is None)

    def owned(self, owner: str) -> list[Source]:
        return self._sorted(s for s in list(self._all.sources.values()) if owner and s.shelf.owner == owner)

    def change(self, source: Source, room: Room | None = None) -> Source:
        settings(source)
        with self._all.lock:
            self._room(source, room)
            return self._set(
                source.id, title=source.title, include=source.include, exclude=source.exclude, depth=source.depth,
                max_pages=source.max_pages, every=source.every, enabled=source.enabled,
            )  # fmt: skip

    def hurry(self, source_id: str, now: datetime) -> Source:
        return self._set(source_id, next_at=now)

    def remove(self, source_id: str, now: datetime) -> None:
        with self._all.lock:
            self.stop(source_id, now)
            self._set(source_id, removed_at=now)
            pages = [kept.page.id for kept in self._all.pages.values() if kept.page.source_id == source_id]
            self._all.release_twins(pages, but_of=source_id)

    def restore(self, source_id: str, room: Room | None = None) -> Source:
        with self._all.lock:
            source = self.get(source_id)
            if source.removed_at is not None:
                self._room(source, room)
                self._free(source)
                self._all.sources[source_id] = replace(source, removed_at=None)
            return self.get(source_id)

    def purge(self, removed_before: datetime) -> list[str]:
        with self._all.lock:
            old = [s.id for s in self._all.sources.values() if s.removed_at and s.removed_at < removed_before]
            return [page_id for source_id in old for page_id in self._all.drop_source(source_id)]

    def erase(self, owner: str) -> list[str]:
        with self._all.lock:
            return [page_id for source in self.owned(owner) for page_id in self._all.drop_source(source.id)]

    def due(self, now: datetime, limit: int = 20, silent_for: timedelta = timedelta(minutes=2)) -> list[Source]:
        def free(source: Source) -> bool:
            run = self._run_of(source.id)
            return run is None or run.moved_at <= now - silent_for

        with self._all.lock:
            there = [s for s in self._all.sources.values() if s.enabled and s.removed_at is None and s.next_at <= now]
            return sorted(filter(free, there), key=lambda source: source.next_at)[: max(limit, 0)]

    def start(self, source_id: str, now: datetime, silent_for: timedelta) -> Run | None:
        with self._all.lock:
            source = self._all.source(source_id)
            run = self._run_of(source_id)
            if run is not None:
                if run.moved_at > now - silent_for:
                    return None
                return self._keep(replace(run, moved_at=now))
            run = Run(id=secrets.token_hex(10), source_id=source_id, state="running", started_at=now, moved_at=now)
            self._all.at_work[source_id] = run.id
            self._set(source_id, next_at=min(now, source.next_at))
            self._keep(run)
            for old in self.runs(source_id, 10**6)[KEEP_RUNS:]:
                self._all.drop_run(old.id)
            return run

    def runs(self, source_id: str, limit: int = 10) -> list[Run]:
        with self._all.lock:
            mine = [run for run in self._all.runs.values() if run.source_id == source_id]
            return sorted(sorted(mine, key=lambda r: r.id), key=lambda r: r.started_at, reverse=True)[: max(limit, 0)]

    def progress(self, run: Run) -> Run:
        with self._all.lock:
            there = self._all.runs.get(run.id)
            if there is None:
                raise NotFound("source_gone")
            if there.ended_at is not None:
                return replace(there, stop=True)
            return self._keep(self._more(there, run))

    def stop(self, source_id: str, now: datetime) -> Run | None:
        with self._all.lock:
            self._all.source(source_id)
            run = self._run_of(source_id)
            return None if run is None else self._keep(replace(run, stop=True))

    def finish(self, run: Run, next_at: datetime, trouble: bool) -> None:
        with self._all.lock:
            if self._all.at_work.get(run.source_id) != run.id:
                return
            there = self._more(self._all.runs[run.id], run)
            state: Any = run.state if run.state in ENDED else ("failed" if trouble else "done")
            ended = run.ended_at or run.moved_at
            self._keep(replace(there, state=state, ended_at=ended, error=name_or_none(run.error)))
            del self._all.at_work[run.source_id]
            source = self.get(run.source_id)
            self._all.sources[source.id] = replace(source, next_at=next_at, fails=source.fails + 1 if trouble else 0)

    def trouble(self, run_id: str, trouble: Trouble) -> None:
        check_url(trouble.url)
        with self._all.lock:
            if run_id in self._all.runs:
                kept = replace(trouble, code=name_or_none(trouble.code))
                self._all.troubles.setdefault(run_id, {})[trouble.url] = kept

    def troubles(self, run_id: str, limit: int = 100) -> list[Trouble]:
        with self._all.lock:
            kept = self._all.troubles.get(run_id, {}).values()
            return sorted(kept, key=lambda trouble: trouble.at, reverse=True)[: max(limit, 0)]

    def _room(self, source: Source, room: Room | None) -> None:
        if room is not None:
            there = self.owned(source.shelf.owner) if source.shelf.owner else self.on(source.shelf)
            others = [one.max_pages for one in there if one.removed_at is None and one.id != source.id]
            check_room(room, others, source.max_pages)

    def _free(self, source: Source) -> None:
        for other in self.on(source.shelf):
            if other.url == source.url:
                raise Conflict("source_exists", source_id=other.id)

    def _set(self, source_id: str, **values: Any) -> Source:
        with self._all.lock:
            self._all.sources[source_id] = replace(self._all.source(source_id), **values)
            return self._all.sources[source_id]

    def _run_of(self, source_id: str) -> Run | None:
        run_id = self._all.at_work.get(source_id)
        return None if run_id is None else self._all.runs[run_id]

    def _keep(self, run: Run) -> Run:
        self._all.runs[run.id] = run
        return run

    def _more(self, there: Run, told: Run) -> Run:
        counts = {name: max(getattr(there, name), getattr(told, name)) for name in COUNTS}
        return replace(there, moved_at=max(there.moved_at, told.moved_at), **counts)

    def _sorted(self, sources: Any) -> list[Source]:
        return sorted(sources, key=lambda source: (source.created_at, source.id))


class MemoryFrontier:
    def __init__(self, all_: Shelfful) -> None:
        self._all = all_

    def fill(self, source_id: str, urls: Sequence[tuple[str, int]], most: int) -> int:
        depths: dict[str, int] = {}
        for url, depth in urls:
            depths[check_url(url)] = min(depth, depths.get(url, depth))
        with self._all.lock:
            self._all.source(source_id)
            held = self._all.frontier.setdefault(source_id, {})
            for url, depth in depths.items():
                if url not in held and len(held) < most:
                    held[url] = Waiting(FrontierItem(source_id=source_id, url=url, depth=depth))
            return len(held)

    def take(self, source_id: str, now: datetime, lease: timedelta) -> FrontierItem | None:
        with self._all.lock:
            rows = [row for row in self._rows(source_id).values() if not row.done]
            ready = [row for row in rows if row.ready_at is None or row.ready_at <= now]
            if not ready:
                return None
            row = min(ready, key=lambda row: row.item.depth)
            row.item = replace(row.item, tries=row.item.tries + row.leased)
            row.leased, row.ready_at = True, now + lease
            return row.item

    def done(self, source_id: str, url: str) -> None:
        with self._all.lock:
            if (row := self._rows(source_id).get(url)) is not None:
                row.done, row.leased = True, False

    def later(self, source_id: str, url: str, not_before: datetime) -> None:
        with self._all.lock:
            row = self._rows(source_id).get(url)
            if row is not None and not row.done:
                row.item = replace(row.item, tries=row.item.tries + 1)
                row.ready_at, row.leased = not_before, False

    def left(self, source_id: str) -> int:
        with self._all.lock:
            return sum(not row.done for row in self._rows(source_id).values())

    def clear(self, source_id: str) -> None:
        with self._all.lock:
            self._all.frontier.pop(source_id, None)

    def _rows(self, source_id: str) -> dict[str, Waiting]:
        return self._all.frontier.get(source_id, {})


class Host(msgspec.Struct):
    seen_at: datetime
    started_at: datetime | None = None
    paused_until: datetime | None = None
    places: list[datetime] = []
    robots: tuple[str, bool, datetime] | None = None


class MemoryHosts:
    def __init__(self) -> None:
        self._lock, self._hosts = RLock(), dict[str, Host]()

    def robots(self, host: str, now: datetime) -> tuple[str, bool] | None:
        with self._lock:
            kept = self._hosts[host].robots if host in self._hosts else None
            return None if kept is None or kept[2] <= now - timedelta(days=1) else kept[:2]

    def keep_robots(self, host: str, body: str, barred: bool, now: datetime) -> None:
        body = body.replace("\0", "").encode(errors="replace").decode()
        with self._lock:
            there = self._hosts.setdefault(host, Host(now))
            there.robots, there.seen_at = (body[:524_288], barred, now), now

    def turn(self, host: str, now: datetime, gap: timedelta, at_once: int = 2) -> float:
        with self._lock:
            there = self._hosts.setdefault(host, Host(now))
            there.places = [end for end in there.places if end > now]
            ready = max(now, (there.started_at + gap) if there.started_at else now, there.paused_until or now)
            if ready > now:
                return (ready - now).total_seconds()
            if len(there.places) >= at_once:
                ends = min(there.places) - now if there.places else timedelta(seconds=30)
                return min(ends.total_seconds(), max(gap.total_seconds(), 0.1))
            there.places.append(now + timedelta(seconds=30))
            there.started_at = there.seen_at = now
            return 0.0

    def leave(self, host: str, now: datetime, pause: timedelta = timedelta()) -> None:
        with self._lock:
            if host in self._hosts:
                there = self._hosts[host]
                there.places = sorted(end for end in there.places if end > now)[1:]
                there.paused_until = max(now + min(pause, timedelta(days=1)), there.paused_until or now)

    def purge(self, before: datetime) -> int:
        with self._lock:
            old = [name for name, host in self._hosts.items() if host.seen_at < before]
            for name in old:
                del self._hosts[name]
            return len(old)
