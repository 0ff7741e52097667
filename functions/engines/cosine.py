"""Ranking by vectors alone, for embedders that have no reranker of their own."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from domain.ports import Vector
from functions.checked import Kind


class Embeds(Protocol):
    def embed(self, texts: Sequence[str], kind: Kind) -> list[Vector]: ...


def rank(engine: Embeds, query: str, texts: Sequence[str]) -> list[float]:
    """Return the cosine of the query and each text, -1 to 1, in the order of the texts."""
    (asked,) = engine.embed([query], "query")
    return [float(np.dot(asked, vector)) for vector in engine.embed(texts, "passage")]
