"""The files of deployed code: a store by content, and the folder that a container sees as Modal's /root."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from modal_proto import api_pb2

from functions.pools import CODE

ROOT = PurePosixPath(CODE)  # where Modal puts an app's own code, and a container's working directory


class Sources:
    """Everything lies under `folder`, which is the plane's own."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        self._roots = folder / "roots"
        self._mounts: dict[str, list[api_pb2.MountFile]] = {}
        self.images: dict[str, api_pb2.Image] = {}  # as declared; nothing is built

    def has(self, digest: str) -> bool:
        """Whether a file with this SHA-256 is here."""
        return (self._files / digest).exists()

    def put(self, digest: str, data: bytes) -> None:
        """Keep a file; it appears whole or not at all."""
        self._files.mkdir(parents=True, exist_ok=True)
        part = self._files / f"{digest}.part"
        part.write_bytes(data)
        part.rename(self._files / digest)

    def mount(self, name: str, files: list[api_pb2.MountFile]) -> str:
        """Return the id of a mount with these files; the same files have the same id."""
        told = "".join(sorted(f"{file.filename}\0{file.sha256_hex}\n" for file in files)) or name
        mount_id = f"mo-{hashlib.sha256(told.encode()).hexdigest()[:20]}"
        self._mounts[mount_id] = files
        return mount_id

    def root(self, mount_ids: Iterable[str]) -> Path:
        """Return the folder with the files of these mounts below Modal's /root, made at first need.

        What is mounted elsewhere is left out: a plain process sees this machine's own root.
        """
        chosen = sorted(mount_ids)
        folder = self._roots / hashlib.sha256("".join(chosen).encode()).hexdigest()[:20]
        if not folder.exists():
            part = folder.with_suffix(".part")
            part.mkdir(parents=True)
            for mount_id in chosen:
                for file in self._mounts.get(mount_id, ()):
                    self._link(part, file)
            part.rename(folder)
        return folder

    def _link(self, folder: Path, file: api_pb2.MountFile) -> None:
        path = PurePosixPath(file.filename)
        if ".." in path.parts or not path.is_relative_to(ROOT) or not self.has(file.sha256_hex):
            return
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            # A hard link, not a symbolic one: code that resolves its own __file__ must stay among its siblings.
            os.link(self._files / file.sha256_hex, target)
