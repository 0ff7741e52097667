"""Pages that said what another says, when that other one leaves: they are on their own again and wait to go live."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, select, update

from db.tables.pages import pages
from db.vector_cache import in_lots

_MINE = pages.c.id == bindparam("which")
_SHOWN = and_(pages.c.slot == "", pages.c.duplicate_of == "")
# What is to be done with a page follows from its other columns; they are never set on their own.
SETTLE = (
    update(pages)
    .where(_MINE)
    .values(
        waits=and_(_SHOWN, pages.c.live < pages.c.rev),
        unembedded=and_(_SHOWN, pages.c.embedded < pages.c.live),
        stale=(pages.c.slot != "") | (pages.c.swept < pages.c.live),
    )
)
# Its points left the index when it became a duplicate: whichever version was live has to be published anew.
_RELEASE = update(pages).where(_MINE, pages.c.duplicate_of != "").values(duplicate_of="", live=0, embedded=0)
_TWINS = select(pages.c.id).where(pages.c.duplicate_of.in_(bindparam("originals", expanding=True)))
_original = pages.alias("original")
_TWINS_OF_SOURCE = (
    select(pages.c.id)
    .join(_original, _original.c.id == pages.c.duplicate_of)
    .where(_original.c.source_id == bindparam("which"), pages.c.source_id != bindparam("which"))
)


def settle(connection: Connection, page_id: str) -> None:
    connection.execute(SETTLE, {"which": page_id})


def release(connection: Connection, page_id: str) -> None:
    if connection.execute(_RELEASE, {"which": page_id}).rowcount:
        settle(connection, page_id)


def release_twins(connection: Connection, originals: Sequence[str]) -> None:
    for some in in_lots(originals):
        for page_id in sorted(connection.scalars(_TWINS, {"originals": some})):
            release(connection, page_id)


def release_twins_of_source(connection: Connection, source_id: str) -> None:
    for page_id in sorted(connection.scalars(_TWINS_OF_SOURCE, {"which": source_id})):
        release(connection, page_id)
