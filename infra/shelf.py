"""Bytes kept in files between starts: sounds that were made ahead."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


class FileShelf:
    """One file per name in a folder that anybody may empty. Names are ours (hex), never the user's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Write the whole file or none; a full disk only means that the sound is made again."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                os.replace(temporary, self._folder / name)
            except OSError:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
