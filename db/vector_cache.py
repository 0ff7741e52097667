"""Vectors by what was embedded: the same text is embedded once, on whichever pages it stands.

A vector tells much of its text, so it is erased with the last chunk that holds it.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, Engine, bindparam, delete, exists, insert, select
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.tables.pages import MODEL_CHARS, chunks, vector_cache
from db.work import check_names, known, reading, writing
from domain.errors import BadInput
from domain.ports import Vector

AT_ONCE = 500  # checksums in one statement
MOST = 8_192  # floats: 32 KB, a BLOB of MySQL holds 64

_THESE = vector_cache.c.checksum.in_(bindparam("checksums", expanding=True))
_MODEL = vector_cache.c.model == bindparam("of")
_GET = select(vector_cache.c.checksum, vector_cache.c.vector).where(_THESE, _MODEL)
_THERE = select(vector_cache.c.checksum).where(_THESE, _MODEL)
_KEEP = insert(vector_cache)
_TAKE = select(vector_cache.c.checksum).where(_THESE).order_by(vector_cache.c.checksum).with_for_update()
_HELD = exists().where(chunks.c.checksum == vector_cache.c.checksum)
_FORGET = delete(vector_cache).where(_THESE, ~_HELD)


class VectorCache:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def vectors(self, model: str, checksums: Sequence[str]) -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        if not _is_model(model):
            return found
        with reading(self._engine) as connection:
            for some in in_lots([checksum for checksum in dict.fromkeys(checksums) if known(checksum)]):
                for checksum, raw in connection.execute(_GET, {"checksums": some, "of": model}):
                    found[checksum] = np.frombuffer(raw, "<f4").tolist()
        return found

    @again(IntegrityError)  # somebody else keeps the same
    def keep_vectors(self, model: str, vectors: Mapping[str, Vector]) -> None:
        """Keep them as float32; one that is there already stays as it is."""
        check_names(*vectors)
        if not _is_model(model):
            raise BadInput("form_bad", field="model")
        rows = {checksum: _bytes(vector) for checksum, vector in sorted(vectors.items())}
        with writing(self._engine) as connection:
            for some in in_lots(list(rows)):
                there = set(connection.scalars(_THERE, {"checksums": some, "of": model}))
                new = [{"checksum": c, "model": model, "vector": rows[c]} for c in some if c not in there]
                if new:
                    connection.execute(_KEEP, new)

    @again()
    def forget_vectors(self, checksums: Sequence[str]) -> None:
        with writing(self._engine) as connection:
            forget_vectors(connection, [checksum for checksum in checksums if known(checksum)])


def forget_vectors(connection: Connection, checksums: Sequence[str]) -> None:
    """Erase those vectors whose text no chunk holds any more.

    Of two who erase the last chunks of one text at once neither sees what the other has not kept yet, and both would
    leave the vector: so the second waits for the first one here, and then looks.
    """
    for some in in_lots(sorted(set(checksums))):
        connection.execute(_TAKE, {"checksums": some}).all()
        connection.execute(_FORGET, {"checksums": some})


def in_lots(names: Sequence[str], most: int = AT_ONCE) -> Iterator[Sequence[str]]:
    return (names[start : start + most] for start in range(0, len(names), most))


def _is_model(model: str) -> bool:
    return 0 < len(model) <= MODEL_CHARS and model.isascii() and model.isprintable()


def _bytes(vector: Vector) -> bytes:
    if not 0 < len(vector) <= MOST:
        raise BadInput("form_bad", field="vector")
    return np.asarray(vector, "<f4").tobytes()
