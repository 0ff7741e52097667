"""A market with everything in memory: a till, a provider whose books the test writes, and people who buy."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.errors import NotFound
from domain.membership.entitlements import Entitlements
from domain.membership.model import Currency, Membership, Order, Period
from domain.membership.plans import Plans
from domain.membership.ports import Checkout
from domain.membership.till import Till
from domain.people import Credentials, Mail, Role, User
from infra.plans import load
from tests.fakes import HandClock
from tests.fakes_meters import MemoryMeters
from tests.fakes_orders import MemoryOrders
from tests.fakes_people import Diary, Letterbox, MemoryAccounts, Town
from tests.fakes_provider import SIGNED, ScriptedProvider

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)  # the shortest month comes next
PLANS = load()
BACK = "https://parley.test/membership/back"
DAY = timedelta(days=1)


class Calendar(HandClock):
    """Begins at NOON."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


class Postbox(Letterbox):
    """Keeps a mail once, as the outbox does."""

    def send(self, mail: Mail) -> None:
        if mail.id not in {each.id for each in self.mails}:
            super().send(mail)


class Market:
    def __init__(self, plans: Plans = PLANS, renews: bool = True) -> None:
        self.clock, self.town, self.orders = Calendar(), Town(), MemoryOrders()
        self.accounts, self.diary, self.letters = MemoryAccounts(self.town), Diary(), Postbox()
        self.meters, self.provider = MemoryMeters(), ScriptedProvider(renews=renews)
        self.entitlements = Entitlements(plans, self.orders, self.role_of, self.meters, self.clock)
        self.till = self.open()
        self.anna = self.person("anna")

    def open(self, fail_point: Callable[[str], None] = lambda _: None) -> Till:
        """A program that starts: nothing of the one before is in its memory."""
        return Till(
            self.orders, self.entitlements, {self.provider.name: self.provider}, self.accounts, self.diary,
            self.letters, self.clock, "https://parley.test", fail_point=fail_point,
        )  # fmt: skip

    def person(self, name: str, role: Role = "user") -> User:
        user = User(id=name, username=name, email=f"{name}@x.org", role=role, created_at=NOON, password_at=NOON)
        self.town.users[name] = Credentials(user, "")
        return user

    def role_of(self, owner: str) -> Role:
        try:
            return self.accounts.get(owner).role
        except NotFound:
            return "guest"

    async def buy(
        self, plan: str = "plus", period: Period = "month", coupon: str = "", user: User | None = None,
        currency: Currency = "USD",
    ) -> tuple[Order, Checkout]:  # fmt: skip
        return await self.till.buy(user or self.anna, plan, period, currency, coupon, "en", BACK)

    async def paid(
        self, plan: str = "plus", period: Period = "month", coupon: str = "", user: User | None = None,
        print_: str = "", **more: Any,
    ) -> Order:  # fmt: skip
        """Buy it, pay it, and have the webhook come and be worked on."""
        user = user or self.anna
        order, _ = await self.buy(plan, period, coupon, user, **more)
        if order.state != "granted":
            self.provider.pay(order, print_ or f"card-of-{user.id}")
            await self.hook("paid", order)
        return self.orders.get(order.id)

    async def hook(self, kind: str, order: Order, **other: Any) -> tuple[int, bytes, str]:
        """A webhook comes, and what follows is done."""
        answer = await self.tell(kind, order, **other)
        await self.work()
        return answer

    async def tell(self, kind: str, order: Order, **other: Any) -> tuple[int, bytes, str]:
        body = self.provider.event(kind, order, self.clock.now(), **other)
        return await self.till.receive(self.provider.name, SIGNED, body)

    async def work(self) -> None:
        while await self.till.work():
            pass

    async def renewed(self, first: Order, **wrong: Any) -> Order | None:
        """The provider takes the next payment and tells it."""
        subscription = f"sub_{first.id}"
        ref = self.provider.renew(subscription, **wrong)
        await self.hook("renewed", first, ref=ref, subscription=subscription)
        return next((o for o in self.orders.of(first.user_id) if o.provider_ref == ref), None)

    def pass_time(self, **time: float) -> None:
        self.clock.seconds += timedelta(**time).total_seconds()

    def membership(self, user: User | None = None) -> Membership | None:
        return self.orders.membership((user or self.anna).id)

    def held(self) -> Membership:
        there = self.membership()
        assert there is not None
        return there

    def state(self, order: Order) -> str:
        return self.orders.get(order.id).state

    def sums(self) -> dict[str, int]:
        """Return the balance of each account in USD."""
        return {account: amount for (account, currency), amount in self.orders.balance().items() if currency == "USD"}

    def kinds(self) -> list[str]:
        return [mail.kind for mail in self.letters.mails]

    def actions(self) -> list[str]:
        return [event.action for event in self.diary.events]

