"""The fetcher of a whole application is made with the first visit, and once."""

import asyncio

import pytest

from domain.errors import BadInput
from infra.clock import SystemClock
from infra.fetch_later import LateFetcher
from tests.fakes_web import SeenHosts


class Counted(LateFetcher):
    made = 0

    def _make(self):  # type: ignore[no-untyped-def]
        Counted.made += 1
        return super()._make()


@pytest.mark.anyio
async def test_visits_that_begin_together_share_one_fetcher_and_so_its_turns_at_a_host() -> None:
    fetcher = Counted(SeenHosts(), SystemClock(), "ParleyBot/1.0")
    assert Counted.made == 0
    found = await asyncio.gather(
        *[fetcher.fetch("http://127.0.0.1/", robots=False) for _ in range(3)], return_exceptions=True
    )
    assert [getattr(each, "code", each) for each in found] == ["url_refused"] * 3
    assert all(isinstance(each, BadInput) for each in found)
    assert Counted.made == 1
