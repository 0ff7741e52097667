"""Whose a shelf is to read and to change.

A character's own is everybody's to read and an admin's to change. A member's are theirs alone: for anybody else, an
admin too, they are not there.
"""

from domain.knowledge.model import Shelf
from domain.people import ROLES, User

Who = User | None  # None is a guest


def member(who: Who) -> bool:
    return who is not None and ROLES.index(who.role) >= ROLES.index("member")


def may_read(who: Who, shelf: Shelf) -> bool:
    return not shelf.owner or (who is not None and who.id == shelf.owner)


def may_change(who: Who, shelf: Shelf) -> bool:
    """Whether they may add to it; what is one's own can be removed in any case."""
    if not shelf.owner:
        return who is not None and who.role == "admin"
    return may_read(who, shelf) and member(who)
