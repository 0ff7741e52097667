"""A till whose program is killed at its fail points: the helper of test_money_killed.py.

All stores are real, on SQLite. The provider's books lie in a file beside them and outlive every death, as those of a
provider would; so does the time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from db.accounts import SqlAccounts
from db.audit import SqlAudit
from db.connect import connect, disconnect
from db.meters import SqlMeters
from db.migrate import upgrade
from db.orders import SqlOrders
from db.outbox import SqlOutbox
from db.tables.membership import order_jobs
from domain.errors import Conflict
from domain.membership.entitlements import Entitlements
from domain.membership.model import Coupon, Order
from domain.membership.ports import PaymentState
from domain.membership.till import FAIL_POINTS, Till
from domain.people import Mail, User
from infra.plans import OURS, read
from tests.db.test_accounts_contract import pending, user
from tests.fakes import HandClock
from tests.fakes_provider import SIGNED, Card, ScriptedProvider
from tests.stories.dying import Dying, serve

NAMES = ("anna", "ben", "eve", "fay", "gus")
HOUR, DAY = 3_600, 86_400
TAKEN = ("paid", "refunded", "part_refunded")  # what the provider has, less what it gave back, is owed to us


class Ask(msgspec.Struct):
    what: str  # "live" or "look"
    folder: str
    die_at: int = 0  # at which fail point that is passed; 0: at none


class _Kept(msgspec.Struct):
    """What is no part of the program that is killed."""

    seconds: float = 0.0
    number: int = 1
    books: dict[str, PaymentState] = {}
    cards: dict[str, Card] = {}
    refunds: dict[str, tuple[str, int]] = {}
    unanswered: list[bytes] = []


class _Mailer:
    def __init__(self, outbox: SqlOutbox) -> None:
        self._outbox = outbox

    def send(self, mail: Mail) -> None:
        self._outbox.put(mail)


class House:
    def __init__(self, folder: Path, dying: Dying, url: str = "") -> None:
        fresh = bool(url) or not (folder / "core.db").exists()
        url = url or f"sqlite:///{folder / 'core.db'}"
        upgrade(url)
        self.engine, self._file, self._dying = connect(url), folder / "provider.json", dying
        kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept) if self._file.exists() else _Kept()
        self.clock = HandClock()
        self.clock.seconds = kept.seconds
        self.provider = ScriptedProvider()
        self.provider.books, self.provider.cards, self.provider.refunds = kept.books, kept.cards, kept.refunds
        self.provider._numbers, self._number = count(kept.number), kept.number + 1_000
        self._unanswered = kept.unanswered
        self.orders, self.accounts = SqlOrders(self.engine), SqlAccounts(self.engine)
        self.outbox, self.audit = SqlOutbox(self.engine), SqlAudit(self.engine, "k" * 32)
        meters = SqlMeters(self.engine)
        plans = read(OURS.read_text("utf-8"))
        self.till = Till(
            self.orders, Entitlements(plans, self.orders, lambda _: "user", meters, self.clock),
            {"scripted": self.provider}, self.accounts, self.audit, _Mailer(self.outbox),
            self.clock, fail_point=self.point,
        )  # fmt: skip
        if fresh:
            self._furnish()

    def _furnish(self) -> None:
        for name in NAMES:
            until = self.clock.now() + timedelta(days=1)
            self.accounts.pend(pending(f"t-{name}", name, guest="", expires_at=until))
            self.accounts.confirm(f"t-{name}", user(name, created_at=self.clock.now()), self.clock.now())
        self.orders.keep_coupon(Coupon(code="AUTUMN", percent=20, most=5))
        self.keep()

    def point(self, name: str) -> None:
        self.keep()
        self._dying.step(name)

    def keep(self) -> None:
        provider = self.provider
        kept = _Kept(
            self.clock.seconds, self._number, provider.books, provider.cards, provider.refunds, self._unanswered
        )
        self._file.with_suffix(".new").write_bytes(msgspec.json.encode(kept))
        self._file.with_suffix(".new").replace(self._file)

    # -- what people and the provider do -------------------------------------------------------------

    def user(self, name: str) -> User:
        return self.accounts.get(f"id-{name}")

    async def buy(self, name: str, plan: str = "basic", coupon: str = "") -> Order:
        order, _ = await self.till.buy(self.user(name), plan, "month", "USD", coupon, "en", "/membership")
        return order

    async def bought(self, name: str, plan: str = "basic", coupon: str = "", card: str = "") -> Order:
        order = await self.buy(name, plan, coupon)
        self.provider.pay(order, print_=card or f"card-{name}")
        await self.hear("paid", order)
        return self.orders.get(order.id)

    async def hear(self, kind: str, order: Order, **other: object) -> None:
        """The provider tells it, twice, and what is to be done is done."""
        body = self.provider.event(kind, order, self.clock.now(), **other)
        self._unanswered += [body, body]
        await self.tell()
        await self.work()

    async def tell(self) -> None:
        """The provider tells what nobody has answered yet; it would do so for days."""
        while self._unanswered:
            await self.till.receive("scripted", SIGNED, self._unanswered[0])
            del self._unanswered[0]
        self.keep()

    async def work(self) -> None:
        while await self.till.work():
            pass

    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.keep()


async def first_plan(house: House) -> None:
    """Anna buys with a coupon, and goes up at once."""
    await house.bought("anna", coupon="AUTUMN")
    house.wait(3 * DAY)
    await house.bought("anna", "plus")


async def nothing_bought(house: House) -> None:
    """Ben changes his mind, his card is refused, and of Eve's order the provider knows nothing any more."""
    order = await house.buy("ben", coupon="AUTUMN")
    await house.till.drop(house.user("ben"), order.id)
    order = await house.buy("ben", coupon="AUTUMN")
    house.provider.expire(order.id, "failed")
    await house.hear("failed", order)
    order = await house.buy("eve")
    del house.provider.books[order.id]
    await house.till.drop(house.user("eve"), order.id)


async def changes_of_mind(house: House) -> None:
    """Anna goes down from the end of the month on, takes that back, cancels, and takes that back too."""
    anna = house.user("anna")
    await house.till.change(anna, "basic", "month", "", "en", "/membership")
    await house.till.resume(anna)
    await house.till.cancel(anna)
    await house.till.resume(anna)


async def a_month_later(house: House) -> None:
    """Anna's plan renews itself; the operator gives a part of that back, and then all that is left."""
    membership = house.orders.membership("id-anna")
    assert membership is not None
    house.wait((membership.until - house.clock.now()).total_seconds() + HOUR)
    ref = house.provider.renew(membership.subscription)
    first = house.orders.get(house.provider.cards[membership.subscription].order_id)
    await house.hear("renewed", first, ref=ref, subscription=membership.subscription)
    renewed = next(each for each in house.orders.of("id-anna") if each.kind == "renew")
    await house.till.refund(renewed.id, 100, "admin")
    house.wait(HOUR)
    await house.till.refund(renewed.id, await house.till.refund_room(renewed.id), "admin")
    await house.work()


async def a_dispute(house: House) -> None:
    """Ben's bank takes his money back, and gives it up again."""
    order = await house.bought("ben")
    house.provider.dispute(order.id)
    await house.hear("disputed", order)
    house.wait(DAY)
    house.provider.dispute(order.id, won=True)
    await house.hear("dispute_won", order)


async def one_trial_for_two(house: House) -> None:
    """Fay pays with the card with which Eve has had a trial."""
    await house.bought("eve", "plus", card="shared")
    await house.bought("fay", "plus", card="shared")


async def an_end(house: House) -> None:
    """Gus' next payment fails; his plan is kept for some days, and ends. So does whatever else has had its time."""
    order = await house.bought("gus")
    membership = house.orders.membership("id-gus")
    assert membership is not None
    house.wait((membership.until - house.clock.now()).total_seconds() + HOUR)
    await house.hear("renewal_failed", order, subscription=membership.subscription)
    house.wait(4 * DAY)
    await house.till.reconcile()
    await house.work()


ACTS: tuple[Callable[[House], Awaitable[None]], ...] = (
    first_plan, nothing_bought, changes_of_mind, a_month_later, a_dispute, one_trial_for_two, an_end,
)  # fmt: skip


async def live(house: House) -> dict[str, Any]:
    for act in ACTS:
        await act(house)
    house.keep()
    return {"steps": house._dying.names, "points": list(FAIL_POINTS)}


async def look(house: House) -> dict[str, Any]:
    """The next program does what is left to do; then somebody else buys, and this is how it all is."""
    for _ in range(5):
        house.wait(120)  # leases run out, and what failed is tried again
        await house.tell()
        await house.work()
        await house.till.reconcile()
    with suppress(Conflict):  # he has it already
        await house.bought("gus")
    for _ in range(2):
        house.wait(120)
        await house.work()
        await house.till.reconcile()
    found = house.orders.find(limit=1_000)
    written = {order.id: [each.id for each in house.orders.transactions(order.id)] for order in found}
    balance = house.orders.balance()
    books = house.provider.books
    refunded: dict[str, int] = {}
    for where, amount in house.provider.refunds.values():
        refunded[where] = refunded.get(where, 0) + amount
    with house.engine.connect() as connection:
        jobs = len(connection.execute(select(order_jobs)).all())
    return {
        "orders": found,
        "books": {order.id: books.get(order.provider_ref) or books.get(order.id) for order in found},
        "written": written,
        "sum": sum(balance.values()),
        "clearing": balance.get(("clearing", "USD"), 0),
        "taken": sum(each.amount - each.refunded for each in books.values() if each.state in TAKEN),
        "refunds": refunded,
        "jobs": jobs,
        "told": [
            (row.event.action, row.event.target, row.event.detail.get("amount", 0))
            for row in house.audit.find(limit=1_000)
        ],
        "mails": [mail.id for mail in house.outbox.newest(1_000)],
        "memberships": {name: house.orders.membership(f"id-{name}") for name in NAMES},
        "cancelled": {sub: card.cancelled for sub, card in house.provider.cards.items()},
        "uses": house.orders.coupon_uses("AUTUMN"),
        "now": house.clock.now(),
    }  # fmt: skip


def do(ask: Ask) -> dict[str, Any]:
    dying = Dying(ask.die_at)
    house = House(Path(ask.folder), dying)
    answer = asyncio.run(live(house) if ask.what == "live" else look(house))
    disconnect(house.engine)
    return answer


if __name__ == "__main__":
    serve(Ask, do)
