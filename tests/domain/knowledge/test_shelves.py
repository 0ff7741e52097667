"""Who may do what on which shelf: a character's, one's own, somebody else's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.errors import Conflict, NeedsMembership, NotAllowed, NotFound, ParleyError
from domain.knowledge import room as rules
from domain.knowledge.model import Answer, Chunk, Filter, Mode, Page, Shelf, Version
from domain.knowledge.rights import Who, may_change, may_read
from domain.knowledge.room import Room as Quota
from domain.knowledge.shelves import Shelves
from domain.knowledge.wishes import Wish
from domain.membership.model import Allowance, Feature
from domain.people import Role, User
from tests.fakes import HandClock
from tests.fakes_knowledge import MemorySources, Shelfful
from tests.fakes_knowledge_pages import MemoryPages

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PUBLIC = Shelf("", "socrates")
SITE = Wish(url="https://site.example/")


class Librarian:
    def __init__(self) -> None:
        self.asked: list[Filter] = []

    async def answer(self, question: str, *, only: Filter, limit: int, mode: Mode = "hybrid") -> Answer:
        self.asked.append(only)
        return Answer((), mode)


class Room:
    """The shelves with all that stands behind them."""

    def __init__(self) -> None:
        everything, self.clock = Shelfful(), HandClock()
        self.sources, self.pages, self.librarian = MemorySources(everything), MemoryPages(everything), Librarian()
        self.woken = 0
        self.shelves = Shelves(self.sources, self.pages, self.librarian, self.clock, self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def visited(self, source_id: str) -> Page:
        """Keep one page of a source, with one chunk that searches see."""
        source = self.sources.get(source_id)
        page = Page(
            id=f"page-of-{source_id}", source_id=source.id, shelf=source.shelf, url=source.url, checked_at=NOW
        )
        version = Version(
            rev=1, title="Rates", site="site.example", language="en", published=None, text="A room costs ten.",
            checksum="0" * 64, simhash=7, fetched_at=NOW,
        )  # fmt: skip
        chunk = Chunk(
            id="00000000-0000-5000-8000-000000000001", page_id=page.id, rev=1, index=0, heading="", start=0, end=17,
            text=version.text, checksum="1" * 64,
        )  # fmt: skip
        page = self.pages.write(page, version, [chunk])
        assert self.pages.go_live(page.id, page.rev)
        return self.pages.get(page.id)


@pytest.fixture
def room() -> Room:
    return Room()


def person(name: str, role: Role = "member") -> User:
    return User(
        id=f"id-of-{name}", username=name, email=f"{name}@example.org", role=role, created_at=NOW, password_at=NOW
    )


ANNA, BERTA = person("anna"), person("berta")
ADMIN, USER = person("ada", "admin"), person("uli", "user")


def own(user: User, persona: str = "") -> Shelf:
    return Shelf(user.id, persona)


@pytest.mark.parametrize(
    ("who", "shelf", "reads", "changes"),
    [
        (None, PUBLIC, True, False),
        (USER, PUBLIC, True, False),
        (ANNA, PUBLIC, True, False),
        (ADMIN, PUBLIC, True, True),
        (None, own(ANNA), False, False),
        (USER, own(USER), True, False),
        (USER, own(ANNA), False, False),
        (ANNA, own(ANNA), True, True),
        (ANNA, own(ANNA, "socrates"), True, True),
        (BERTA, own(ANNA), False, False),
        (BERTA, own(ANNA, "socrates"), False, False),
        (ADMIN, own(ANNA), False, False),
        (ADMIN, own(ADMIN), True, True),
    ],
)
def test_a_shelf_is_for_those_whom_it_is_for(who: Who, shelf: Shelf, reads: bool, changes: bool) -> None:
    assert (may_read(who, shelf), may_change(who, shelf)) == (reads, changes)


@pytest.mark.parametrize(
    ("who", "shelf", "error", "code"),
    [
        (None, PUBLIC, NotAllowed, "sign_in_first"),
        (None, own(ANNA), NotAllowed, "sign_in_first"),
        (USER, PUBLIC, NotAllowed, "admins_only"),
        (ANNA, PUBLIC, NotAllowed, "admins_only"),
        (USER, own(USER), NeedsMembership, "members_only"),
        (USER, own(ANNA), NotFound, "source_gone"),
        (BERTA, own(ANNA), NotFound, "source_gone"),
        (ADMIN, own(ANNA), NotFound, "source_gone"),
    ],
)
def test_who_may_not_add_is_told_why_and_nothing_is_kept(
    room: Room, who: Who, shelf: Shelf, error: type[ParleyError], code: str
) -> None:
    with pytest.raises(error) as told:
        room.shelves.add(who, shelf, SITE)
    assert told.value.code == code
    assert room.sources.on(shelf) == []
    assert room.woken == 0


def test_a_source_that_is_given_is_planned_and_somebody_is_woken(room: Room) -> None:
    made = room.shelves.add(ANNA, own(ANNA, "socrates"), msgspec.structs.replace(SITE, url="Site.Example"))
    source = made.source
    assert (source.url, source.kind, source.title) == ("https://site.example/", "site", "site.example")
    assert (source.depth, source.max_pages, source.every) == (1, 50, timedelta(days=1))
    assert (source.created_by, made.state, made.pages, made.run) == (ANNA.id, "waiting", 0, None)
    assert room.woken == 1
    assert room.sources.due(room.clock.now()) == [source]


def test_the_same_address_is_once_on_a_shelf_and_may_be_on_two(room: Room) -> None:
    first = room.shelves.add(ANNA, own(ANNA), SITE)
    with pytest.raises(Conflict) as told:
        room.shelves.add(ANNA, own(ANNA), SITE)
    assert (told.value.code, told.value.detail["source_id"]) == ("source_exists", first.source.id)
    room.shelves.add(ANNA, own(ANNA, "socrates"), SITE)
    room.shelves.add(BERTA, own(BERTA), SITE)


ACTS: dict[str, Callable[[Shelves, Who, str], Any]] = {
    "source": lambda shelves, who, which: shelves.source(who, which),
    "change": lambda shelves, who, which: shelves.change(who, which, SITE),
    "pause": lambda shelves, who, which: shelves.pause(who, which, True),
    "crawl": lambda shelves, who, which: shelves.crawl(who, which),
    "stop": lambda shelves, who, which: shelves.stop(who, which),
    "remove": lambda shelves, who, which: shelves.remove(who, which),
    "restore": lambda shelves, who, which: shelves.restore(who, which),
    "pages": lambda shelves, who, which: shelves.pages(who, which),
    "troubles": lambda shelves, who, which: shelves.troubles(who, which),
}
READS = {"source", "pages", "troubles"}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", [None, USER, BERTA, ADMIN], ids=["a guest", "a user", "a member", "an admin"])
def test_what_is_annas_is_not_there_for_anybody_else(room: Room, who: Who, act: str) -> None:
    mine = room.shelves.add(ANNA, own(ANNA), SITE).source
    with pytest.raises(NotFound) as told:
        ACTS[act](room.shelves, who, mine.id)
    assert told.value.code == "source_gone"
    assert room.shelves.source(ANNA, mine.id).source == mine


@pytest.mark.parametrize("act", ACTS)
def test_what_was_never_there_is_told_the_same(room: Room, act: str) -> None:
    with pytest.raises(NotFound) as told:
        ACTS[act](room.shelves, ANNA, "nobodys")
    assert told.value.code == "source_gone"


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", [None, USER, ANNA], ids=["a guest", "a user", "a member"])
def test_a_characters_own_is_read_by_everybody_and_changed_by_admins(room: Room, who: Who, act: str) -> None:
    theirs = room.shelves.add(ADMIN, PUBLIC, SITE).source
    if act in READS:
        ACTS[act](room.shelves, who, theirs.id)
        return
    with pytest.raises(NotAllowed) as told:
        ACTS[act](room.shelves, who, theirs.id)
    assert told.value.code == ("sign_in_first" if who is None else "admins_only")
    assert room.shelves.source(ADMIN, theirs.id).source == theirs
    ACTS[act](room.shelves, ADMIN, theirs.id)


def test_who_is_no_member_any_more_sees_and_removes_what_is_theirs_and_adds_nothing(room: Room) -> None:
    mine = room.shelves.add(ANNA, own(ANNA), SITE).source
    former = msgspec.structs.replace(ANNA, role="user")
    assert [row.source for row in room.shelves.on(former, own(ANNA))] == [mine]
    with pytest.raises(NeedsMembership):
        room.shelves.add(former, own(ANNA), Wish(url="https://other.example/"))
    with pytest.raises(NeedsMembership):
        room.shelves.crawl(former, mine.id)
    room.shelves.remove(former, mine.id)
    assert room.shelves.on(former, own(ANNA)) == []


class Sells:
    """A plan that gives so many pages, with a better one."""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        assert (owner, feature) == (ANNA.id, "knowledge_pages")
        return Allowance(self.pages, "", better="plus")


def test_how_many_pages_somebody_may_have_is_what_their_plan_gives(room: Room) -> None:
    sold = Sells(5)
    shelves = Shelves(
        room.sources, room.pages, room.librarian, room.clock, room._wake, allowances=sold
    )
    shelves.add(ANNA, own(ANNA), Wish(url="https://one.example/", kind="site", max_pages=5))
    with pytest.raises(NeedsMembership) as full:
        shelves.add(ANNA, own(ANNA), Wish(url="https://two.example/", kind="page"))
    told = full.value.detail
    assert (full.value.code, told["better"], told["most"], told["left"]) == ("pages_full", "plus", 5, 0)
    sold.pages = 6
    shelves.add(ANNA, own(ANNA), Wish(url="https://two.example/", kind="page"))
    sold.pages = 0
    with pytest.raises(NeedsMembership) as none:
        shelves.add(ANNA, own(ANNA), Wish(url="https://three.example/", kind="page"))
    assert none.value.code == "members_only"


def test_what_was_removed_is_gone_until_it_is_brought_back(room: Room) -> None:
    mine = room.shelves.add(ANNA, own(ANNA), SITE).source
    room.shelves.remove(ANNA, mine.id)
    assert room.shelves.on(ANNA, own(ANNA)) == []
    assert room.shelves.owned(ANNA) == []
    with pytest.raises(NotFound):
        room.shelves.crawl(ANNA, mine.id)
    with pytest.raises(NotFound):
        room.shelves.restore(BERTA, mine.id)
    assert room.shelves.restore(ANNA, mine.id).source.id == mine.id
    assert [row.source.id for row in room.shelves.on(ANNA, own(ANNA))] == [mine.id]


def test_a_member_has_room_for_so_many_sources_on_all_shelves_together(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "OWN", Quota(2, 1_000))
    first = room.shelves.add(ANNA, own(ANNA), Wish(url="https://one.example/")).source
    room.shelves.add(ANNA, own(ANNA, "socrates"), Wish(url="https://two.example/"))
    with pytest.raises(Conflict) as told:
        room.shelves.add(ANNA, own(ANNA, "holmes"), SITE)
    assert (told.value.code, told.value.detail["most"]) == ("sources_full", 2)
    room.shelves.add(BERTA, own(BERTA), SITE)  # who has room of her own
    room.shelves.remove(ANNA, first.id)
    room.shelves.add(ANNA, own(ANNA, "holmes"), SITE)
    with pytest.raises(Conflict):
        room.shelves.restore(ANNA, first.id)


def test_a_member_has_room_for_so_many_pages(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "OWN", Quota(9, 100))
    first = room.shelves.add(ANNA, own(ANNA), msgspec.structs.replace(SITE, max_pages=60)).source
    with pytest.raises(Conflict) as told:
        room.shelves.add(ANNA, own(ANNA), Wish(url="https://two.example/", max_pages=41))
    assert (told.value.code, told.value.detail["left"]) == ("pages_full", 40)
    assert room.shelves.change(ANNA, first.id, Wish(url="", max_pages=100)).source.max_pages == 100
    with pytest.raises(Conflict):
        room.shelves.change(ANNA, first.id, Wish(url="", max_pages=101))


def test_changing_keeps_the_address_and_the_kind(room: Room) -> None:
    mine = room.shelves.add(ANNA, own(ANNA), SITE).source
    wish = Wish(url="https://evil.example/", kind="feed", title="Rates", include=("/rates/*",), depth=2, hours=6)
    new = room.shelves.change(ANNA, mine.id, wish).source
    assert (new.url, new.kind, new.shelf) == (mine.url, mine.kind, mine.shelf)
    assert (new.title, new.include, new.depth, new.every) == ("Rates", ("/rates/*",), 2, timedelta(hours=6))


def test_a_visit_is_stopped_asked_for_and_paused(room: Room) -> None:
    mine = room.shelves.add(ANNA, own(ANNA), SITE).source
    run = room.sources.start(mine.id, room.clock.now(), timedelta(minutes=2))
    assert run is not None
    assert room.shelves.source(ANNA, mine.id).state == "running"
    stopping = room.shelves.stop(ANNA, mine.id)
    assert stopping.run is not None
    assert (stopping.state, stopping.run.stop) == ("running", True)
    later = room.clock.now() + timedelta(days=1)
    room.sources.finish(msgspec.structs.replace(run, state="stopped", ended_at=room.clock.now()), later, False)
    assert room.shelves.source(ANNA, mine.id).state == "stopped"
    assert room.shelves.crawl(ANNA, mine.id).state == "waiting"
    assert room.shelves.pause(ANNA, mine.id, True).state == "paused"
    assert room.sources.due(room.clock.now()) == []
    woken = room.woken
    assert room.shelves.crawl(ANNA, mine.id).state == "waiting"  # and it goes on
    assert room.woken == woken + 1
    assert [each.id for each in room.sources.due(room.clock.now())] == [mine.id]


def test_a_page_is_read_by_those_who_read_its_shelf(room: Room) -> None:
    mine = room.shelves.add(ANNA, own(ANNA), SITE).source
    page = room.visited(mine.id)
    found = room.shelves.page(ANNA, page.id)
    assert found.page.version is not None
    assert (found.page.version.text, len(found.chunks), found.source) == ("A room costs ten.", 1, mine)
    for who in (None, USER, BERTA, ADMIN):
        with pytest.raises(NotFound) as told:
            room.shelves.page(who, page.id)
        assert told.value.code == "page_gone"
    room.shelves.remove(ANNA, mine.id)
    with pytest.raises(NotFound):
        room.shelves.page(ANNA, page.id)


def test_a_page_is_found_by_its_address_on_readable_shelves_only(room: Room) -> None:
    page = room.visited(room.shelves.add(ANNA, own(ANNA), SITE).source.id)
    shelves = (PUBLIC, own(ANNA))
    assert room.shelves.page_at(ANNA, "site.example", shelves).page.id == page.id
    for who in (None, BERTA, ADMIN):
        with pytest.raises(NotFound):
            room.shelves.page_at(who, "site.example", shelves)


async def test_a_search_is_never_asked_for_a_shelf_that_is_somebody_elses(room: Room) -> None:
    only = Filter(shelves=(PUBLIC, own(ANNA), own(ANNA, "socrates"), own(BERTA)), site="site.example")
    await room.shelves.search(BERTA, "rates", only)
    await room.shelves.search(None, "rates", only)
    assert await room.shelves.search(None, "rates", Filter(shelves=(own(ANNA),))) == Answer((), "hybrid")
    assert [each.shelves for each in room.librarian.asked] == [(PUBLIC, own(BERTA)), (PUBLIC,)]
    assert {each.site for each in room.librarian.asked} == {"site.example"}


def test_figures_of_somebody_elses_shelf_are_zeros(room: Room) -> None:
    room.visited(room.shelves.add(ANNA, own(ANNA), SITE).source.id)
    assert room.shelves.totals(ANNA, own(ANNA)) == (1, 1, 1)
    assert room.shelves.totals(ADMIN, own(ANNA)) == room.shelves.totals(None, own(ANNA)) == (0, 0, 0)
    with pytest.raises(NotFound):
        room.shelves.on(ADMIN, own(ANNA))


def test_an_address_is_looked_for_only_where_it_can_be(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may ask for an address, and a shelf may have hundreds of sources: it is not a question for each."""
    for number in range(20):
        room.shelves.add(ANNA, own(ANNA), Wish(url=f"https://site{number}.example/"))
    page = room.visited(room.shelves.add(ANNA, own(ANNA), SITE).source.id)
    find, asked = room.pages.find, list[str]()

    def counted(source_id: str, url: str) -> Page | None:
        asked.append(source_id)
        return find(source_id, url)

    monkeypatch.setattr(room.pages, "find", counted)
    assert room.shelves.page_at(ANNA, "site.example", [own(ANNA)]).page.id == page.id
    assert asked == [page.source_id]
