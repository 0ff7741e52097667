"""How many sources and pages there is room for: of one owner on all shelves together, of one character.

How many pages an owner may have is what their plan gives of `knowledge_pages`.
"""

from collections.abc import Collection

import msgspec

from domain.errors import Conflict
from domain.knowledge.model import Shelf
from domain.membership.model import Allowance, Feature
from domain.membership.ports import Allowances


class Room(msgspec.Struct, frozen=True):
    """`pages` are those that sources may have (max_pages), whether or not they have been found."""

    sources: int
    pages: int


OWN = Room(200, 2_000)
CHARACTER = Room(500, 20_000)


class AsMuchAsUsual:
    """Allowances where nothing is sold."""

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        return Allowance(OWN.pages, "")


def room_of(shelf: Shelf, allowances: Allowances) -> Room:
    """Waits for the store."""
    return Room(OWN.sources, allowances.allowance(shelf.owner, "knowledge_pages").limit) if shelf.owner else CHARACTER


def check_room(room: Room, others: Collection[int], pages: int) -> None:
    """`others` holds the max_pages of each other source that is there, `pages` those of one more.

    Raises Conflict("sources_full", "pages_full").
    """
    if len(others) >= room.sources:
        raise Conflict("sources_full", most=room.sources)
    left = room.pages - sum(others)
    if pages > left:
        raise Conflict("pages_full", most=room.pages, left=max(0, left), field="max_pages")
