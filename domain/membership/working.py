"""What is to be done because of orders: jobs that were written with what caused them, each leased to one worker."""

import asyncio
import logging
from datetime import timedelta

from domain.errors import NotFound, ParleyError, Unavailable
from domain.membership.model import Order
from domain.membership.ports import Job
from domain.membership.receiving import Receiving
from domain.membership.telling import Telling
from domain.membership.words import bought, day, money

log = logging.getLogger(__name__)
AT_ONCE = 8
JOB_S = 25.0  # longer than a provider takes for what one job asks
LEASE_S = 30  # whoever dies with a job gives it back after so long
FIRST_WAIT_S, LONGEST_WAIT_S = 2, 3_600  # they double
TOLD_TRIES = 12  # an hour and some minutes: then somebody should look
# Three days and some hours, as long as providers tell theirs: of an order that was granted long ago nothing else has us
# look whether its money was given back.
MOST_TRIES = 84


class Working(Receiving, Telling):
    async def work(self) -> int:
        """Do some of what is due; return how many jobs that were. Never raises for one of them."""
        jobs = await self._do(self._orders.jobs, self._now(), AT_ONCE, LEASE_S)
        if jobs:
            self._point("work:leased")
            await asyncio.gather(*(self._attempt(job) for job in jobs))
        return len(jobs)

    async def _attempt(self, job: Job) -> None:
        try:
            async with asyncio.timeout(JOB_S):
                await self._perform(job)
        except NotFound:
            log.warning("%s of %s: there is no such order", job.what, job.order_id)
        except (ParleyError, TimeoutError) as error:
            await self._later(job, error.code if isinstance(error, ParleyError) else "late")
            return
        except Exception:
            log.exception("%s of %s failed", job.what, job.order_id)
            await self._later(job, "broken")
            return
        self._point("work:did")
        await self._done(job)

    async def _done(self, job: Job) -> None:
        try:
            await self._do(self._orders.done, job.id)
        except Unavailable:
            log.warning("a job that is done is done again later: the store is away")

    async def _later(self, job: Job, why: str) -> None:
        """Try again, each time later. Somebody is told when that takes long, and when it is given up: then what is left
        is the reconciler's, which looks at orders that have a way to go.
        """
        try:
            if job.tries in (TOLD_TRIES, MOST_TRIES):
                log.error("%s of %s was tried %d times: %s", job.what, job.order_id, job.tries, why)
                await self._note("payment_stuck", "system", job.order_id, what=job.what, code=why, tries=job.tries)
            if job.tries >= MOST_TRIES:
                await self._do(self._orders.done, job.id)
                return
            log.info("%s of %s waits: %s", job.what, job.order_id, why)
            wait = min(FIRST_WAIT_S * 2 ** (job.tries - 1), LONGEST_WAIT_S)
            await self._do(self._orders.again, job.id, self._now() + timedelta(seconds=wait))
        except Unavailable:
            log.warning("the store is away: %s of %s comes back when its lease is over", job.what, job.order_id)

    async def _perform(self, job: Job) -> None:
        if job.what == "receipt":
            await self._send_receipt(await self._do(self._orders.get, job.order_id))
        elif job.what == "tell":
            await self._tell(await self._do(self._orders.get, job.order_id), job.event_id, again=job.tries > 1)
        elif job.event_id:
            await self._hear(job)
        else:
            await self.settle(job.order_id)

    async def _send_receipt(self, order: Order) -> None:
        """Mail it, once: the mail has the order's name."""
        if order.receipt is None or order.to is None:
            return
        language = await self._language(order.user_id)
        what, until = bought(self.plans, order, language), day(order.to, language)
        await self._mail(
            "receipt", order.user_id, f"receipt-{order.id}", f"/membership/orders/{order.id}",
            number=str(order.receipt), what=what, sum=money(order.due, order.currency), until=until,
        )  # fmt: skip
        self._point("receipt:mailed")
