"""Each provider with the server that it talks to, behind the same few words: for tests that hold for all of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from domain.membership.model import Membership, Order
from domain.membership.ports import Provider
from infra.payments.sandbox import Sandbox
from infra.payments.sandbox_wire import make_key
from infra.payments.stripe_ import Stripe
from infra.payments.wechat import WeChat
from tests.bench.server import free_port
from tests.infra.payments.signing import (
    STRIPE_SECRET,
    SandboxSigner,
    Signer,
    StripeSigner,
    WeChatSigner,
    wechat_keys,
)
from tests.infra.payments.stripe_api import KEY, StripeApi, stripe_api
from tests.infra.payments.wechat_api import WeChatApi, wechat_api

BACK = "http://127.0.0.1:7210/membership/orders"
replace = msgspec.structs.replace


def now() -> datetime:
    return datetime.now(UTC)


class House(msgspec.Struct, kw_only=True):
    provider: Provider
    signer: Signer
    pay: Callable[[Order], Any]  # somebody pays; awaited where it is a coroutine
    away: Callable[[], Any]  # from now on nothing answers
    api: Any = None

    def order(self, id_: str = "abcdefghij2345672345", **other: Any) -> Order:
        return make_order(self.provider, id_, **other)

    async def bought(self, order: Order) -> Order:
        """Return the order when it has been paid."""
        made = await self.provider.checkout(order, "anna@parley.example", "en", BACK, "Parley Plus, a month")
        order = replace(order, provider_ref=made.ref)
        done = self.pay(order)
        if asyncio.iscoroutine(done):
            await done
        return order


def make_order(provider: Provider, id_: str, **other: Any) -> Order:
    currency = "USD" if "USD" in provider.currencies else "CNY"
    amount = other.pop("amount", 999)
    given: dict[str, Any] = {
        "id": id_, "user_id": "anna", "kind": "buy", "plan_id": "plus", "period": "month", "amount": amount,
        "currency": currency, "list_amount": amount, "provider": provider.name, "live": provider.live,
        "account": provider.account, "created_at": now(), "expires_at": now() + timedelta(hours=1),
    }  # fmt: skip
    return Order(**{**given, **other})


def member(order: Order, subscription: str) -> Membership:
    return Membership(
        user_id="anna", plan_id="plus", since=now(), until=now() + timedelta(days=30), period=order.period, renews=True,
        provider=order.provider, subscription=subscription,
    )  # fmt: skip


@asynccontextmanager
async def stripe_house() -> AsyncIterator[House]:
    with stripe_api() as (api, address):
        provider = Stripe(KEY, STRIPE_SECRET, now, base=address)

        def pay(order: Order) -> None:
            api.pay(order.provider_ref)

        yield House(provider=provider, signer=StripeSigner(), pay=pay, away=lambda: _break(api), api=api)
        await provider.close()


@asynccontextmanager
async def wechat_house() -> AsyncIterator[House]:
    with wechat_api() as (api, address):
        provider = WeChat(wechat_keys(), "https://parley.example/payments/wechat/webhook", now, base=address)
        yield House(
            provider=provider, signer=WeChatSigner(), pay=lambda order: api.pay(order.id), away=lambda: _break(api),
            api=api,
        )  # fmt: skip
        await provider.close()


@asynccontextmanager
async def sandbox_house(folder: Path, webhook: str = "") -> AsyncIterator[House]:
    provider = Sandbox(folder, webhook or f"http://127.0.0.1:{free_port()}/payments/sandbox/webhook", now)
    signer = SandboxSigner(make_key(folder))

    async def away() -> None:
        await provider.close()

    try:
        yield House(provider=provider, signer=signer, pay=lambda order: provider.press("pay", order.id), away=away)
    finally:
        with contextlib.suppress(Exception):
            await provider.close()


def _break(api: StripeApi | WeChatApi) -> None:
    api.broken = 500


@asynccontextmanager
async def house(name: str, folder: Path) -> AsyncIterator[House]:
    if name == "stripe":
        async with stripe_house() as one:
            yield one
    elif name == "wechat":
        async with wechat_house() as one:
            yield one
    else:
        async with sandbox_house(folder) as one:
            yield one
