"""What is used of what a plan gives, in memory. tests/db holds it to the contract of SQL."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from threading import RLock

import msgspec

from db.meters import first_of_each, hold_row
from db.work import known
from domain.membership.model import Feature, Hold, Use, UsedDay

replace = msgspec.structs.replace
LONGEST = timedelta(days=31)
Key = tuple[str, Feature, str]  # owner, feature, window


class Meter(msgspec.Struct):
    touched_at: datetime
    used: int = 0
    held: int = 0


class Counted(msgspec.Struct, frozen=True):
    owner: str
    feature: Feature
    amount: int
    at: datetime


class MemoryMeters:
    def __init__(self, accounts: set[str] | None = None) -> None:
        """`accounts` are owners who are no guests: their meters are not purged."""
        self.lock = RLock()
        self.accounts = accounts if accounts is not None else set()
        self.meters: dict[Key, Meter] = {}
        self.holds: dict[str, Hold] = {}
        self.uses: dict[str, Counted] = {}

    def hold(self, hold: Hold, limit: int, least: int) -> int:
        hold_row(hold)
        with self.lock:
            if before := self.holds.get(hold.id):
                same = (before.owner, before.feature) == (hold.owner, hold.feature)
                return before.amount if same else 0
            amount = self._keep(hold, hold.amount, limit, least)
            if amount:
                self.holds[hold.id] = replace(hold, amount=amount)
            return amount

    def extend(self, hold_id: str, more: int, limit: int) -> int:
        with self.lock:
            hold = self.holds.get(hold_id)
            if hold is None or more < 1:
                return 0
            amount = self._keep(hold, more, limit, 1)
            self.holds[hold_id] = replace(hold, amount=hold.amount + amount)
            return amount

    def settle(self, hold_id: str, uses: Sequence[Use], now: datetime) -> int:
        firsts = first_of_each(uses)
        with self.lock:
            hold = self.holds.pop(hold_id, None)
            if hold is None:
                return 0
            left = hold.amount
            for use in firsts.values():
                if use.call_id not in self.uses:
                    amount = min(use.amount, left)
                    left -= amount
                    self.uses[use.call_id] = Counted(hold.owner, hold.feature, amount, now)
            meter = self._meter(hold)
            meter.used += hold.amount - left
            meter.held -= hold.amount
            meter.touched_at = now
            return hold.amount - left

    def release(self, hold_id: str) -> None:
        with self.lock:
            if hold := self.holds.pop(hold_id, None):
                self._meter(hold).held -= hold.amount

    def stale(self, now: datetime, feature: Feature, limit: int = 100) -> list[Hold]:
        with self.lock:
            over = [hold for hold in self.holds.values() if hold.expires_at <= now and hold.feature == feature]
        return sorted(over, key=lambda hold: hold.expires_at)[: max(limit, 0)]

    def used(self, owner: str, feature: Feature, window: str) -> tuple[int, int]:
        with self.lock:
            meter = self.meters.get((owner, feature, window))
            return (0, 0) if meter is None else (meter.used, meter.held)

    def days(self, owner: str, feature: Feature, since: date) -> list[UsedDay]:
        sums: dict[date, int] = {}
        with self.lock:
            for use in self.uses.values():
                day = use.at.astimezone(UTC).date()
                if (use.owner, use.feature) == (owner, feature) and use.amount and day >= since:
                    sums[day] = sums.get(day, 0) + use.amount
        return [UsedDay(day, amount) for day, amount in sorted(sums.items())]

    def move(self, guest: str, user_id: str) -> None:
        if not known(guest, user_id) or guest == user_id:
            return
        with self.lock:
            self.holds = {
                id_: replace(hold, owner=user_id) if hold.owner == guest else hold for id_, hold in self.holds.items()
            }
            self.uses = {
                id_: replace(use, owner=user_id) if use.owner == guest else use for id_, use in self.uses.items()
            }
            for key in [key for key in self.meters if key[0] == guest]:
                gone = self.meters.pop(key)
                mine = self.meters.setdefault((user_id, *key[1:]), Meter(gone.touched_at))
                mine.used += gone.used
                mine.held += gone.held
                mine.touched_at = gone.touched_at

    def erase_owner(self, owner: str) -> None:
        with self.lock:
            self.meters = {key: meter for key, meter in self.meters.items() if key[0] != owner}
            self.holds = {id_: hold for id_, hold in self.holds.items() if hold.owner != owner}
            self.uses = {id_: use for id_, use in self.uses.items() if use.owner != owner}

    def purge(self, before: datetime) -> int:
        with self.lock:
            last: dict[str, datetime] = {}
            for (owner, *_), meter in self.meters.items():
                last[owner] = max(meter.touched_at, last.get(owner, meter.touched_at))
            old = [
                owner for owner, touched in last.items()
                if touched < before - LONGEST and owner not in self.accounts
            ]  # fmt: skip
            for owner in old:
                self.erase_owner(owner)
            return len(old)

    def _keep(self, hold: Hold, wanted: int, limit: int, least: int) -> int:
        key = (hold.owner, hold.feature, hold.window)
        meter = self.meters.get(key) or Meter(hold.at)
        amount = min(wanted, limit - meter.used - meter.held)
        if amount < max(1, min(least, wanted)):
            return 0
        meter.held += amount
        self.meters[key] = meter
        return amount

    def _meter(self, hold: Hold) -> Meter:
        return self.meters[hold.owner, hold.feature, hold.window]
