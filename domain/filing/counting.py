"""Attachments counted as a plan gives them: one is held while it is read, and used once there is something to see."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from domain.errors import NeedsMembership
from domain.filing.model import Attachment
from domain.membership.model import Allowance, Hold, Use
from domain.membership.ports import Allowances, Meters
from domain.ports import Clock

HELD = timedelta(hours=1)  # should this program die


class Counting:
    def __init__(self, allowances: Allowances, meters: Meters, clock: Clock) -> None:
        self._allowances, self._meters, self._clock = allowances, meters, clock

    def allowance(self, owner: str) -> Allowance:
        """Return how many somebody may have looked at. Waits for the store."""
        return self._allowances.allowance(owner, "attachments")

    async def check(self, owner: str) -> Allowance:
        """Raises NeedsMembership("attachments_not_given") where the plan gives none at all."""
        allowance = await asyncio.to_thread(self.allowance, owner)
        if allowance.limit <= 0:
            raise NeedsMembership("attachments_not_given", feature="attachments", better=allowance.better)
        return allowance

    async def hold(self, attachment: Attachment) -> None:
        """Keep one for it. Raises NeedsMembership("attachments_not_given", "attachments_spent")."""
        allowance = await self.check(attachment.owner)
        now = self._clock.now()
        hold = Hold(
            id=attachment.id, owner=attachment.owner, feature="attachments", window=allowance.window, amount=1,
            at=now, expires_at=now + HELD,
        )  # fmt: skip
        if not await asyncio.to_thread(self._meters.hold, hold, allowance.limit, 1):
            raise NeedsMembership(
                "attachments_spent", feature="attachments", better=allowance.better, most=allowance.limit,
                until=allowance.until,
            )  # fmt: skip

    async def use(self, attachment: Attachment) -> None:
        """It has been read: once, however often this is said."""
        use = Use(f"attachment-{attachment.id}", "attachment", 1)
        await asyncio.to_thread(self._meters.settle, attachment.id, [use], self._clock.now())

    async def release(self, attachment_id: str) -> None:
        await asyncio.to_thread(self._meters.release, attachment_id)

    async def sweep(self, reads: Callable[[str], bool]) -> None:
        """Let go of what is held for attachments of which nobody knows any more. `reads`: it is being read here."""
        for hold in await asyncio.to_thread(self._meters.stale, self._clock.now(), "attachments"):
            if not reads(hold.id):
                await self.release(hold.id)
