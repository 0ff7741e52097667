"""Vectors that are being made while their text is erased."""

from collections.abc import Sequence

import pytest

from domain.knowledge.model import Shelf
from domain.ports import Vector
from tests.domain.knowledge_house import MODEL, SITE, KnowledgeHouse

pytestmark = pytest.mark.anyio
TEXT = "The ferry leaves the old harbour at seven and returns after dark, except on the day of the regatta."


async def test_of_a_text_that_is_erased_while_it_is_embedded_no_vector_stays(home: KnowledgeHouse) -> None:
    """An account is erased in the middle of it: nothing would ever erase a vector that came afterwards."""
    home.web.say(SITE, TEXT)
    source = home.source("page", shelf=Shelf("anna"))
    await home.crawl(source)
    page = home.page(SITE)
    checksums = [chunk.checksum for chunk in home.pages.chunks(page.id, page.live)]
    embed = home.numbers.embed

    async def meanwhile(texts: Sequence[str], kind: str) -> list[Vector]:
        home.index.delete_pages(home.sources.erase("anna"))
        return await embed(texts, kind)

    home.numbers.embed = meanwhile  # type: ignore[method-assign]
    await home.encoder.page(page)
    assert home.numbers.asked and checksums
    assert home.pages.vectors(MODEL, checksums) == {}
    assert home.index.count() == 0
