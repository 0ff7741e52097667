"""What every store of bytes does: in memory, on a disk, and in an S3-compatible bucket."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from domain.errors import NotFound, TooLong, Unavailable
from domain.filing.ports import Blobs
from infra.config import Config
from infra.storage import PART, Storage, local, storage
from tests.fakes_filing import MemoryBlobs
from tests.infra import s3
from tests.needs import program

pytestmark = pytest.mark.anyio
MB = 1024 * 1024


@pytest.fixture(scope="session")
def bucket() -> Iterator[s3.S3]:
    with s3.serving() as store:
        yield store


def settings(store: s3.S3, **changes: str) -> Config:
    config = Config(
        files_url=f"s3://{s3.BUCKET}/ours/files", files_key=s3.KEY, files_secret=s3.SECRET, files_endpoint=store.url
    )
    return msgspec.structs.replace(config, **changes)


@pytest.fixture(params=["memory", "disk", "s3"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path, bucket: s3.S3) -> AsyncIterator[Blobs]:
    found: Blobs
    if request.param == "memory":
        found = MemoryBlobs()
    elif request.param == "disk":
        found = local(tmp_path / "files")
    else:
        bucket.objects.clear()
        bucket.uploads.clear()
        bucket.fail.clear()
        found = storage(settings(bucket))
    yield found
    await found.close()


async def pieces(*some: bytes) -> AsyncIterator[bytes]:
    for piece in some:
        yield piece


async def whole(blobs: Blobs, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in blobs.get(key, start, end)])


async def keys(blobs: Blobs, prefix: str = "") -> list[str]:
    return sorted([key async for key, _ in blobs.keys(prefix)])


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_bytes_come_back_as_they_were(blobs: Blobs) -> None:
    body = os.urandom(3 * MB + 17)
    assert await blobs.put("ab/one", pieces(body[:7], b"", body[7 : 2 * MB], body[2 * MB :])) == len(body)
    assert await whole(blobs, "ab/one") == body
    assert await whole(blobs, "ab/one", 5, 9) == body[5:9]
    assert await whole(blobs, "ab/one", MB - 3, 2 * MB + 4) == body[MB - 3 : 2 * MB + 4]
    assert await whole(blobs, "ab/one", 3 * MB) == body[3 * MB :]
    assert await whole(blobs, "ab/one", 4, 4) == b""


async def test_large_ones_go_in_parts(blobs: Blobs) -> None:
    piece = os.urandom(MB)
    assert await blobs.put("ab/large", pieces(*[piece] * 12)) == 12 * MB
    assert await whole(blobs, "ab/large") == piece * 12


async def test_what_is_not_there_is_gone(blobs: Blobs) -> None:
    with pytest.raises(NotFound) as wrong:
        await whole(blobs, "ab/none")
    assert wrong.value.code == "file_gone"
    await blobs.put("ab/one", pieces(b"one"))
    await blobs.put("ab/two", pieces(b"two"))
    await blobs.delete(["ab/none", "ab/one", "cd/none"])
    with pytest.raises(NotFound):
        await whole(blobs, "ab/one")
    assert await whole(blobs, "ab/two") == b"two"


async def test_all_keys_are_listed_with_when_they_were_written(blobs: Blobs) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    names = [f"{folder}/{number:03}" for folder in ("ab", "cd") for number in range(8)]
    for name in names:
        await blobs.put(name, pieces(b"x"))
    assert await keys(blobs) == names
    assert await keys(blobs, "cd") == names[8:]
    async for _, at in blobs.keys():
        assert began <= at <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize("sent", [0, 3, 12])
async def test_what_breaks_off_leaves_nothing(blobs: Blobs, bucket: s3.S3, sent: int) -> None:
    async def cut() -> AsyncIterator[bytes]:
        for _ in range(sent):
            yield b"x" * MB
        raise TooLong("file_large", most=1)

    with pytest.raises(TooLong) as wrong:
        await blobs.put("ab/half", cut())
    assert wrong.value.code == "file_large"
    assert await keys(blobs) == []
    assert bucket.uploads == {}
    with pytest.raises(NotFound):
        await whole(blobs, "ab/half")


async def test_who_is_cancelled_leaves_nothing(blobs: Blobs, bucket: s3.S3) -> None:
    waiting = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"x" * MB
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(blobs.put("ab/half", slow()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(blobs) == []


async def test_what_is_replaced_is_the_old_or_the_new(blobs: Blobs) -> None:
    await blobs.put("ab/one", pieces(b"old"))

    async def cut() -> AsyncIterator[bytes]:
        yield b"new"
        raise OSError("the line was cut")

    with pytest.raises(OSError, match="the line was cut"):
        await blobs.put("ab/one", cut())
    assert await whole(blobs, "ab/one") == b"old"


async def test_a_bucket_that_is_away_or_does_not_know_us_says_so(
    bucket: s3.S3, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.fail.clear()
    strangers = storage(settings(bucket, files_secret="another secret"))
    elsewhere = storage(settings(bucket, files_url="s3://no-such-bucket"))
    away = storage(settings(bucket, files_endpoint="http://127.0.0.1:1"))
    for store in (strangers, elsewhere, away):
        with pytest.raises(Unavailable) as wrong:
            await store.put("ab/one", pieces(b"one"))
        assert wrong.value.code == "storage_unavailable"
    with pytest.raises(Unavailable):
        await keys(strangers)
    for store in (strangers, elsewhere, away):
        with pytest.raises(Unavailable):
            await store.delete(["ab/one"])
    assert s3.SECRET not in caplog.text
    assert "another secret" not in caplog.text


@pytest.mark.parametrize(("status", "code"), [(503, "storage_unavailable"), (507, "disk_full")])
async def test_what_a_bucket_answers_is_told_in_our_words(bucket: s3.S3, status: int, code: str) -> None:
    bucket.objects.clear()
    bucket.uploads.clear()
    bucket.fail["PUT"] = status
    try:
        with pytest.raises(Unavailable) as wrong:
            await storage(settings(bucket)).put("ab/one", pieces(*[b"x" * MB] * 7))
    finally:
        bucket.fail.clear()
    assert wrong.value.code == code
    assert (bucket.objects, bucket.uploads) == ({}, {})


async def test_parts_are_as_large_as_s3_wants_them_and_few_are_in_memory(bucket: s3.S3) -> None:
    bucket.objects.clear()
    bucket.asked.clear()
    await storage(settings(bucket)).put("ab/one", pieces(*[b"x" * 100_000] * 110))
    parts = [asked for asked in bucket.asked if "partNumber" in asked]
    assert len(parts) == 3  # 11 MB
    assert list(bucket.objects) == ["ours/files/ab/one"]
    assert PART == 5 * MB


async def test_files_on_a_disk_are_nobody_elses_to_see(tmp_path: Path) -> None:
    blobs = local(tmp_path / "files")
    await blobs.put("ab/one", pieces(b"one"))
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "files" / "ab" / "one").read_bytes() == b"one"


async def test_a_folder_that_went_away_says_so(tmp_path: Path) -> None:
    blobs = local(tmp_path / "files")
    (tmp_path / "files").rmdir()
    (tmp_path / "files").write_text("no folder")
    with pytest.raises(Unavailable) as wrong:
        await blobs.put("ab/one", pieces(b"one"))
    assert wrong.value.code == "storage_unavailable"


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from infra.storage import local
async def data():
    for _ in range(4):
        yield b"x" * 1_048_576
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(local(Path(sys.argv[1])).put("ab/half", data()))
"""


async def test_what_a_killed_program_had_half_written_is_never_seen_and_cleared_later(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    line = [sys.executable, "-c", KILLED, str(folder)]
    await asyncio.to_thread(subprocess.run, line, cwd=Path(__file__).parents[2], timeout=200)
    assert files_in(folder), "it was killed while it wrote"
    blobs = local(folder)
    assert await keys(blobs) == []
    assert await blobs.clear(datetime.now(UTC) - timedelta(hours=1)) == 0  # somebody may still be writing it
    assert await blobs.clear(datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert files_in(folder) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of 2 MB")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run([program("mount"), "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run([program("umount"), folder], check=True)


async def test_a_full_disk_leaves_nothing_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    blobs: Storage = local(small_disk / "files")
    await blobs.put("ab/one", pieces(b"x" * 900_000))
    for size in (3 * MB, 1_300_000):
        with pytest.raises(Unavailable) as wrong:
            await blobs.put("ab/two", pieces(*[b"y" * 100_000] * (size // 100_000)))
        assert wrong.value.code == "disk_full"
    assert files_in(small_disk) == ["one"]
    assert await whole(blobs, "ab/one") == b"x" * 900_000
    await blobs.delete(["ab/one"])
    assert await blobs.put("ab/two", pieces(b"y" * 1_300_000)) == 1_300_000
