"""What changes a shelf has its row in the audit log: who, which source, whose shelf, and nothing of what is in it."""

import msgspec
import pytest

from domain.audit import clean
from domain.errors import Conflict, NotAllowed, NotFound, Unavailable
from domain.knowledge.model import Shelf
from domain.knowledge.shelves import Shelves
from domain.knowledge.wishes import Wish
from domain.people import AuditEvent
from tests.domain.knowledge.test_shelves import ADMIN, ANNA, BERTA, PUBLIC, SITE, Room, own, person

TELLING = Wish(url="https://secret-plans.example/anna?token=4711", title="What nobody may know", include=("/hush*",))


class Desk(Room):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[AuditEvent] = []
        self.shelves = Shelves(self.sources, self.pages, self.librarian, self.clock, self._wake, self.told.append)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Return actions, and what was changed."""
        return [(event.action, str(event.detail.get("what", ""))) for event in self.told]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("who", "shelf", "whose"),
    [
        (ADMIN, PUBLIC, {"shelf": "everybody", "character": "socrates"}),
        (ANNA, own(ANNA), {"shelf": "own", "character": ""}),
        (ANNA, own(ANNA, "socrates"), {"shelf": "own", "character": "socrates"}),
    ],
)
def test_every_change_of_a_shelf_is_written_down_with_who_made_it(
    desk: Desk, who: msgspec.Struct, shelf: Shelf, whose: dict[str, str]
) -> None:
    shelves = desk.shelves
    made = shelves.add(who, shelf, SITE).source  # type: ignore[arg-type]
    shelves.change(who, made.id, msgspec.structs.replace(SITE, depth=2, max_pages=9))  # type: ignore[arg-type]
    shelves.pause(who, made.id, on=True)  # type: ignore[arg-type]
    shelves.pause(who, made.id, on=False)  # type: ignore[arg-type]
    shelves.pause(who, made.id, on=True)  # type: ignore[arg-type]
    shelves.crawl(who, made.id)  # type: ignore[arg-type]
    shelves.remove(who, made.id)  # type: ignore[arg-type]
    shelves.restore(who, made.id)  # type: ignore[arg-type]
    assert desk.rows == [
        ("source_added", ""), ("source_changed", "depth,max_pages"), ("source_changed", "paused"),
        ("source_changed", "resumed"), ("source_changed", "paused"), ("source_changed", "resumed"),
        ("source_removed", ""), ("source_restored", ""),
    ]  # fmt: skip
    assert {(event.actor, event.target) for event in desk.told} == {(who.id, made.id)}  # type: ignore[attr-defined]
    for event in desk.told:
        assert {name: value for name, value in event.detail.items() if name != "what"} == whose
        assert clean(event) == event
        assert event.at == desk.clock.now()


def test_nothing_that_somebody_wrote_is_in_the_log(desk: Desk) -> None:
    made = desk.shelves.add(ANNA, own(ANNA), TELLING).source
    changed = Wish(url="", title="Another secret", include=("/deeper*",), exclude=("/nothing-of-it*",), hours=6)
    desk.shelves.change(ANNA, made.id, changed)
    desk.shelves.remove(ANNA, made.id)
    written = msgspec.json.encode(desk.told).decode()
    for word in ("secret", "plans", "4711", "nobody", "hush", "deeper", "nothing"):
        assert word not in written
    assert desk.told[1].detail["what"] == "title,include,exclude,every"


def test_what_changes_nothing_or_is_refused_has_no_row(desk: Desk) -> None:
    made = desk.shelves.add(ANNA, own(ANNA), SITE).source
    desk.told.clear()
    desk.shelves.change(ANNA, made.id, SITE)
    desk.shelves.pause(ANNA, made.id, on=False)
    desk.shelves.crawl(ANNA, made.id)
    desk.shelves.stop(ANNA, made.id)
    desk.shelves.restore(ANNA, made.id)
    with pytest.raises(Conflict, match="source_exists"):
        desk.shelves.add(ANNA, own(ANNA), SITE)
    with pytest.raises(NotAllowed, match="admins_only"):
        desk.shelves.add(ANNA, PUBLIC, SITE)
    for other in (BERTA, ADMIN):
        with pytest.raises(NotFound, match="source_gone"):
            desk.shelves.remove(other, made.id)
    assert desk.told == []


def test_who_is_no_member_any_more_and_clears_their_shelf_is_written_down_too(desk: Desk) -> None:
    made = desk.shelves.add(ANNA, own(ANNA), SITE).source
    desk.shelves.remove(person("anna", "user"), made.id)
    assert desk.rows == [("source_added", ""), ("source_removed", "")]


def test_nobody_is_told_that_it_is_done_while_the_log_is_away(desk: Desk) -> None:
    def away(_: AuditEvent) -> None:
        raise Unavailable("store_unavailable")

    shelves = Shelves(desk.sources, desk.pages, desk.librarian, desk.clock, desk._wake, away)
    with pytest.raises(Unavailable):
        shelves.add(ADMIN, PUBLIC, SITE)
