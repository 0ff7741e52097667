"""Where bytes of files lie: a folder on this machine, or a bucket of any S3-compatible store.

Both are domain.filing.ports.Blobs over obstore: whole or not at all, in pieces, all troubles in one kind of words.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from domain.errors import NotFound, ParleyError, Unavailable
from infra.config import Config

log = logging.getLogger(__name__)
PIECE = 1024 * 1024  # bytes read at once: a request of its own each, so that a slow reader holds no connection open
PART = 5 * 1024 * 1024  # the least that S3 takes as a part of an upload
PARTS = 2  # of one upload that are in memory
LISTED = 1_000
# What "no room left" is called by the kernel, by quotas of disks, by MinIO and by others.
_FULL = ("os error 28", "os error 122", "StorageFull", "507 Insufficient Storage", "status code 507", "QuotaExceeded")


class Storage:
    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        """`folder` is where a local store lies: then what was written has reached the disk when `put` returns."""
        self._store, self._folder = store, folder

    async def put(self, key: str, data: AsyncIterator[bytes]) -> int:
        """Parts in memory: PARTS of PART bytes on S3, much less on a disk."""
        told = _Told(data)
        part = PIECE if self._folder else PART
        try:
            with _troubles():
                await obstore.put_async(self._store, key, told.pieces(), chunk_size=part, max_concurrency=PARTS)
                if self._folder is not None:
                    await asyncio.to_thread(_to_disk, self._folder / key)
        except Exception as error:
            if told.error is not None:  # it came from whoever gave the bytes, and is theirs to understand
                raise told.error from None
            if isinstance(error, NotFound):  # of the folder or the bucket itself
                raise Unavailable("storage_unavailable") from error
            raise
        return told.size

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        with _troubles():
            if end is None:
                end = (await obstore.head_async(self._store, key))["size"]
        while start < end:
            upto = min(start + PIECE, end)
            with _troubles():
                piece = await obstore.get_range_async(self._store, key, start=start, end=upto)
            if not len(piece):
                return
            yield bytes(piece)
            start += len(piece)

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            try:
                with _troubles():
                    await obstore.delete_async(self._store, key)
            except NotFound:
                continue

    async def keys(self, prefix: str = "") -> AsyncGenerator[tuple[str, datetime], None]:
        listing = obstore.list(self._store, prefix or None, chunk_size=LISTED)
        while True:
            with _troubles():
                batch = await anext(listing, None)
            if batch is None:
                return
            for one in batch:
                yield one["path"], one["last_modified"]

    async def clear(self, before: datetime) -> int:
        """Erase what programs that were killed had half written by then; return how many.

        On S3 nobody sees it and the bucket's own rule ends it (docs/deploy.md).
        """
        return 0 if self._folder is None else await asyncio.to_thread(_clear, self._folder, before)

    async def close(self) -> None:
        """Nothing is held open between calls."""


def local(folder: Path) -> Storage:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Storage(LocalStore(folder), folder)


def storage(config: Config) -> Storage:
    """Return the store that the settings name."""
    if not config.files_url:
        return local(config.data_dir / "files")
    where = urlsplit(config.files_url)
    # One by one: what a store answers to many at once differs.
    options: dict[str, str | bool] = {"region": config.files_region, "disable_bulk_delete": True}
    if config.files_endpoint:
        options |= {"endpoint": config.files_endpoint, "virtual_hosted_style_request": False}
    bucket = S3Store(
        where.hostname or "",
        prefix=where.path.strip("/") or None,
        access_key_id=config.files_key,
        secret_access_key=config.files_secret,
        client_options={
            "allow_http": config.files_endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=60),
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
        **options,  # type: ignore[arg-type]
    )
    return Storage(bucket)


class _Told:
    """Counts what passes, and keeps what went wrong on the side of whoever gives the bytes."""

    def __init__(self, data: AsyncIterator[bytes]) -> None:
        self._data = data
        self.size = 0
        self.error: Exception | None = None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in self._data:
                if piece:
                    self.size += len(piece)
                    yield piece
        except Exception as error:
            self.error = error
            raise


@contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            log.error("there is no such bucket")
            raise Unavailable("storage_unavailable") from error
        raise NotFound("file_gone") from error
    except ParleyError:
        raise
    except (BaseError, OSError, ValueError) as error:
        told = str(error)
        if getattr(error, "errno", 0) in (28, 122) or any(sign in told for sign in _FULL):
            log.error("there is no room left for files: %s", told.partition("\n")[0])
            raise Unavailable("disk_full") from error
        log.error("the store of files failed: %s", told.partition("\n")[0])
        raise Unavailable("storage_unavailable") from error


def _to_disk(file: Path) -> None:
    """Wait until the bytes and the names have reached the disk: the row that names them is as safe."""
    for path in (file, file.parent, file.parent.parent):  # the folder may be as new
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _clear(folder: Path, before: datetime) -> int:
    """obstore writes a file under its name with #1 and so on behind it, and lists none of these."""
    left = [file for file in folder.rglob("*#*") if file.is_file() and file.stat().st_mtime < before.timestamp()]
    for file in left:
        file.unlink(missing_ok=True)
    return len(left)
