"""What is known of the weights folder: which files were checked, and who may change it just now."""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol


class Known(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...


@contextlib.contextmanager
def alone(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when the holder dies, however it dies."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Verified:
    """Which files were hashed and found right, with the size and time they had then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / ".verified.json"
        try:
            self.rows: dict[str, list[object]] = dict(json.loads(self.file.read_text()))
        except (OSError, ValueError, TypeError):
            self.rows = {}  # absent or broken: everything is hashed once more

    def holds(self, file: Known) -> bool:
        row = self.rows.get(file.name)
        return row is not None and row == self._row(file)

    def add(self, file: Known) -> None:
        self._save({**self.rows, file.name: self._row(file)})

    def forget(self, file: Known) -> None:
        if file.name in self.rows:
            self._save({name: row for name, row in self.rows.items() if name != file.name})

    def _row(self, file: Known) -> list[object]:
        try:
            stat = (self.folder / file.name).stat()
        except OSError:
            return []
        return [file.sha256, stat.st_size, stat.st_mtime_ns]

    def _save(self, rows: dict[str, list[object]]) -> None:
        self.rows = rows
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(rows, indent=1))
        os.replace(fresh, self.file)
