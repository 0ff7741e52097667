"""Who may do what on which shelf. What the pages and the JSON API do with knowledge goes through here.

Whose a shelf is says rights.py. Who is no member any more still sees and removes what is theirs. What changes a shelf
is told to `note` for the audit log, once it is done and before anybody hears that it is.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from domain.audit import Action, happened
from domain.errors import Conflict, NeedsMembership, NotAllowed, NotFound
from domain.knowledge.model import Answer, Chunk, Filter, Mode, Page, Run, Shelf, Source, Trouble
from domain.knowledge.ports import Pages, Sources
from domain.knowledge.rights import Who, may_change, may_read
from domain.knowledge.room import AsMuchAsUsual, Room, room_of
from domain.knowledge.standing import Standing, state_of
from domain.knowledge.urls import allowed
from domain.knowledge.wishes import Wish, address, checked
from domain.membership.ports import Allowances
from domain.people import AuditEvent, User
from domain.ports import Clock

CHANGEABLE = ("title", "include", "exclude", "depth", "max_pages", "every")


class Preview(msgspec.Struct, frozen=True):
    """What was extracted from a page. `chunks` are those that searches see, in order."""

    page: Page
    source: Source
    chunks: list[Chunk]


class Searching(Protocol):
    """domain/knowledge/search.py has the real one."""

    async def answer(self, question: str, *, only: Filter, limit: int, mode: Mode = "hybrid") -> Answer: ...


def _nowhere(_: AuditEvent) -> None:
    """For those who keep no audit log."""


class Shelves:
    """Every method is sync and one step of a person's; `wake` tells whoever crawls that there is work."""

    def __init__(
        self, sources: Sources, pages: Pages, search: Searching, clock: Clock, wake: Callable[[], None],
        note: Callable[[AuditEvent], None] = _nowhere, allowances: Allowances | None = None,
    ) -> None:  # fmt: skip
        """`allowances` say how many pages of their own somebody may have; without any, as many as is usual."""
        self._sources, self._pages, self._search, self._clock, self._wake = sources, pages, search, clock, wake
        self._note, self._allowances = note, allowances or AsMuchAsUsual()

    def on(self, who: Who, shelf: Shelf, skip: int = 0, limit: int | None = None) -> list[Standing]:
        """Oldest first. Raises NotFound("source_gone") for a shelf that is not theirs to read."""
        if not may_read(who, shelf):
            raise NotFound("source_gone")
        end = None if limit is None else skip + limit
        return [self._standing(source) for source in self._sources.on(shelf)[skip:end]]

    def before(self, who: Who, source: Source) -> int:
        """Return how many stand before it on its shelf, as `on` tells them; 0 for one that is not there."""
        names = [each.id for each in self._sources.on(source.shelf)] if may_read(who, source.shelf) else []
        return names.index(source.id) if source.id in names else 0

    def owned(self, user: User) -> list[Source]:
        """Return what is theirs on all of their shelves."""
        return [each for each in self._sources.owned(user.id) if each.removed_at is None]

    def add(self, who: Who, shelf: Shelf, wish: Wish) -> Standing:
        """Raises NotAllowed, NeedsMembership, BadInput with its `field`, Conflict("source_exists", "sources_full",
        "pages_full").
        """
        self.allowed(who, shelf)
        plan, now = checked(wish), self._clock.now()
        made = Source(
            id=secrets.token_urlsafe(12), shelf=shelf, created_by=who.id if who else "", created_at=now, next_at=now,
            **msgspec.structs.asdict(plan),
        )  # fmt: skip
        made = self._fitting(shelf, lambda room: self._sources.add(made, room))
        self._wake()
        self._tell("source_added", who, made)
        return self._standing(made)

    def source(self, who: Who, source_id: str) -> Standing:
        """Raises NotFound("source_gone") for another's as for one that never was or has been removed."""
        return self._standing(self._seen(who, source_id))

    def removed(self, who: Who, source_id: str) -> Source:
        """Return one that was removed and can be brought back. Raises NotFound("source_gone") for any other."""
        source = self._seen(who, source_id, removed=True)
        if source.removed_at is None:
            raise NotFound("source_gone")
        return source

    def change(self, who: Who, source_id: str, wish: Wish) -> Standing:
        """Address and kind stay as they are."""
        source = self._mine(who, source_id)
        plan = checked(msgspec.structs.replace(wish, url=source.url, kind=source.kind))
        changed = msgspec.structs.replace(
            source, title=plan.title, include=plan.include, exclude=plan.exclude, depth=plan.depth,
            max_pages=plan.max_pages, every=plan.every,
        )  # fmt: skip
        changed = self._fitting(source.shelf, lambda room: self._sources.change(changed, room))
        if names := [name for name in CHANGEABLE if getattr(changed, name) != getattr(source, name)]:
            self._tell("source_changed", who, changed, what=",".join(names))
        return self._standing(changed)

    def pause(self, who: Who, source_id: str, on: bool) -> Standing:
        """Visit it no more on schedule, or again; what is known already stays."""
        source = self._mine(who, source_id)
        changed = self._sources.change(msgspec.structs.replace(source, enabled=not on))
        if on:
            self._sources.stop(source.id, self._clock.now())
        else:
            self._wake()
        if source.enabled == on:
            self._tell("source_changed", who, changed, what="paused" if on else "resumed")
        return self._standing(changed)

    def crawl(self, who: Who, source_id: str) -> Standing:
        """Visit it now; one that was paused goes on."""
        source = self._mine(who, source_id)
        if resumed := not source.enabled:
            self._sources.change(msgspec.structs.replace(source, enabled=True))
        source = self._sources.hurry(source.id, self._clock.now())
        self._wake()
        if resumed:
            self._tell("source_changed", who, source, what="resumed")
        return self._standing(source)

    def stop(self, who: Who, source_id: str) -> Standing:
        source = self._mine(who, source_id)
        self._sources.stop(source.id, self._clock.now())
        return self._standing(source)

    def remove(self, who: Who, source_id: str) -> Source:
        source = self._mine(who, source_id, but_removing=True)
        self._sources.stop(source.id, self._clock.now())
        self._sources.remove(source.id, self._clock.now())
        self._tell("source_removed", who, source)
        return source

    def restore(self, who: Who, source_id: str) -> Standing:
        source = self._mine(who, source_id, removed=True)
        if source.removed_at is None:
            return self._standing(source)
        restored = self._fitting(source.shelf, lambda room: self._sources.restore(source.id, room))
        self._wake()
        self._tell("source_restored", who, restored)
        return self._standing(restored)

    def pages(self, who: Who, source_id: str, limit: int = 50, after: str = "") -> list[Page]:
        """By address; `after` is the last of the page before."""
        return self._pages.of(self._seen(who, source_id).id, limit, after)

    def troubles(self, who: Who, source_id: str, limit: int = 100) -> list[Trouble]:
        """Return what could not be had in the last run."""
        run = self._last(self._seen(who, source_id))
        return self._sources.troubles(run.id, limit) if run is not None else []

    def page(self, who: Who, page_id: str) -> Preview:
        """Raises NotFound("page_gone")."""
        page = self._pages.get(page_id)
        try:
            source = self._seen(who, page.source_id)
        except NotFound as error:
            raise NotFound("page_gone") from error
        return Preview(page, source, self._pages.chunks(page.id, page.live) if page.live else [])

    def page_at(self, who: Who, url: str, shelves: Sequence[Shelf]) -> Preview:
        """Return the page of that address on the first of these shelves that has it. Raises NotFound("page_gone")."""
        wanted = address(url)
        for shelf in shelves:
            if not may_read(who, shelf):
                continue
            for source in self._sources.on(shelf):  # hundreds; few of them can have it, and only these are asked for
                if allowed(wanted, source) and (page := self._pages.find(source.id, wanted)) is not None:
                    return self.page(who, page.id)
        raise NotFound("page_gone")

    async def search(self, who: Who, text: str, only: Filter, mode: Mode = "hybrid", limit: int = 10) -> Answer:
        """Shelves of the filter that are not theirs to read are left out of it."""
        theirs = tuple(shelf for shelf in only.shelves if may_read(who, shelf))
        if not theirs:
            return Answer((), mode)
        only = msgspec.structs.replace(only, shelves=theirs)
        return await self._search.answer(text, only=only, limit=limit, mode=mode)

    def totals(self, who: Who, shelf: Shelf) -> tuple[int, int, int]:
        """Return live pages, their chunks, and chunks whose vectors are still to be made; zeros for another's."""
        return self._pages.totals(shelf) if may_read(who, shelf) else (0, 0, 0)

    def _tell(self, action: Action, who: Who, source: Source, **more: str) -> None:
        """Ids and whose it is: an address may have somebody's words in it, or a secret. Raises Unavailable."""
        whose = {"shelf": "own" if source.shelf.owner else "everybody", "character": source.shelf.persona}
        self._note(happened(action, self._clock.now(), who.id if who else "system", source.id, **whose, **more))

    def _seen(self, who: Who, source_id: str, removed: bool = False) -> Source:
        source = self._sources.get(source_id)
        if not may_read(who, source.shelf) or (source.removed_at is not None and not removed):
            raise NotFound("source_gone")
        return source

    def _mine(self, who: Who, source_id: str, removed: bool = False, but_removing: bool = False) -> Source:
        source = self._seen(who, source_id, removed)
        if not (but_removing and source.shelf.owner):  # which is then their own
            self.allowed(who, source.shelf)
        return source

    def allowed(self, who: Who, shelf: Shelf) -> None:
        """Raises NotAllowed, or NeedsMembership, with why they may not add to it; NotFound("source_gone") for somebody
        else's. Waits for the store.
        """
        if who is None:
            raise NotAllowed("sign_in_first")
        if not shelf.owner and not may_change(who, shelf):
            raise NotAllowed("admins_only")
        if shelf.owner and shelf.owner != who.id:
            raise NotFound("source_gone")
        if shelf.owner and (refusal := self.refusal(who, shelf)) is not None:
            raise refusal

    def refusal(self, who: User, shelf: Shelf) -> NeedsMembership | None:
        """Return what keeps somebody from having pages of their own, None where nothing does. Waits for the store."""
        given = self._allowances.allowance(who.id, "knowledge_pages")
        if may_change(who, shelf) and given.limit:
            return None
        return NeedsMembership("members_only", feature="knowledge_pages", better=given.better)

    def _fitting(self, shelf: Shelf, write: Callable[[Room], Source]) -> Source:
        """Write it if there is room. Where the plan is what gives too little, a better one is named."""
        try:
            return write(room_of(shelf, self._allowances))
        except Conflict as full:
            better = self._allowances.allowance(shelf.owner, "knowledge_pages").better if shelf.owner else ""
            if full.code != "pages_full" or not better:
                raise
            raise NeedsMembership(full.code, feature="knowledge_pages", better=better, **full.detail) from None

    def _last(self, source: Source) -> Run | None:
        return next(iter(self._sources.runs(source.id, 1)), None)

    def _standing(self, source: Source) -> Standing:
        run = self._last(source)
        return Standing(source, run, state_of(source, run, self._clock.now()), self._pages.count(source.id))
