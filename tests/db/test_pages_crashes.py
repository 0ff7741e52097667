"""Programs that are killed between any two steps, and a reader meanwhile: the old version or the new, never a mix."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.pages import SqlPages
from db.sources import SqlSources
from domain.knowledge.model import Filter
from tests.db.conftest import opened
from tests.db.knowledge_samples import SHELF, chunks, publish, rewrite, source

ROOT = Path(__file__).parents[2]

# Forks a child for every step of a piece of work, a step being a statement or a commit. The child kills itself right
# before its step; the parent then looks at what is there and repairs it as the next run would.
KILL = """
import json, os, signal, sys
from sqlalchemy import event
from db.connect import connect
from db.pages import SqlPages
from db.sources import SqlSources
from tests.db.knowledge_samples import SHELF, chunks, publish, rewrite, seen

url, source_id, other_id, work = sys.argv[1:]
OLD, NEW = ["old one", "old two"], ["new one", "new two", "new three"]

def stores():
    engine = connect(url)
    return engine, SqlSources(engine), SqlPages(engine)

def fail_at(engine, number):
    left = [number]
    def step(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(engine, "before_cursor_execute", step)
    event.listen(engine, "commit", step)

def new_version(pages, page, twin):
    rewrite(pages, page, NEW)
    pages.go_live(page.id, 2)
    pages.sweep(page.id, 2)
    pages.set_embedded(page.id, 2)

def away(pages, page, twin):
    pages.gone([page.id])
    pages.sweep(page.id, 0)
    for waits in pages.waiting(9):
        pages.go_live(waits.id, waits.rev)

def state(pages, page, twin, parts):
    return {
        "seen": seen(pages, parts),
        "twin": seen(pages, chunks(twin, 1, OLD)),
        "waiting": [each.id == twin.id for each in pages.waiting(9)],
        "kept": [len(pages.chunks(page.id, rev)) for rev in (1, 2)],
        "versions": [pages.version(page.id, rev) is not None for rev in (1, 2)],
    }

number = 0
while True:
    number += 1
    engine, sources, pages = stores()
    page, _ = publish(pages, sources.get(source_id), f"page-{number}", OLD)
    twin, _ = publish(pages, sources.get(other_id), f"twin-{number}", OLD)
    pages.duplicate(twin.id, page.id)
    engine.dispose()
    if not (child := os.fork()):
        engine, sources, pages = stores()
        fail_at(engine, number)
        globals()[work](pages, page, twin)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or status == 0, status
    engine, sources, pages = stores()
    parts = [*chunks(page, 1, OLD), *chunks(page, 2, NEW)]
    print(json.dumps({"killed": killed, **state(pages, page, twin, parts)}), flush=True)
    if work == "away":
        pages.gone([page.id])
    for waits in pages.waiting(9):
        pages.go_live(waits.id, waits.rev)
    for page_id, live in pages.old_chunks(9):
        pages.sweep(page_id, live)
    if work == "new_version" and pages.get(page.id).rev == 1:
        new_version(pages, pages.get(page.id), twin)
    print(json.dumps(state(pages, page, twin, parts)), flush=True)
    pages.gone([page.id, twin.id])
    for page_id, live in pages.old_chunks(9):
        pages.sweep(page_id, live)
    engine.dispose()
    if not killed:
        break
"""

OLD, NEW = ["old one", "old two"], ["new one", "new two", "new three"]


@pytest.fixture
def stores(pages_url: str) -> Iterator[tuple[SqlSources, SqlPages]]:
    with opened(pages_url) as engine:
        yield SqlSources(engine), SqlPages(engine)


def killed_at_every_step(url: str, sources: SqlSources, work: str) -> list[tuple[dict[str, object], dict[str, object]]]:
    """Return what was there after each kill, and after the repair; the last of them was not killed."""
    ids = [sources.add(source(f"https://{name}.example/")).id for name in ("one", "two")]
    line = [sys.executable, "-c", KILL, url, *ids, work]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    told = [json.loads(each) for each in done.stdout.splitlines()]
    pairs = list(zip(told[::2], told[1::2], strict=True))
    assert [crash["killed"] for crash, _ in pairs] == [True] * (len(pairs) - 1) + [False]
    return pairs


def test_a_kill_at_any_step_of_a_new_version_leaves_the_old_or_the_new(
    pages_url: str, stores: tuple[SqlSources, SqlPages]
) -> None:
    pairs = killed_at_every_step(pages_url, stores[0], "new_version")
    assert len(pairs) > 25  # statements and commits
    after = [crash["seen"] for crash, _ in pairs]
    flip = after.index(NEW)
    assert after == [OLD] * flip + [NEW] * (len(after) - flip)
    assert 5 < flip < len(after) - 5
    for crash, repaired in pairs:
        # A version is there with all of its chunks, or not at all; the duplicate stays hidden.
        assert crash["kept"] in ([2, 0], [2, 3], [0, 3])
        assert crash["versions"] == [bool(count) for count in crash["kept"]]
        assert (repaired["seen"], repaired["kept"], repaired["versions"]) == (NEW, [0, 3], [False, True])
        assert crash["twin"] == repaired["twin"] == []


def test_a_kill_at_any_step_of_a_page_that_goes_loses_no_text_that_another_page_says(
    pages_url: str, stores: tuple[SqlSources, SqlPages]
) -> None:
    pairs = killed_at_every_step(pages_url, stores[0], "away")
    assert len(pairs) > 15
    for crash, repaired in pairs:
        there = (crash["seen"], crash["twin"], crash["waiting"])
        assert there in ((OLD, [], []), ([], [], [True]), ([], OLD, []))
        assert (repaired["seen"], repaired["twin"], repaired["kept"]) == ([], OLD, [0, 0])


def test_a_reader_never_sees_a_mix_while_versions_follow_each_other(
    pages_url: str, stores: tuple[SqlSources, SqlPages]
) -> None:
    sources, pages = stores
    page, parts = publish(pages, sources.add(source()), texts=[f"1 {n}" for n in range(20)])
    ids = [part.id for rev in range(1, 31) for part in chunks(page, rev, [""] * 20)]
    mixed: list[object] = []
    views: set[str] = set()
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            found = pages.look_up(ids, Filter(shelves=(SHELF,)))
            revs = {chunk.text.split()[0] for chunk, _ in found.values()}
            if len(found) != 20 or len(revs) != 1 or {page.live for _, page in found.values()} != {int(min(revs))}:
                mixed.append(found)
            views.update(revs)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for rev in range(2, 31):
            page, parts = rewrite(pages, page, [f"{rev} {n}" for n in range(20)])
            assert pages.go_live(page.id, rev)
            pages.sweep(page.id, rev)
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert mixed == []
    assert len(views) > 2
    assert len(pages.look_up([part.id for part in parts], Filter(shelves=(SHELF,)))) == 20
