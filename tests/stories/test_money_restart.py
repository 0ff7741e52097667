"""PostgreSQL is killed and comes back while people pay: nothing is lost, granted twice or numbered with a gap."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from db.connect import disconnect
from domain.errors import Unavailable
from domain.membership.model import Order
from tests.fakes_provider import SIGNED
from tests.servers import Server, server
from tests.stories.dying import Dying
from tests.stories.money_child import NAMES, House

pytestmark = [pytest.mark.server, pytest.mark.anyio, pytest.mark.timeout(600)]
Result = TypeVar("Result")
KILLED_AT = (2, 4)  # grants: each in the moment after one was kept
TRIES = 900  # of a tenth of a second: so long a database may take to start


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with server("postgresql") as started:
        yield started


class Restarting(Dying):
    """Kills the database instead of the program."""

    def __init__(self, running: Server) -> None:
        super().__init__(0)
        self._running, self._pool = running, ThreadPoolExecutor(1)
        self.starts: list[Future[None]] = []

    def step(self, name: str) -> None:
        super().step(name)
        if name == "grant:kept" and self.names.count(name) in KILLED_AT:
            self.wait()  # two grants may be kept in one moment: it dies for the second one when it is back
            self._running.kill()
            self.starts.append(self._pool.submit(self._running.start))

    def wait(self) -> None:
        for start in self.starts:
            start.result()


async def until_it_works(do: Callable[[], Awaitable[Result]]) -> Result:
    for _ in range(TRIES):
        try:
            return await do()
        except Unavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("the database did not come back")


async def test_a_database_that_restarts_while_people_pay_costs_nobody_anything(running: Server, tmp_path: Path) -> None:
    restarting = Restarting(running)
    house = House(tmp_path, restarting, running.url)

    async def buy(name: str) -> Order:
        order = await until_it_works(lambda: house.buy(name))
        house.provider.pay(order)
        body = house.provider.event("paid", order, house.clock.now())

        async def tell() -> None:
            status, _, _ = await house.till.receive("scripted", SIGNED, body)
            assert status == 200

        await until_it_works(tell)
        await until_it_works(tell)
        return order

    async def work() -> None:
        while not done.is_set():
            with suppress(Unavailable):
                await house.till.work()
            house.clock.seconds += 5  # leases run out, and what failed is tried again
            await asyncio.sleep(0.05)

    done, working = asyncio.Event(), asyncio.create_task(work())
    bought = await asyncio.gather(*map(buy, NAMES))
    for _ in range(TRIES):
        await asyncio.sleep(0.1)
        with suppress(Unavailable):
            await house.till.reconcile()
            if len(await asyncio.to_thread(house.orders.find, "granted")) == len(NAMES):
                break
    done.set()
    await working
    restarting.wait()
    assert len(restarting.starts) == len(KILLED_AT)
    house.wait(3_600)
    while await house.till.work():
        pass
    granted = {order.id: order for order in house.orders.find()}
    assert granted.keys() == {order.id for order in bought}
    assert {order.state for order in granted.values()} == {"granted"}
    assert sorted(order.receipt or 0 for order in granted.values()) == list(range(1, len(NAMES) + 1))
    assert house.orders.balance() == {("clearing", "USD"): 499 * len(NAMES), ("revenue", "USD"): -499 * len(NAMES)}
    mails = [mail.id for mail in house.outbox.newest(100) if mail.id.startswith("receipt-")]
    assert sorted(mails) == sorted(f"receipt-{order_id}" for order_id in granted)
    assert await house.till.audit_books()
    disconnect(house.engine)
