"""The frontier in SQL: domain.knowledge.ports.Frontier on SQLite, PostgreSQL or MySQL.

Whoever takes an address locks its row, and the next one to come skips it (SKIP LOCKED); SQLite has one writer at a
time. A row says itself when it may be taken next, so a worker that dies need not be missed by anybody.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, Update, bindparam, delete, false, func, insert, select, update

from db.again import again
from db.runs import hold
from db.source_rows import check_url, url_key
from db.tables.pages import frontier
from db.vector_cache import in_lots
from db.work import known, reading, writing
from domain.knowledge.ports import FrontierItem

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_SOURCE = frontier.c.source_id == bindparam("which")
_MINE = (_SOURCE, frontier.c.url_key == bindparam("key"))
_HELD = select(func.count()).select_from(frontier).where(_SOURCE)
_LEFT = _HELD.where(frontier.c.done == false())
_THERE = select(frontier.c.url_key).where(_SOURCE, frontier.c.url_key.in_(bindparam("keys", expanding=True)))
_ADD = insert(frontier)
_NEXT = (
    select(frontier)
    .where(_SOURCE, frontier.c.done == false(), frontier.c.ready_at <= bindparam("now"))
    .order_by(frontier.c.depth, frontier.c.seq)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(frontier)
    .where(*_MINE)
    .values(leased=True, tries=bindparam("tried"), ready_at=bindparam("until"))
)
_DONE = update(frontier).where(*_MINE).values(done=True, leased=False)
_LATER = (
    update(frontier)
    .where(*_MINE, frontier.c.done == false())
    .values(leased=False, tries=frontier.c.tries + 1, ready_at=bindparam("until"))
)
_CLEAR = delete(frontier).where(_SOURCE)


class SqlFrontier:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again()
    def fill(self, source_id: str, urls: Sequence[tuple[str, int]], most: int) -> int:
        """Those visited in this run count too, and are not added again. Raises NotFound("source_gone")."""
        depths: dict[str, int] = {}
        for url, depth in urls:
            depths[check_url(url)] = min(depth, depths.get(url, depth))
        keys = {url_key(url): url for url in depths}
        with writing(self._engine) as connection:
            hold(connection, source_id)  # two who fill at once come one after the other: neither adds too many
            held = connection.scalar(_HELD, {"which": source_id}) or 0
            for some in in_lots(list(keys)):
                if held >= most:
                    break
                there = set(connection.scalars(_THERE, {"which": source_id, "keys": some}))
                new = [key for key in some if key not in there][: most - held]
                rows = [
                    {
                        "source_id": source_id, "url_key": key, "url": keys[key], "depth": depths[keys[key]],
                        "seq": held + number, "tries": 0, "ready_at": BEGINNING, "leased": False, "done": False,
                    }
                    for number, key in enumerate(new)
                ]  # fmt: skip
                if rows:
                    connection.execute(_ADD, rows)
                held += len(rows)
        return held

    @again()
    def take(self, source_id: str, now: datetime, lease: timedelta) -> FrontierItem | None:
        """A lease that ran out counts as a try: a page that kills whoever reads it is told apart by that."""
        if not known(source_id):
            return None
        with writing(self._engine) as connection:
            row = connection.execute(_NEXT, {"which": source_id, "now": now}).first()
            if row is None:
                return None
            tries = row.tries + bool(row.leased)
            values = {"which": source_id, "key": row.url_key, "until": now + lease, "tried": tries}
            connection.execute(_LEASE, values)
        return FrontierItem(source_id=source_id, url=row.url, depth=row.depth, tries=tries)

    def done(self, source_id: str, url: str) -> None:
        self._change(_DONE, source_id, url, {})

    def later(self, source_id: str, url: str, not_before: datetime) -> None:
        self._change(_LATER, source_id, url, {"until": not_before})

    def left(self, source_id: str) -> int:
        if not known(source_id):
            return 0
        with reading(self._engine) as connection:
            return connection.scalar(_LEFT, {"which": source_id}) or 0

    @again()
    def clear(self, source_id: str) -> None:
        if known(source_id):
            with writing(self._engine) as connection:
                connection.execute(_CLEAR, {"which": source_id})

    @again()
    def _change(self, statement: Update, source_id: str, url: str, values: dict[str, datetime]) -> None:
        if known(source_id):
            with writing(self._engine) as connection:
                connection.execute(statement, {**values, "which": source_id, "key": url_key(url)})
