"""The part of the composition root that is about money: the till, its providers, who does what orders left to do."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import msgspec
from sqlalchemy import Engine

from db.files import SqlFiles
from db.meters import SqlMeters
from db.orders import SqlOrders
from domain.errors import Unavailable
from domain.knowledge.model import Source
from domain.membership.entitlements import Entitlements
from domain.membership.model import (
    FEATURES,
    Currency,
    Entitlement,
    Feature,
    Membership,
    Order,
    Plan,
    UsedDay,
)
from domain.membership.plans import Plans
from domain.membership.ports import Meters, Orders
from domain.membership.shop import ALL
from domain.membership.till import Till
from domain.people import Accounts, Audit, Mailer, Role, User
from domain.ports import Clock
from infra.cashier import Cashier
from infra.config import Config
from infra.local_limits import LocalLimits
from infra.payments.choose import Providers, providers

FILES_AT_ONCE = 200
FIRST_DAY = date(2020, 1, 1)  # before anything was ever used
LEAVE_S = 30.0  # for a provider to be told that somebody goes


class Taken(msgspec.Struct, frozen=True):
    """What somebody takes along. Amounts in minor units, voice of `used` in milliseconds."""

    membership: Membership | None
    orders: list[Order]  # with their receipts' numbers, newest first
    limits: dict[Feature, Entitlement]
    used: dict[str, list[UsedDay]]  # by feature, a row for each day of UTC


class Selling:
    """What is sold here, and who has what. `till` does all that is about orders; nothing is sold where there is no
    provider.
    """

    def __init__(
        self, till: Till, entitlements: Entitlements, orders: Orders, meters: Meters, providers: Providers
    ) -> None:
        self.till, self.entitlements, self.orders, self.meters = till, entitlements, orders, meters
        self.providers = providers
        self.forgers = LocalLimits(10_000)  # networks that webhooks come from whose signature is no good
        self._cashier: Cashier | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def currencies(self) -> tuple[Currency, ...]:
        """Return what can be paid in."""
        return tuple(dict.fromkeys(each for provider in self.providers for each in provider.currencies))

    @property
    def plans(self) -> Plans:
        return self.entitlements.plans

    def plan_of(self, plan_id: str) -> Plan | None:
        """For prompts that offer one; waits for nothing."""
        return self.plans.get(plan_id)

    def effective(self, user: User) -> User:
        """Return the user as who they count: whoever holds a membership is a member. Nothing of this is kept.

        Waits for the store at most once a second. When that is away it is the role that is kept.
        """
        if user.role != "user":
            return user
        try:
            held = self.entitlements.holding(user.id)
        except Unavailable:
            return user
        return msgspec.structs.replace(user, role="member") if held.membership or held.house else user

    async def start(self) -> None:
        """Do what is to be done, from now on. The sandbox is started only where it has something left to tell."""
        if self.providers and self._cashier is None:
            self._cashier = Cashier(self.till)
            self._cashier.start()
            self._starting = asyncio.create_task(self.providers.start(), name="starting payments")

    async def stop(self) -> None:
        cashier, self._cashier = self._cashier, None
        if cashier is not None:
            await cashier.stop()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
            self._starting = None
        await self.providers.close()

    def export(self, owner: str) -> Iterator[tuple[str, bytes]]:
        """Yield what somebody takes along: what they have, what they ordered and paid, what they used. For threads."""
        orders = self.orders.of(owner, ALL)
        used: dict[str, list[UsedDay]] = {
            feature: days for feature in FEATURES if (days := self.meters.days(owner, feature, FIRST_DAY))
        }
        told = Taken(self.orders.membership(owner), orders, self.entitlements.of(owner), used)
        yield "membership.json", msgspec.json.format(msgspec.json.encode(told), indent=2)

    def leave(self, owner: str, loop: asyncio.AbstractEventLoop) -> None:
        """Have nothing more taken from an account that goes for good. For threads beside `loop`.

        Raises Unavailable: then the account stays until it can be done.
        """
        try:
            asyncio.run_coroutine_threadsafe(self.till.leave(owner), loop).result(LEAVE_S)
        except TimeoutError:
            raise Unavailable("payments_unavailable") from None


def how_many(
    database: Engine, sources: Callable[[str], Sequence[Source]], clock: Clock
) -> dict[Feature, Callable[[str], int]]:
    """Return what tells how many somebody has; `sources` are all that they gave characters to read."""
    files = SqlFiles(database)

    def pages(owner: str) -> int:
        return sum(each.max_pages for each in sources(owner) if each.removed_at is None)

    def saved_chats(owner: str) -> int:
        chats, last = set[str](), ""
        while some := files.of(owner, clock.now(), FILES_AT_ONCE, last):
            chats |= {each.chat_id for each in some if each.purpose == "chat"}
            last = some[-1].id
        return len(chats)

    return {
        "knowledge_pages": pages,
        "files": lambda owner: files.quota(owner, clock.now())[0],
        "file_bytes": lambda owner: files.quota(owner, clock.now())[1],
        "saved_chats": saved_chats,
    }


def selling(
    config: Config, database: Engine, plans: Plans, role_of: Callable[[str], Role], accounts: Accounts, audit: Audit,
    mailer: Mailer, clock: Clock, chosen: Providers | None = None,
    counted: Mapping[Feature, Callable[[str], int]] | None = None,
) -> Selling:  # fmt: skip
    """Put it together; nothing is started or asked yet. `chosen` is given by tests. `counted`: what `how_many` returns.

    Raises ValueError for a price that a provider would not take.
    """
    meters, orders = SqlMeters(database), SqlOrders(database)
    is_open = not config.payments.kinds
    entitlements = Entitlements(plans, orders, role_of, meters, clock, is_open, counted)
    given = providers(config, clock.now) if chosen is None else chosen
    given.check(plans)
    site = config.public_url or f"http://127.0.0.1:{config.port}"
    till = Till(orders, entitlements, given.by_name, accounts, audit, mailer, clock, site)
    return Selling(till, entitlements, orders, meters, given)
