"""A turn waits for look_up, a crawl asks for every page: every statement but the purge's finds its rows by an index."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db.connect import connect
from db.frontier import SqlFrontier
from db.hosts import SqlHosts
from db.pages import SqlPages
from db.sources import SqlSources
from db.tables.pages import metadata
from domain.knowledge.model import Filter, Trouble
from domain.knowledge.room import Room
from tests.db.conftest import emptied
from tests.db.knowledge_samples import ANNA, NOON, SHELF, SILENT, after, page, publish, rewrite, source
from tests.db.statements import LOOKING, Asked, noted, plans

PURGES = ("sources.removed_at < ", "hosts.seen_at < ")  # once a day
# Sorted or made distinct in memory, among the rows that an index gave: what one source, page or band holds.
SMALL = ("USE TEMP B-TREE FOR DISTINCT", "USE TEMP B-TREE FOR ORDER BY", "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
         "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY")  # fmt: skip


def everything(engine: Engine) -> Asked:
    """Call every method of the stores on some data; return the statements they asked, with their values."""
    sources, frontier, hosts, pages = SqlSources(engine), SqlFrontier(engine), SqlHosts(engine), SqlPages(engine)
    all_ = [sources.add(source(f"https://{n}.example/", ANNA if n % 3 else SHELF)) for n in range(40)]
    made = [publish(pages, each, str(n), [f"text {n}", "more"])[0] for each in all_ for n in range(5)]
    for each in all_:
        frontier.fill(each.id, [(each.url + str(n), n % 3) for n in range(30)], 30)
        hosts.turn(each.url[8:-1], NOON, timedelta())
    with noted(engine) as asked:
        there, gone = all_[0], all_[1]
        sources.on(SHELF)
        sources.owned("anna")
        sources.change(there, Room(99, 9_999))
        sources.hurry(there.id, NOON)
        sources.due(NOON)
        run = sources.start(there.id, NOON, SILENT)
        assert run is not None
        sources.start(there.id, after(999), SILENT)
        sources.progress(run)
        sources.stop(there.id, NOON)
        for number in (1, 2, 1):
            sources.trouble(run.id, Trouble(f"https://x.example/{number}", "page_late", NOON))
        sources.troubles(run.id)
        sources.runs(there.id)
        sources.finish(run, NOON, True)
        frontier.fill(there.id, [(there.url, 1)], 99)
        item = frontier.take(there.id, NOON, timedelta(minutes=1))
        assert item is not None
        frontier.later(there.id, item.url, NOON)
        frontier.done(there.id, item.url)
        frontier.left(there.id)
        frontier.clear(there.id)
        hosts.keep_robots("1.example", "", False, NOON)
        hosts.robots("1.example", NOON)
        hosts.turn("1.example", after(9), timedelta())
        hosts.leave("1.example", after(9))
        first, second = made[0], made[1]
        _, parts = rewrite(pages, first, ["new"])
        pages.write(page(there, "new"), pages.get(second.id).version or pytest.fail("none"), [])
        pages.find(there.id, first.url)
        pages.of(there.id, 5, first.url)
        pages.count(there.id)
        pages.checked(first)
        pages.alike(SHELF, 5, 3, first.id)
        pages.waiting(5)
        pages.version(first.id, 1)
        pages.chunks(first.id, 1)
        pages.go_live(first.id, 2)
        pages.keep_vectors("e5", {parts[0].checksum: [1.0]})
        pages.vectors("e5", [parts[0].checksum])
        pages.unembedded(5)
        pages.set_embedded(first.id, 2)
        pages.duplicate(second.id, first.id)
        pages.gone([first.id])
        pages.duplicate(second.id, "")
        pages.old_chunks(5)
        pages.sweep(made[3].id, 1)
        pages.sweep(first.id, 0)
        pages.live_chunks("5", 9)
        only = Filter(shelves=(SHELF, ANNA), site="plato.example", language="en", since=NOON, until=after(9))
        pages.look_up([part.id for part in parts], Filter(shelves=(SHELF,)))
        pages.look_up([part.id for part in parts], only)
        pages.totals(SHELF)
        sources.remove(gone.id, NOON)
        sources.restore(gone.id, Room(99, 9_999))
        sources.remove(gone.id, NOON)
        sources.purge(after(9))
        sources.erase("anna")
        hosts.purge(NOON)
    return {each: values for each, values in asked.items() if each.startswith(LOOKING)}


def test_every_statement_finds_its_rows_by_an_index_on_sqlite(pages_sqlite: str) -> None:
    engine = connect(pages_sqlite)
    steps = plans(engine, everything(engine))
    engine.dispose()
    found = {statement: [step for step in plan if step not in SMALL] for statement, plan in steps.items()}
    assert len(found) > 65
    slow = {
        statement: plan
        for statement, plan in found.items()
        if not all(step.startswith(("SEARCH", "CORRELATED SCALAR SUBQUERY")) for step in plan)
    }
    assert {each for each in slow if not any(purge in each for purge in PURGES)} == set(), slow
    assert len(slow) == len(PURGES)
    looked_up = [plan for statement, plan in found.items() if "chunks.id IN" in statement]
    assert len(looked_up) == 2
    for plan in looked_up:  # the ids lead, everything else is found by what they name
        assert [step.split()[1] for step in plan] == ["chunks", "pages", "page_versions", "sources"]
        assert all("INDEX sqlite_autoindex" in step for step in plan)
    (live,) = [plan for statement, plan in found.items() if "chunks.id > " in statement]
    assert live[0].startswith("SEARCH chunks USING ") and "(id>?)" in live[0]  # by id, and not sorted
    assert not any("ORDER BY" in step for step in live)


@pytest.fixture
def postgresql_engine(postgresql: str) -> Iterator[Engine]:
    with emptied(postgresql, metadata) as engine:
        yield engine


@pytest.mark.server
def test_every_statement_can_find_its_rows_by_an_index_on_postgresql(postgresql_engine: Engine) -> None:
    """Small tables are scanned whatever there is, so scanning is made to look dear: what is left has no index."""
    asked = everything(postgresql_engine)
    scans: dict[str, list[str]] = {}
    with postgresql_engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, values in asked.items():
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars()
            if found := [row for row in rows if "Seq Scan" in row]:
                scans[statement] = found
    assert {each for each in scans if not any(purge in each for purge in PURGES)} == set(), scans
    assert len(asked) > 65
