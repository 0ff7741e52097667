"""What somebody else does between two statements of ours, on each database: rows that we have not seen yet."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Lock
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event

from db.accounts import SqlAccounts
from db.meters import SqlMeters
from db.pages import SqlPages
from db.sources import SqlSources
from db.tables.membership import meters as meter_rows
from db.tables.people import users
from domain.errors import NotFound
from tests.db.conftest import add_user, opened
from tests.db.knowledge_samples import NOON, after, chunks, page, publish, seen, source, version
from tests.db.test_accounts_contract import pending, user
from tests.db.test_meters_contract import ALL, hold

GIVEN_S = 0.5  # for who may be held up by us; who is goes on once we are done, however long that takes
COMMIT, READ = "commit", "checkin"  # a connection comes back: what was looked at first has been seen
REFUSED = "refused"  # by the database: when what was begun has been given up


@contextmanager
def just_before(
    engine: Engine, statement: str, act: Callable[[], object], given_s: float = GIVEN_S
) -> Iterator[list[Future[object]]]:
    """Have another thread do `act` when the first statement that begins so is about to run; yield what comes of it.

    We go on when that is done, or after so many seconds: it may be waiting for us.
    """
    begun, came = Lock(), list[Future[object]]()
    with ThreadPoolExecutor(1) as pool:

        def meet() -> None:
            if begun.acquire(blocking=False):
                came.append(pool.submit(act))
                wait(came, given_s)

        def run(_: Any, __: Any, text: str, *___: Any) -> None:
            if text.startswith(statement):
                meet()

        def give_up(*_: Any) -> None:
            if refused:
                meet()

        refused: list[object] = []
        if statement in (COMMIT, READ):
            event.listen(engine, statement, lambda *_: meet())
        elif statement == REFUSED:
            event.listen(engine, "handle_error", refused.append)
            event.listen(engine, "checkin", give_up)
        else:
            event.listen(engine, "before_cursor_execute", run)
        yield came
    assert came or (statement, engine.name) == (REFUSED, "sqlite")  # where nobody comes between


def unheld(engine: Engine) -> float:
    """Return how long to wait for who does not need what we hold: on SQLite everybody does."""
    return GIVEN_S if engine.name == "sqlite" else 60.0


@pytest.fixture
def pages(pages_url: str) -> Iterator[Engine]:
    with opened(pages_url) as engine:
        yield engine


def test_a_page_is_no_duplicate_of_one_whose_source_is_removed_in_that_moment(pages: Engine) -> None:
    sources, store = SqlSources(pages), SqlPages(pages)
    there, elsewhere = (sources.add(source(f"https://{name}.example/")) for name in ("a", "b"))
    original, _ = publish(store, there)
    twin, parts = publish(store, elsewhere)
    with just_before(pages, "UPDATE pages SET duplicate_of", lambda: sources.remove(there.id, NOON)):
        store.duplicate(twin.id, original.id)
    for waits in store.waiting(9):
        assert store.go_live(waits.id, waits.rev)
    assert seen(store, parts) == ["All men", "are mortal."]


def test_a_vector_goes_with_the_last_of_two_pages_that_are_erased_at_once(pages: Engine) -> None:
    sources, store = SqlSources(pages), SqlPages(pages)
    there = sources.add(source())
    (first, parts), (second, _) = (publish(store, there, path) for path in ("1", "2"))
    store.keep_vectors("e5", {part.checksum: [1.0] for part in parts})
    store.gone([first.id, second.id])
    with just_before(pages, COMMIT, lambda: store.sweep(second.id, 0)):
        store.sweep(first.id, 0)
    assert store.vectors("e5", [part.checksum for part in parts]) == {}


def test_an_erased_source_tells_of_a_page_that_was_written_meanwhile_or_there_is_none(pages: Engine) -> None:
    sources, store = SqlSources(pages), SqlPages(pages)
    there = sources.add(source())
    late = page(there)

    def write() -> bool:
        try:
            store.write(late, version(), chunks(late))
        except NotFound:
            return False
        return True

    sources.remove(there.id, after(-1))
    with just_before(pages, "DELETE FROM sources", write) as came:
        told = sources.purge(NOON)
    assert told == [late.id] * bool(came[0].result())


def test_an_address_that_is_taken_and_free_again_meanwhile_is_free(pages: Engine) -> None:
    sources = SqlSources(pages)
    there, other = source(), source()
    sources.add(there)
    sources.remove(there.id, NOON)
    taken = just_before(pages, "UPDATE sources SET slot", lambda: sources.add(other), unheld(pages))
    with just_before(pages, REFUSED, lambda: sources.remove(other.id, NOON)), taken:
        assert sources.restore(there.id) == there


def test_a_source_that_is_brought_back_twice_at_once_is_back(pages: Engine) -> None:
    sources = SqlSources(pages)
    there = sources.add(source())
    sources.remove(there.id, NOON)
    with just_before(pages, READ, lambda: sources.restore(there.id), 60) as came:
        assert sources.restore(there.id) == there
    assert came[0].result() == there


def test_a_name_that_is_taken_and_free_again_meanwhile_is_free(engine: Engine) -> None:
    accounts = SqlAccounts(engine)
    accounts.pend(pending("t1", "rival"))

    def free() -> None:
        with engine.begin() as connection:
            connection.execute(delete(users).where(users.c.id == "rival"))

    taken = just_before(engine, "INSERT INTO users", lambda: add_user(engine, "rival"), unheld(engine))
    with just_before(engine, REFUSED, free), taken:
        assert accounts.confirm("t1", user("rival", id="anna"), NOON).id == "anna"


def test_holds_whose_meter_is_gone_grow_at_once(engine: Engine) -> None:
    meters = SqlMeters(engine)
    for name in ("turn-1", "turn-2"):
        meters.hold(hold(name, amount=1_000), ALL, 1)
    with engine.begin() as connection:
        connection.execute(delete(meter_rows))
    with just_before(engine, "INSERT INTO meters", lambda: meters.extend("turn-2", 500, ALL)) as came:
        assert meters.extend("turn-1", 500, ALL) == 500
    assert came[0].result() == 500
