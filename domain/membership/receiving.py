"""What providers tell. A webhook is verified, kept with the job to look into it, and answered; the work comes after."""

import logging
from collections.abc import Mapping

from domain.errors import BadInput, NotAllowed, NotFound
from domain.membership.changing import Changing
from domain.membership.granting import GRACE
from domain.membership.model import EventKind, Membership, Order, ProviderEvent
from domain.membership.months import DAY
from domain.membership.orders import event_mismatch
from domain.membership.ports import Job
from domain.membership.shop import RACES, replace
from domain.membership.words import day, plan_name

log = logging.getLogger(__name__)
PLAIN = "text/plain"
ABOUT_MONEY: tuple[EventKind, ...] = ("renewed", "refunded", "disputed", "dispute_won")  # may be of a later payment
FIRST: tuple[EventKind, ...] = ("paid", "failed", "expired")  # tell our provider_ref


class Receiving(Changing):
    async def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, str]:
        """Return what a webhook is answered with: status, body, media type.

        What cannot be true is answered like everything else, since to be told again would not help; only what is not
        signed is refused (400). Raises NotFound("page_gone") for a provider that is not connected, and Unavailable
        when it could not be kept: then the provider tells it again.
        """
        provider = self._providers.get(name)
        if provider is None:
            raise NotFound("page_gone")
        try:
            event = provider.verify(headers, body)
        except NotAllowed:
            log.warning("a webhook of %s is not signed as it should be", name)
            return 400, b"", PLAIN
        self._point("receive:verified")
        if event.kind != "other":
            try:
                kept = await self._do(self._orders.receive, event, self._now())
            except BadInput:
                log.warning("a webhook of %s holds what cannot be kept: %s", name, event.kind)
                return provider.accepted()
            self._point("receive:kept")
            if kept:
                self.wake()
        return provider.accepted()

    async def _hear(self, job: Job) -> None:
        """Look into what an event was about."""
        told = await self._do(self._orders.event, job.provider, job.event_id)
        if told is None:
            return
        event = await self._provider(job.provider).complete(told)
        self._point("work:completed")
        if event.kind == "other":
            return
        order = await self._order_of(event)
        problem = event_mismatch(order, event) if order is not None else "order"
        if problem and job.tries == 1:
            await self._note("payment_mismatch", "system", event.order_id, problem=problem, told=event.kind)
        if order is None:
            return
        order = await self.settle(order.id, event.ref if event.kind in FIRST and not problem else "")
        if problem:
            return  # it woke us, and that is all that it can do
        if event.kind in ABOUT_MONEY and event.ref and event.ref != order.provider_ref:
            await self.renewed(order, event.ref)
        elif event.kind == "ended":
            await self._ended(event)
        elif event.kind == "renewal_failed":
            await self._failing(event)

    async def _order_of(self, event: ProviderEvent) -> Order | None:
        try:
            order = await self._do(self._orders.get, event.order_id)
        except NotFound:
            return None
        return order if order.provider == event.provider else None

    async def _ended(self, event: ProviderEvent) -> None:
        """The one thing that is believed without the books: that nothing more will be taken. What is paid stays."""
        for _ in range(RACES):
            there = await self._do(self._orders.by_subscription, event.provider, event.subscription)
            if there is None or not there.renews:
                return
            if await self._do(self._orders.change, replace(there, renews=False), there.version):
                self._entitlements.forget(there.user_id)
                return

    async def _failing(self, event: ProviderEvent) -> None:
        """The next payment did not come. Told of an earlier time than the one that ends now, it is old news."""
        there = await self._do(self._orders.by_subscription, event.provider, event.subscription)
        if there is not None and event.at >= there.until - DAY:
            await self._grace(there)

    async def _grace(self, there: Membership) -> None:
        """Keep the plan for some days more, and tell its owner."""
        if not there.renews or there.grace_until is not None:
            return
        given = replace(there, grace_until=there.until + GRACE)
        if await self._do(self._orders.change, given, there.version):
            self._point("grace:kept")
            self._entitlements.forget(there.user_id)
            await self._note("renewal_failed", there.user_id, there.user_id, plan=there.plan_id)
            user_id, until = there.user_id, given.grace_until or there.until
            language = await self._language(user_id)
            await self._mail(
                "renewal_failed", user_id, f"grace-{user_id}-{until:%Y%m%d}", "/membership",
                until=day(until, language), plan=plan_name(self.plans, there.plan_id, language),
            )  # fmt: skip
