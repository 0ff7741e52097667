"""The folder of the embedded vector index: who owns it, what it was made for, opening it and making it anew."""

import fcntl
import logging
import os
import shutil
from pathlib import Path
from typing import IO, Any

import msgspec

from db.edge_tidy import tidy, worth_it
from db.vectors import DENSE, NUMBERS, SPARSE, WORDS, Made
from domain.errors import Unavailable

log = logging.getLogger(__name__)


class EdgeFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._points, self._note = path / "points", path / "made.json"
        self._owned: IO[str] | None = None

    def own(self) -> None:
        """Take the folder, or say who has it: two processes in one folder would each see half.

        Raises Unavailable("index_unavailable").
        """
        if self._owned is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        file = (self.path / "owner").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            log.error(
                "the search index %s belongs to process %s, and only one process can own it: run one web worker, or "
                "a Qdrant server (QDRANT_URL)",
                self.path,
                file.read().strip() or "unknown",
            )
            file.close()
            raise Unavailable("index_unavailable") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._owned = file

    def leave(self) -> None:
        if self._owned is not None:
            self._owned.close()  # and with it the lock
            self._owned = None

    def load(self, made: Made) -> Any | None:
        """Return the shard that was made for this, None when there is none or it is broken."""
        import qdrant_edge as edge

        try:
            if msgspec.json.decode(self._note.read_bytes(), type=Made) != made:
                return None
        except (OSError, msgspec.DecodeError):
            return None
        try:
            shard = edge.EdgeShard.load(str(self._points))
            if self._owned and worth_it(self._points, shard.info().points_count, made.size):
                log.info("the search index %s is freed of what was deleted from it", self._points)
                shard.close()
                tidy(self._points, made.size, self._owned.fileno())
                shard = edge.EdgeShard.load(str(self._points))
            return shard
        except Exception as error:  # noqa: BLE001 - the engine knows no narrower one
            # It is a copy of what SQL holds: made anew, it costs minutes.
            log.error("the search index %s is broken and is made anew: %s", self._points, error)
            return None

    def create(self, made: Made) -> Any:
        """Begin with nothing. The note is written last: a crash before it means beginning again."""
        import qdrant_edge as edge

        self._note.unlink(missing_ok=True)
        if self._points.exists():
            aside = self.path / "before"  # for whoever wonders what was broken
            shutil.rmtree(aside, ignore_errors=True)
            self._points.rename(aside)
        self._points.mkdir()
        shard = edge.EdgeShard.create(str(self._points), config_of(made.size))
        kinds = dict.fromkeys(WORDS, edge.PayloadSchemaType.Keyword)
        kinds |= dict.fromkeys(NUMBERS, edge.PayloadSchemaType.Integer)
        for name, kind in kinds.items():
            shard.update(edge.UpdateOperation.create_field_index(name, kind))
        shard.flush()
        fresh = self._note.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(made))
        fresh.replace(self._note)
        return shard


def config_of(size: int, **more: Any) -> Any:
    import qdrant_edge as edge

    dense = {DENSE: edge.EdgeVectorParams(size=size, distance=edge.Distance.Cosine)}
    sparse = {SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)}
    return edge.EdgeConfig(vectors=dense, sparse_vectors=sparse, **more)
