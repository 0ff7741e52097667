"""The program is killed at every step of taking a file in and of erasing one: whole files or none, and room."""

import asyncio
import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.files import SqlFiles
from domain.filing.cabinet import Cabinet
from domain.filing.rooms import Rules
from infra.storage import local
from tests.db.conftest import SQL, opened
from tests.fakes_filing import Generous

ROOT = Path(__file__).parents[2]
BODY = b"%PDF-1.7\n" + bytes(range(256)) * 12_000  # 3 MB
RULES = Rules(bytes=4 * len(BODY))

CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from db.connect import connect
from db.files import SqlFiles
from domain.filing.cabinet import Cabinet
from infra.clock import SystemClock
from infra.storage import local
from tests.fakes_filing import Generous
from tests.db.test_files_killed import BODY, RULES

url, folder, where = sys.argv[1:]
def die(point):
    if point == where:
        os.kill(os.getpid(), signal.SIGKILL)
async def data():
    for start in range(0, len(BODY), 500_000):
        yield BODY[start : start + 500_000]
        die("half")
async def main():
    cabinet = Cabinet(SqlFiles(connect(url)), local(Path(folder)), Generous(), SystemClock(), RULES, die)
    await cabinet.put("anna", "a.pdf", data(), area="permanent", size=len(BODY), least=len(BODY))
    print("kept", flush=True)
    for _ in range(2):  # the second removal erases what the first put away
        stored = await cabinet.put("anna", "b.pdf", BODY)
        await cabinet.remove("anna", stored.id)
    print("removed", flush=True)
asyncio.run(main())
"""


class Later:
    """A clock that is some hours ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return self.now().timestamp()


@pytest.fixture(params=SQL)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def bytes_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("where", ["file_reserved", "half", "file_written", "file_kept", "file_erased", "never"])
def test_whatever_moment_the_program_is_killed_in_there_are_whole_files_or_none(
    url: str, tmp_path: Path, where: str
) -> None:
    folder = tmp_path / "files"
    line = [sys.executable, "-c", CHILD, url, str(folder), where]
    done = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode == 0) is (where == "never")
    with opened(url) as engine:
        files, clock = SqlFiles(engine), Later()
        cabinet = Cabinet(files, local(folder), Generous(), clock, RULES)
        for each in files.of("anna", clock.now()):  # what is listed is whole, right after the crash
            assert asyncio.run(cabinet.bytes_of("anna", each.id)) == BODY
            assert each.sha256 == hashlib.sha256(BODY).hexdigest()
        listed = [each.name for each in files.of("anna", clock.now())]
        assert listed == (["a.pdf"] if where in ("file_kept", "file_erased", "never") else [])
        assert ("kept" in done.stdout) is (where in ("file_erased", "never"))

        clock.ahead = timedelta(hours=1, seconds=1)
        asyncio.run(cabinet.sweep())
        assert asyncio.run(cabinet.sweep_lost()) >= 0
        left = [each.name for each in files.of("anna", clock.now())]
        assert left == listed
        assert bytes_in(folder) == [BODY] * len(left)
        assert files.quota("anna", clock.now()) == (len(left), len(left) * len(BODY))
        files.erase_owner("anna")  # servers keep what this test leaves




def test_bytes_whose_row_went_before_the_program_died_are_found(url: str, tmp_path: Path) -> None:
    with opened(url) as engine:
        files, clock, blobs = SqlFiles(engine), Later(), local(tmp_path / "files")
        cabinet = Cabinet(files, blobs, Generous(), clock, RULES)
        kept = asyncio.run(cabinet.put("anna", "a.pdf", BODY, area="permanent"))
        gone = asyncio.run(cabinet.put("ben", "b.pdf", BODY))
        assert cabinet.forget_owner("ben") == [gone.id]  # and here it is killed
        assert asyncio.run(cabinet.sweep_lost()) == 0  # what was just written may be on its way
        for path in (tmp_path / "files").rglob("*"):
            os.utime(path, (0, 0))
        assert asyncio.run(cabinet.sweep_lost()) == 1
        assert asyncio.run(cabinet.bytes_of("anna", kept.id)) == BODY
        files.erase_owner("anna")
