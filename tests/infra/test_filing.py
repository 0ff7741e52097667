"""Files beside the rest of the house: erased with their account, swept in the background, told when out of reach."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import Unavailable
from domain.filing.cabinet import Cabinet
from domain.filing.recording import Recorder
from infra.filing import Filing
from tests.fakes import HandClock
from tests.fakes_filing import Generous, MemoryBlobs, MemoryFiles
from tests.web.house import House, prepared
from tests.web.visitors import account

pytestmark = pytest.mark.anyio
PDF = b"%PDF-1.7\n" + b"x" * 5_000


@pytest.fixture
def house(tmp_path: Path, database: Path) -> House:
    return House(tmp_path, database)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("database"))


def on_disk(house: House) -> list[str]:
    return [path.name for path in (house.config.data_dir / "files").rglob("*") if path.is_file()]


async def leaving(house: House) -> str:
    """Return the id of somebody who has three files, and whose account is to be erased."""
    user = account(house)
    for number in range(3):
        await house.filing.cabinet.put(user.id, f"{number}.pdf", PDF, area="permanent")
    await house.filing.cabinet.remove(user.id, house.filing.cabinet.owned(user.id)[0].id)
    house.services.members.accounts.delete(user.id, house.clock.now() - timedelta(days=8))
    return user.id


async def test_an_account_that_is_erased_takes_its_files_along(house: House) -> None:
    other = account(house)
    kept = await house.filing.cabinet.put(other.id, "a.pdf", PDF)
    gone = await leaving(house)
    assert len(on_disk(house)) == 4
    await house.services.erase()
    assert on_disk(house) == [kept.id]
    assert house.filing.cabinet.owned(gone) == []
    assert house.services.members.accounts.leaving(house.clock.now()) == []


async def test_bytes_that_are_out_of_reach_do_not_keep_an_account_from_being_erased(house: House) -> None:
    gone = await leaving(house)
    folder = house.config.data_dir / "files"
    away = folder.rename(folder.with_name("away"))
    folder.write_text("no folder")
    await house.services.erase()
    assert house.filing.cabinet.owned(gone) == []
    assert house.services.members.accounts.leaving(house.clock.now()) == []
    folder.unlink()
    away.rename(folder)
    assert len(on_disk(house)) == 3
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))
    assert await house.filing.cabinet.sweep_lost() == 3
    assert on_disk(house) == []


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.005)


async def test_what_has_expired_goes_in_the_background_and_a_store_that_is_away_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    files, clock = MemoryFiles(), HandClock()
    blobs = MemoryBlobs(clock.now)
    cabinet = Cabinet(files, blobs, Generous(), clock)
    filing = Filing(cabinet, blobs, Recorder(lambda: False), sweep_s=0.01)
    await cabinet.put("anna", "a.pdf", PDF)
    filing.start()
    filing.start()  # twice is once
    await asyncio.sleep(0.03)
    assert len(blobs.kept) == 1
    blobs.fail = Unavailable("storage_unavailable")
    clock.seconds = 24 * 3_600
    await until(lambda: "sweeping files waits: storage_unavailable" in caplog.text)
    await asyncio.sleep(0.05)
    assert caplog.text.count("sweeping files waits") == 1
    blobs.fail = None
    await until(lambda: not blobs.kept)
    await filing.stop()
    await filing.stop()
