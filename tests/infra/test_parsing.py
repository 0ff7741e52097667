"""The parser apart: hostile bytes cost one page at most, and nothing is left running."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from domain.errors import BadInput
from domain.knowledge import extract
from domain.knowledge.ports import Fetched
from infra import parsing
from infra.parsing import ChildParser
from tests.domain.knowledge.pdfs import pdf
from tests.processes import lives

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
HTML = b"<html lang=en><title>Pier</title><article><p>" + b"The pier was built of oak. " * 20 + b"</p></article></html>"


def fetched(body: bytes = HTML, kind: str = "text/html") -> Fetched:
    return Fetched(url="https://example.com/a", status=200, content_type=kind, charset="", body=body)


@asynccontextmanager
async def parser(
    children: int = 1, *, deadline_s: float = 60.0, cpu_s: int = 30, memory: int = 1 << 30
) -> AsyncIterator[ChildParser]:
    made = ChildParser(children, deadline_s=deadline_s, cpu_s=cpu_s, memory=memory)
    try:
        yield made
    finally:
        await made.close()


def pids(of: ChildParser) -> set[int]:
    return of.children.pids


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.02)


async def test_it_reads_what_the_domain_reads_with_one_process_for_many_pages() -> None:
    async with parser() as apart:
        assert await apart.page(fetched()) == extract.page(fetched())
        before = pids(apart)
        feed = fetched(b"<rss><channel><item><link>https://example.com/x</link></item></channel></rss>", "text/xml")
        assert await apart.links(feed) == ("https://example.com/x",)
        file = fetched(pdf(["Words of a file."]), "application/pdf")
        assert await apart.page(file) == extract.page(file)
        with pytest.raises(BadInput, match="page_empty"):
            await apart.page(fetched(b"<p></p>"))
        with pytest.raises(BadInput, match="page_unreadable"):
            await apart.links(fetched())
        assert pids(apart) == before
    assert not any(runs(pid) for pid in before)


LONG = b"BT /F1 12 Tf 10 10 Td (Hello) Tj ET\n" * 2_000_000  # many seconds of work: how many is the machine's


async def test_a_page_that_computes_too_long_is_an_error_of_its_own() -> None:
    async with parser(cpu_s=1) as apart:
        with pytest.raises(BadInput, match="page_unreadable"):
            await apart.page(fetched(pdf([""], stream=LONG), "application/pdf"))
        assert not pids(apart)
        assert (await apart.page(fetched())).title == "Pier"  # by another process


async def test_a_page_that_takes_too_long_by_the_clock_is_an_error_of_its_own() -> None:
    async with parser(deadline_s=0.3) as apart:
        with pytest.raises(BadInput, match="page_unreadable"):
            await apart.page(fetched(pdf([""], stream=LONG), "application/pdf"))
        assert not pids(apart)


async def test_a_page_that_takes_too_much_memory_is_an_error_of_its_own() -> None:
    async with parser(memory=450 << 20) as apart:
        with pytest.raises(BadInput, match=r"page_(unreadable|empty)"):
            await apart.page(fetched(pdf([""], stream=b" " * 300_000_000), "application/pdf"))
        assert (await apart.page(fetched())).title == "Pier"


async def test_a_process_that_was_killed_while_idle_is_replaced_unnoticed() -> None:
    async with parser() as apart:
        await apart.page(fetched())
        (pid,) = pids(apart)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: apart.children._idle[0].process.returncode is not None)
        assert (await apart.page(fetched())).title == "Pier"
        assert pids(apart) != {pid}


async def test_a_process_is_replaced_after_so_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "PAGES", 2)
    async with parser() as apart:
        await apart.page(fetched())
        first = pids(apart)
        await apart.page(fetched())
        assert not pids(apart) and not any(runs(pid) for pid in first)


async def test_whoever_goes_away_takes_the_page_along() -> None:
    async with parser() as apart:
        await apart.page(fetched())
        (pid,) = pids(apart)
        task = asyncio.create_task(
            apart.page(fetched(pdf([""], stream=b"BT (x) Tj ET\n" * 2_000_000), "application/pdf"))
        )
        await until(lambda: bool(apart.children.busy))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not runs(pid) and not pids(apart)
        assert (await apart.page(fetched())).title == "Pier"


async def test_a_closed_parser_reads_no_more() -> None:
    apart = ChildParser()
    await apart.close()
    with pytest.raises(Exception, match="page_failed"):
        await apart.page(fetched())


@pytest.mark.skipif(sys.platform != "linux", reason="the child's limits are read from /proc")
async def test_the_process_has_limits_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SECRET", "not-for-children")
    async with parser() as apart:
        await apart.page(fetched())
        (pid,) = pids(apart)
        process = Path("/proc") / str(pid)
        assert b"not-for-children" not in (process / "environ").read_bytes()
        rows = {row[:26].strip(): row[26:].split() for row in (process / "limits").read_text().splitlines()}
        assert rows["Max file size"][0] == rows["Max core file size"][0] == "0"
        assert rows["Max address space"][0] == str(1 << 30)
        assert "NoNewPrivs:\t1" in (process / "status").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
async def test_a_killed_parent_takes_its_children_along() -> None:
    script = (
        "import asyncio\nfrom infra.parsing import ChildParser\nfrom tests.infra.test_parsing import fetched, pids\n"
        "async def main():\n    apart = ChildParser()\n    await apart.page(fetched())\n"
        "    print(*pids(apart), flush=True)\n    await asyncio.sleep(600)\nasyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert runs(child)
    parent.kill()
    await parent.communicate()
    await until(lambda: not lives(child))


async def test_code_in_the_process_can_open_no_socket_write_no_file_and_read_no_other() -> None:
    script = """
import os, socket, subprocess, sys
from pathlib import Path
from infra import parse_child, shut_in
parse_child.warm()
shut_in.leave()
shut_in.keep_within(parse_child.MEMORY)
shut_in.alone()
for what in (lambda: socket.socket(), lambda: open("/etc/passwd"), lambda: open("x", "w"),
             lambda: open(b"/etc/passwd"), lambda: os.open(b"/etc/passwd", os.O_RDONLY),
             lambda: open(Path("/etc/passwd")), lambda: os.remove("x"),
             lambda: subprocess.run(["id"]), lambda: os.system("id"), lambda: os.fork(),
             lambda: open(parse_child.__file__, "a")):
    try:
        what()
    except PermissionError:
        continue
    sys.exit(3)
open(parse_child.__file__).close()
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT)
    assert await process.wait() == 0
