"""What somebody may do now. Code asks here for features, and never which plan somebody has.

A plan is held by paying, by a role that has one without, or by everybody. Looked up at most once a second for each
owner; a change in this process is seen at once (`forget`), one elsewhere within that second.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from domain.errors import NeedsMembership
from domain.membership.granting import held
from domain.membership.model import FEATURES, Allowance, Entitlement, Feature, Gift, Membership, Plan
from domain.membership.months import calendar_month, day_of, month_of
from domain.membership.plans import Plans
from domain.membership.ports import Meters
from domain.people import Role
from domain.ports import Clock

log = logging.getLogger(__name__)
FRESH_S = 1.0
REMEMBERED = 10_000
HOUSE: tuple[Role, ...] = ("member", "admin")  # have a plan without paying
COSTLY: tuple[Feature, ...] = ("voice_seconds", "attachments")  # cost the house something each time
NO_LIMIT = 10**9  # as good as none: thirty years of voice
CODES: dict[Feature, str] = {"voice_seconds": "voice", "attachments": "attachments"}  # the others have no words of own


class Memberships(Protocol):
    """The one thing that is asked of domain.membership.ports.Orders."""

    def membership(self, user_id: str) -> Membership | None: ...


class Holding(msgspec.Struct, frozen=True):
    """What somebody has. `membership` is there where it is paid for."""

    plan: Plan
    role: Role
    membership: Membership | None
    house: bool  # without paying
    guest: bool


class Entitlements:
    """Implements ports.Allowances. Thread-safe; waits for the store, so async code calls it in threads."""

    def __init__(
        self, plans: Plans, orders: Memberships, role_of: Callable[[str], Role], meters: Meters, clock: Clock,
        is_open: bool = False, counts: Mapping[Feature, Callable[[str], int]] | None = None,
    ) -> None:  # fmt: skip
        """`role_of` says "guest" of whoever has no account. `is_open`: nothing is sold, so everybody has the best plan
        and no limit of what costs money. `counts`: how many somebody has of the features without a window.
        """
        self.plans, self._orders, self._role_of, self._meters, self._clock = plans, orders, role_of, meters, clock
        self._open, self._counts = is_open, counts or {}
        self._known: OrderedDict[str, tuple[float, Role, Membership | None]] = OrderedDict()
        self._forgotten = 0
        self._lock = threading.Lock()

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        holding, now = self.holding(owner), self._clock.now()
        gift = self._gift(holding, feature)
        since, until, window = _window(gift, holding.membership, now)
        return Allowance(gift.limit, window, since, until, self._better(gift, feature, holding))

    def of(self, owner: str) -> dict[Feature, Entitlement]:
        """Return all that somebody has, with what is used and held of it."""
        return {feature: self.entitlement(owner, feature) for feature in FEATURES}

    def entitlement(self, owner: str, feature: Feature) -> Entitlement:
        given = self.allowance(owner, feature)
        if given.window:
            used, held_ = (counted(feature, amount) for amount in self._meters.used(owner, feature, given.window))
        else:
            used, held_ = self._counts.get(feature, _none)(owner), 0
        return Entitlement(feature, given.limit, used, held_, given.since, given.until, given.better)

    def need(self, owner: str, feature: Feature, amount: int = 1) -> Entitlement:
        """Return what they have of it, if it covers so much more; of a feature without a window: so much in all.

        Raises NeedsMembership("..._not_given", "..._spent", feature=, better=, most=, until=).
        """
        found = self.entitlement(owner, feature)
        left = found.left if found.until is not None else found.limit
        if amount <= left:
            return found
        code = f"{CODES.get(feature, 'plan')}_{'spent' if found.limit else 'not_given'}"
        raise NeedsMembership(code, feature=feature, better=found.better, most=found.limit, until=found.until)

    def holding(self, owner: str) -> Holding:
        """Return the plan somebody has now, and by what."""
        role, membership = self._look(owner)
        guest, now = role == "guest", self._clock.now()
        current = held(membership, now)
        if self._open:
            return Holding(self.plans.top, role, current, True, guest)
        paid = self.plans.get(current.plan_id) if current is not None else None
        if current is not None and paid is None:
            log.error("somebody holds the plan %s, which is not known any more", current.plan_id)
            current = None
        if role in HOUSE and (paid is None or paid.rank <= self.plans.house.rank):
            return Holding(self.plans.house, role, current, True, guest)
        return Holding(paid or self.plans.everybodys, role, current, False, guest)

    def forget(self, owner: str) -> None:
        """Their membership or role has changed."""
        with self._lock:
            self._known.pop(owner, None)
            self._forgotten += 1  # whoever is reading just now must not keep what was before

    def _look(self, owner: str) -> tuple[Role, Membership | None]:
        now = self._clock.monotonic()
        with self._lock:
            known, forgotten = self._known.get(owner), self._forgotten
        if known is not None and now - known[0] < FRESH_S:
            return known[1], known[2]
        role = self._role_of(owner)
        membership = self._orders.membership(owner) if role != "guest" else None
        with self._lock:
            if forgotten == self._forgotten:
                self._known[owner] = (now, role, membership)
                self._known.move_to_end(owner)
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return role, membership

    def _gift(self, holding: Holding, feature: Feature) -> Gift:
        if self._open:
            gift = self.plans.gift(holding.plan, feature)
            return Gift(NO_LIMIT, gift.window) if feature in COSTLY and gift.limit else gift
        return self.plans.gift(holding.plan, feature, holding.guest)

    def _better(self, gift: Gift, feature: Feature, holding: Holding) -> str:
        if self._open or (holding.house and not holding.membership):
            return ""
        return self.plans.better(gift, feature)


def counted(feature: Feature, amount: int) -> int:
    """Return an amount of a meter in the unit of the feature.

    Voice is metered in milliseconds and told in seconds; a second that has begun counts as used.
    """
    return -(-amount // 1_000) if feature == "voice_seconds" else amount


def _window(
    gift: Gift, membership: Membership | None, now: datetime
) -> tuple[datetime | None, datetime | None, str]:
    """Return since, until and the key. Months count from the beginning of a membership; without one, the calendar's."""
    if gift.window == "day":
        since, until = day_of(now)
        return since, until, f"{since:%Y-%m-%d}"
    if gift.window == "month":
        since, until = month_of(membership.since if membership is not None else calendar_month(now), now)
        return since, until, f"month {since:%Y-%m-%d}"
    return None, None, ""


def _none(_: str) -> int:
    return 0
