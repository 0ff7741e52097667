"""What every store of sources and runs does: in memory, and in SQL on each database."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import msgspec
import pytest

from db.connect import connect
from db.pages import SqlPages
from db.source_rows import COUNTS
from db.sources import SqlSources
from db.tables.pages import crawl_runs
from domain.errors import BadInput, Conflict, NotFound
from domain.knowledge.model import Run, Shelf, Source, Trouble
from domain.knowledge.room import Room
from tests.db.conftest import Knowledge, opened
from tests.db.knowledge_samples import ANNA, NOON, SHELF, SILENT, after, chunks, page, publish, seen, source, version

ROOT = Path(__file__).parents[2]
replace = msgspec.structs.replace

START = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from db.connect import connect
from db.sources import SqlSources
from tests.db.knowledge_samples import after
url, source_id, seconds = sys.argv[1:]
sources = SqlSources(connect(url))
with ThreadPoolExecutor(8) as pool:
    begun = list(pool.map(lambda _: sources.start(source_id, after(float(seconds)), timedelta(minutes=2)), range(24)))
print(sum(run is not None for run in begun))
"""


def test_a_source_comes_back_as_it_was_kept(knowledge: Knowledge) -> None:
    full = source(
        "https://xn--fsq.example/a?b=%C3%A9", ANNA, kind="feed", title="例 – Ünïcode", include=("/a/*", "/b"),
        exclude=("/a/secret*",), depth=3, max_pages=7,
        every=timedelta(hours=6, microseconds=1), created_by="anna", enabled=False,
    )  # fmt: skip
    assert knowledge.sources.add(full) == full
    assert knowledge.sources.get(full.id) == full
    assert knowledge.sources.on(ANNA) == [full]
    assert knowledge.sources.on(SHELF) == []


def test_an_address_is_on_a_shelf_once_and_the_refusal_names_the_first(knowledge: Knowledge) -> None:
    first = knowledge.sources.add(source())
    with pytest.raises(Conflict) as refusal:
        knowledge.sources.add(source(kind="page"))
    assert (refusal.value.code, refusal.value.detail) == ("source_exists", {"source_id": first.id})
    knowledge.sources.add(source(shelf=ANNA))
    knowledge.sources.add(source(shelf=Shelf("anna", "socrates")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""}, {"id": "a b"}, {"url": ""}, {"url": "https://a.example/" + "x" * 2_048}, {"url": "https://\0"},
        {"url": "https://é.example/"}, {"title": "\ud800"}, {"title": "x" * 301}, {"include": ("\0",)},
        {"include": ("x",) * 101}, {"exclude": ("x" * 501,)}, {"depth": -1}, {"max_pages": 10**9},
        {"every": timedelta()}, {"every": timedelta(days=99_999)}, {"shelf": Shelf("a/b", "")},
        {"shelf": Shelf("", "x" * 65)}, {"created_by": "\0"},
    ],
)  # fmt: skip
def test_what_a_database_could_not_hold_is_refused(knowledge: Knowledge, wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        knowledge.sources.add(replace(source(), **wrong))
    assert knowledge.sources.on(SHELF) == []


def test_people_change_what_is_theirs_to_set_and_nothing_else(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source())
    wish = replace(
        there, title="New", include=("/x*",), exclude=("/y",), depth=2, max_pages=9, every=timedelta(hours=1),
        enabled=False, url="https://other.example/", shelf=ANNA, fails=9, created_by="eve",
    )  # fmt: skip
    changed = knowledge.sources.change(wish)
    assert changed == replace(wish, url=there.url, shelf=SHELF, fails=0, created_by="")
    assert knowledge.sources.get(there.id) == changed


@pytest.mark.parametrize("unknown", ["nobody", "", "\0", "\ud800", "x" * 100])
def test_a_source_that_never_was_is_gone(knowledge: Knowledge, unknown: str) -> None:
    sources = knowledge.sources
    for ask in (
        lambda: sources.get(unknown), lambda: sources.remove(unknown, NOON), lambda: sources.restore(unknown),
        lambda: sources.hurry(unknown, NOON), lambda: sources.start(unknown, NOON, SILENT),
        lambda: sources.stop(unknown, NOON), lambda: sources.change(replace(source(), id=unknown)),
    ):  # fmt: skip
        with pytest.raises(NotFound) as refusal:
            ask()
        assert refusal.value.code == "source_gone"
    assert not any((sources.runs(unknown), sources.troubles(unknown), sources.owned(unknown), sources.erase(unknown)))


def test_a_removed_source_leaves_the_shelf_and_every_search_and_can_come_back(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source())
    _, parts = publish(knowledge.pages, there)
    assert seen(knowledge.pages, parts) == ["All men", "are mortal."]

    knowledge.sources.remove(there.id, after(1))
    assert seen(knowledge.pages, parts) == []
    assert knowledge.pages.totals(SHELF) == (0, 0, 0)
    assert not any((knowledge.sources.on(SHELF), knowledge.sources.due(after(9))))
    assert knowledge.sources.get(there.id).removed_at == after(1)
    for ask in (knowledge.sources.stop, knowledge.sources.remove, knowledge.sources.hurry):
        with pytest.raises(NotFound):
            ask(there.id, NOON)

    assert knowledge.sources.restore(there.id) == knowledge.sources.restore(there.id) == there
    assert seen(knowledge.pages, parts) == ["All men", "are mortal."]


def test_a_removed_source_does_not_stand_in_the_way_of_its_address(knowledge: Knowledge) -> None:
    old = knowledge.sources.add(source())
    knowledge.sources.remove(old.id, NOON)
    new = knowledge.sources.add(source())
    knowledge.sources.remove(new.id, NOON)
    newer = knowledge.sources.add(source())
    with pytest.raises(Conflict) as refusal:
        knowledge.sources.restore(old.id)
    assert refusal.value.detail == {"source_id": newer.id}
    knowledge.sources.remove(newer.id, NOON)
    assert knowledge.sources.restore(old.id).id == old.id


def at_once(act: Callable[[int], object], many: int = 12) -> list[str]:
    """Return for each of so many threads that begin together "" or the code that it was refused with."""
    ready = Barrier(many)

    def one(number: int) -> str:
        ready.wait()
        try:
            act(number)
        except Conflict as error:
            return error.code
        return ""

    with ThreadPoolExecutor(many) as pool:
        return sorted(pool.map(one, range(many)))


def test_of_many_who_add_at_once_so_many_come_in_as_there_is_room_for(knowledge: Knowledge) -> None:
    def one(number: int, shelves: tuple[Shelf, ...] = (ANNA, Shelf("anna", "socrates")), pages: int = 30) -> Source:
        return source(f"https://{number}.example/", shelves[number % len(shelves)], max_pages=pages)

    room, add = Room(5, 1_000), knowledge.sources.add
    assert at_once(lambda n: add(one(n), room)) == [""] * 5 + ["sources_full"] * 7
    assert len(knowledge.sources.owned("anna")) == 5
    assert at_once(lambda n: add(one(n, (SHELF,)), Room(99, 100))) == [""] * 3 + ["pages_full"] * 9
    assert len(knowledge.sources.on(SHELF)) == 3
    with pytest.raises(Conflict) as refusal:
        add(one(99, (SHELF,), 11), Room(99, 100))
    assert refusal.value.detail == {"most": 100, "left": 10, "field": "max_pages"}
    add(one(99, (SHELF,), 10), Room(99, 100))
    add(one(99, (Shelf("", "holmes"),), 100), Room(99, 100))  # who has a shelf of his own
    add(one(100, (SHELF,), 500))  # nobody asked for room


def test_who_changes_or_brings_back_at_once_gets_what_room_there_is_and_no_more(knowledge: Knowledge) -> None:
    there = [knowledge.sources.add(source(f"https://{n}.example/", ANNA, max_pages=10)) for n in range(12)]

    def grow(number: int) -> Source:
        return knowledge.sources.change(replace(there[number], max_pages=30), Room(99, 190))

    assert at_once(grow) == [""] * 3 + ["pages_full"] * 9
    assert sum(each.max_pages for each in knowledge.sources.on(ANNA)) == 180
    for each in there:
        knowledge.sources.remove(each.id, NOON)
    assert at_once(lambda n: knowledge.sources.restore(there[n].id, Room(4, 999))) == [""] * 4 + ["sources_full"] * 8
    assert len(knowledge.sources.on(ANNA)) == 4


def test_a_purge_erases_what_was_removed_before_and_tells_its_pages(knowledge: Knowledge) -> None:
    old, young, kept = (knowledge.sources.add(source(f"https://{n}.example/")) for n in ("old", "young", "kept"))
    gone, parts = publish(knowledge.pages, old)
    stays, others = publish(knowledge.pages, kept, texts=("All men", "else"))
    run = knowledge.sources.start(old.id, NOON, SILENT)
    assert run is not None
    knowledge.sources.trouble(run.id, Trouble("https://old.example/x", "page_missing", NOON))
    knowledge.frontier.fill(old.id, [("https://old.example/x", 0)], 10)
    vectors = {part.checksum: [1.0, 0.5] for part in (*parts, *others)}
    knowledge.pages.keep_vectors("e5", vectors)
    knowledge.sources.remove(old.id, after(0))
    knowledge.sources.remove(young.id, after(50))

    assert knowledge.sources.purge(after(0)) == []
    assert knowledge.sources.purge(after(50)) == [gone.id]
    with pytest.raises(NotFound):
        knowledge.sources.get(old.id)
    with pytest.raises(NotFound):
        knowledge.pages.get(gone.id)
    assert not any((knowledge.pages.chunks(gone.id, 1), knowledge.sources.runs(old.id)))
    assert knowledge.sources.troubles(run.id) == []
    assert knowledge.pages.version(gone.id, 1) is None
    assert knowledge.frontier.left(old.id) == 0
    assert knowledge.sources.get(young.id).removed_at == after(50)
    assert knowledge.pages.get(stays.id).live == 1
    # The vector of a text that another page says too stays.
    assert set(knowledge.pages.vectors("e5", list(vectors))) == {part.checksum for part in others}


def test_what_a_user_owns_is_told_and_erased_on_all_shelves_and_nobody_elses(knowledge: Knowledge) -> None:
    one = knowledge.sources.add(source("https://1.example/", ANNA))
    two = knowledge.sources.add(source("https://2.example/", Shelf("anna", "socrates"), created_at=after(1)))
    other = knowledge.sources.add(source("https://1.example/", Shelf("anne", "")))
    common = knowledge.sources.add(source("https://1.example/", created_by="anna"))
    first, _ = publish(knowledge.pages, one)
    second, _ = publish(knowledge.pages, two)
    _, parts = publish(knowledge.pages, common)
    knowledge.sources.remove(two.id, after(2))

    assert [each.id for each in knowledge.sources.owned("anna")] == [one.id, two.id]
    assert not any((knowledge.sources.owned(""), knowledge.sources.erase("")))
    assert sorted(knowledge.sources.erase("anna")) == sorted([first.id, second.id])
    assert not any((knowledge.sources.owned("anna"), knowledge.sources.erase("anna")))
    assert knowledge.sources.owned("anne") == [other]
    assert len(seen(knowledge.pages, parts)) == 2


def test_erased_words_are_in_no_file_any_more(pages_sqlite: str) -> None:
    engine = connect(pages_sqlite)
    stores = SqlSources(engine)
    pages = SqlPages(engine)
    there = stores.add(source("https://zanzibar.example/", ANNA, title="quixotic"))
    made = page(there)
    pages.write(made, version(1, "syzygy " * 2_000), chunks(made, 1, ["syzygy " * 300] * 20))
    folder = Path(pages_sqlite.removeprefix("sqlite:///")).parent
    words = (b"syzygy", b"quixotic", b"zanzibar")

    def found() -> list[bytes]:
        return [word for word in words if any(word in file.read_bytes() for file in folder.iterdir())]

    assert found() == list(words)
    assert stores.erase("anna") == [made.id]
    assert found() == []
    engine.dispose()


def test_sources_are_due_longest_waiting_first_unless_disabled_removed_or_at_work(knowledge: Knowledge) -> None:
    sources = knowledge.sources
    late, now, soon, off, away = (
        sources.add(source(f"https://{n}.example/", next_at=after(n), enabled=n != -9)) for n in (-10, 0, 1, -9, -8)
    )
    sources.remove(away.id, NOON)
    assert [each.id for each in sources.due(NOON)] == [late.id, now.id]
    assert [each.id for each in sources.due(NOON, limit=1)] == [late.id]
    run = sources.start(late.id, NOON, SILENT)
    assert run is not None
    assert [each.id for each in sources.due(NOON)] == [now.id]
    assert [each.id for each in sources.due(after(121))] == [late.id, now.id, soon.id]  # its run fell silent
    sources.progress(replace(run, moved_at=after(100)))
    assert [each.id for each in sources.due(after(121))] == [now.id, soon.id]
    sources.change(replace(off, enabled=True))
    assert [each.id for each in sources.due(after(1))] == [off.id, now.id, soon.id]
    sources.hurry(soon.id, after(-60))
    assert next(iter(sources.due(NOON))).id == soon.id


def test_one_of_many_begins_a_run_and_a_silent_one_is_taken_over_once(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source(next_at=after(3_600)))
    gate = Barrier(8)

    def start(seconds: float) -> Run | None:
        gate.wait(10)
        return knowledge.sources.start(there.id, after(seconds), SILENT)

    with ThreadPoolExecutor(8) as pool:
        (run,) = [run for run in pool.map(start, [0] * 8) if run is not None]
        assert (run.state, run.source_id, run.started_at, run.moved_at) == ("running", there.id, NOON, NOON)
        assert [run for run in pool.map(start, [119] * 8) if run is not None] == []
        knowledge.sources.progress(replace(run, fetched=3, moved_at=after(60)))
        assert [run for run in pool.map(start, [179] * 8) if run is not None] == []
        (heir,) = [run for run in pool.map(start, [180] * 8) if run is not None]
    assert (heir.id, heir.fetched, heir.moved_at) == (run.id, 3, after(180))
    # A run that was begun by hand and died is due, though its time has not come.
    assert [each.id for each in knowledge.sources.due(after(301))] == [there.id]


def test_two_programs_that_start_at_once_begin_one_run(pages_url: str) -> None:
    with opened(pages_url) as engine:
        sources = SqlSources(engine)
        there = sources.add(source())
        for seconds in ("0", "120"):  # begun, then taken over
            line = [sys.executable, "-c", START, pages_url, there.id, seconds]
            pipe = subprocess.PIPE
            programs = [subprocess.Popen(line, cwd=ROOT, stdout=pipe, stderr=pipe) for _ in range(2)]
            ends = [program.communicate(timeout=200) for program in programs]
            assert [complaint for _, complaint in ends] == [b"", b""]
            assert sum(int(begun) for begun, _ in ends) == 1
        assert len(sources.runs(there.id)) == 1


def test_progress_only_grows_and_tells_who_works_that_somebody_asked_it_to_stop(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source())
    run = knowledge.sources.start(there.id, NOON, SILENT)
    assert run is not None
    told = replace(
        run, found=50, fetched=9, changed=5, unchanged=2, duplicates=1, gone=1, failed=3, bytes=3_000_000_000,
        moved_at=after(5),
    )  # fmt: skip
    assert knowledge.sources.progress(told) == told
    assert knowledge.sources.progress(replace(run, fetched=4, moved_at=after(3))) == told
    stopped = knowledge.sources.stop(there.id, after(6))
    assert stopped == replace(told, stop=True)
    assert knowledge.sources.progress(replace(told, fetched=10)).stop
    assert knowledge.sources.runs(there.id) == [replace(told, fetched=10, stop=True)]


def test_removing_a_source_asks_its_run_to_stop(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source())
    run = knowledge.sources.start(there.id, NOON, SILENT)
    assert run is not None and not knowledge.sources.progress(run).stop
    knowledge.sources.remove(there.id, NOON)
    assert knowledge.sources.progress(run).stop


def test_a_run_ends_once_plans_the_next_and_counts_failures_in_a_row(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source())
    for number, (trouble, fails) in enumerate([(True, 1), (True, 2), (False, 0)]):
        run = knowledge.sources.start(there.id, after(100 * number), SILENT)
        assert run is not None
        end = replace(run, moved_at=after(100 * number + 9), fetched=1, error="page_late" if trouble else "")
        knowledge.sources.finish(end, after(100 * number + 60), trouble)
        knowledge.sources.finish(replace(end, state="stopped"), after(9_999), True)  # ended already: nothing happens
        now = knowledge.sources.get(there.id)
        assert (now.fails, now.next_at) == (fails, after(100 * number + 60))
        last = knowledge.sources.runs(there.id, 1)[0]
        assert (last.state, last.ended_at, last.fetched) == ("failed" if trouble else "done", end.moved_at, 1)
        assert last.error == end.error
        late = knowledge.sources.progress(replace(run, fetched=99, moved_at=after(999)))
        assert late == replace(last, stop=True)
        assert knowledge.sources.stop(there.id, NOON) is None
    run = knowledge.sources.start(there.id, after(900), SILENT)
    assert run is not None
    knowledge.sources.finish(replace(run, state="stopped", ended_at=after(950)), after(1_000), trouble=False)
    assert [run.state for run in knowledge.sources.runs(there.id)] == ["stopped", "done", "failed", "failed"]
    assert knowledge.sources.runs(there.id)[0].ended_at == after(950)
    assert len(knowledge.sources.runs(there.id, 2)) == 2


def test_of_many_runs_the_newest_twenty_are_kept(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source())
    for number in range(25):
        run = knowledge.sources.start(there.id, after(number), SILENT)
        assert run is not None
        knowledge.sources.trouble(run.id, Trouble("https://plato.example/x", "page_late", after(number)))
        knowledge.sources.finish(run, after(number), False)
    runs = knowledge.sources.runs(there.id, 100)
    assert [run.started_at for run in runs] == [after(number) for number in range(24, 4, -1)]
    assert all(len(knowledge.sources.troubles(run.id)) == 1 for run in runs)


def test_troubles_are_told_newest_first_one_for_each_address(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source())
    run = knowledge.sources.start(there.id, NOON, SILENT)
    assert run is not None
    for number in (3, 1, 2):
        knowledge.sources.trouble(run.id, Trouble(f"https://plato.example/{number}", "page_late", after(number)))
    last = Trouble("https://plato.example/1", "page_missing", after(9))
    knowledge.sources.trouble(run.id, last)
    knowledge.sources.trouble("nobody", last)
    told = knowledge.sources.troubles(run.id)
    assert [each.url[-1] for each in told] == ["1", "3", "2"]
    assert told[0] == last
    assert len(knowledge.sources.troubles(run.id, 2)) == 2
    with pytest.raises(BadInput):
        knowledge.sources.trouble(run.id, Trouble("https://\0", "page_late", NOON))


def test_a_run_that_was_erased_with_its_source_is_gone(knowledge: Knowledge) -> None:
    there = knowledge.sources.add(source(shelf=ANNA))
    run = knowledge.sources.start(there.id, NOON, SILENT)
    assert run is not None
    knowledge.sources.erase("anna")
    with pytest.raises(NotFound):
        knowledge.sources.progress(run)
    knowledge.sources.finish(run, NOON, True)


def test_progress_rewrites_no_index_on_postgresql() -> None:
    indexed = {column.name for index in crawl_runs.indexes for column in index.columns}
    assert indexed.isdisjoint({*COUNTS, "moved_at", "stop"})
