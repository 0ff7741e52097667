"""Volumes as plain folders: what is in them, and that nothing outside is ever touched."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
from grpclib import GRPCError, Status
from modal_proto import api_pb2


class Volume(msgspec.Struct, frozen=True):
    folder: Path
    version: int  # of Modal's file system: 1 or 2; here they differ only in how files come and go

    def at(self, path: str) -> Path:
        """Return where a path of the volume is on this disk. Raises GRPCError INVALID_ARGUMENT when outside of it."""
        root = self.folder.resolve()
        there = (root / path.lstrip("/")).resolve()
        if "\0" in path or not there.is_relative_to(root):
            raise GRPCError(Status.INVALID_ARGUMENT, f"the path {path!r} leads out of the volume")
        return there

    def existing(self, path: str) -> Path:
        """Raises GRPCError NOT_FOUND too."""
        there = self.at(path)
        if not there.exists():
            raise GRPCError(Status.NOT_FOUND, f"no such file or directory in the volume: {path!r}")
        return there

    def entries(self, path: str, recursive: bool) -> Iterator[api_pb2.FileEntry]:
        """A file is its own only entry; links are told as such and not followed."""
        there = self.existing(path)
        if there.is_dir():
            for below in sorted(there.rglob("*") if recursive else there.iterdir()):
                yield self._entry(below)
        else:
            yield self._entry(there)

    def _entry(self, there: Path) -> api_pb2.FileEntry:
        kinds = api_pb2.FileEntry.FileType
        kind = kinds.SYMLINK if there.is_symlink() else kinds.DIRECTORY if there.is_dir() else kinds.FILE
        stat = there.lstat()
        return api_pb2.FileEntry(
            path=there.relative_to(self.folder.resolve()).as_posix(), type=kind, mtime=int(stat.st_mtime),
            size=0 if kind == kinds.DIRECTORY else stat.st_size,
        )  # fmt: skip

    def check(self, paths: list[str], may_replace: bool) -> None:
        """Say no before the first file is written. Raises GRPCError ALREADY_EXISTS or INVALID_ARGUMENT."""
        for path in paths:
            there = self.at(path)
            if there.is_dir():
                raise GRPCError(Status.INVALID_ARGUMENT, f"{path!r} is a directory")
            if there.exists() and not may_replace:
                raise GRPCError(Status.ALREADY_EXISTS, f"{path!r} already exists")
            for above in there.relative_to(self.folder.resolve()).parents:
                if (self.folder / above).is_file():
                    raise GRPCError(Status.INVALID_ARGUMENT, f"{above.as_posix()!r} is a file")

    def write(self, path: str, pieces: list[Path], size: int, piece_length: int, mode: int) -> None:
        """Write a file from pieces, each padded with zeros to `piece_length`; readers see all of it or none."""
        there = self.at(path)
        there.parent.mkdir(parents=True, exist_ok=True)
        coming = there.with_name(f".{there.name}.coming")
        with coming.open("wb") as out:
            for at, piece in enumerate(pieces):
                out.seek(at * piece_length)
                with piece.open("rb") as source:
                    shutil.copyfileobj(source, out)
            out.truncate(size)
        coming.chmod(mode or 0o644)
        coming.replace(there)

    def remove(self, path: str, recursive: bool) -> None:
        there = self.existing(path)
        if not there.is_dir():
            there.unlink()
        elif not recursive:
            raise GRPCError(Status.INVALID_ARGUMENT, f"{path!r} is a directory, and recursive was not asked for")
        else:
            for below in there.iterdir():
                shutil.rmtree(below) if below.is_dir() and not below.is_symlink() else below.unlink()
            if there != self.folder.resolve():
                there.rmdir()

    def copy(self, sources: list[str], target: str, recursive: bool) -> None:
        """As `cp`: several sources need a directory to go to."""
        there = self.at(target)
        if len(sources) > 1 and not there.is_dir():
            raise GRPCError(Status.INVALID_ARGUMENT, f"{target!r} is no directory")
        for source in sources:
            origin = self.existing(source)
            goal = there / origin.name if there.is_dir() else there
            goal.parent.mkdir(parents=True, exist_ok=True)
            if not origin.is_dir():
                shutil.copy2(origin, goal)
            elif not recursive:
                raise GRPCError(Status.INVALID_ARGUMENT, f"{source!r} is a directory, and recursive was not asked for")
            else:
                shutil.copytree(origin, goal, dirs_exist_ok=True)
