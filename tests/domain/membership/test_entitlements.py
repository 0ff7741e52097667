"""What somebody may do now: by what they pay, by their role, by nothing; in windows, and remembered for a second."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import NeedsMembership
from domain.membership.entitlements import NO_LIMIT, Entitlements, counted
from domain.membership.model import FEATURES, Hold, Membership, Use
from domain.membership.months import month_after
from tests.domain.membership.market import DAY, NOON, PLANS, Market


def member(market: Market, plan: str = "basic", **more: object) -> Membership:
    there = {
        "user_id": "anna", "plan_id": plan, "since": NOON, "until": month_after(NOON, 1), "period": "month",
        "renews": False,
    }  # fmt: skip
    membership = Membership(**{**there, **more})  # type: ignore[arg-type]
    before = market.orders.membership("anna")
    assert market.orders.change(membership, before.version if before else 0)
    return membership


@pytest.fixture
def market() -> Market:
    return Market()


def test_who_has_nothing_has_what_everybody_has_also_without_an_account(market: Market) -> None:
    for owner in ("anna", "guest-1", "never-heard-of"):
        given = market.entitlements.allowance(owner, "voice_seconds")
        assert (given.limit, given.window, given.better) == (600, "2026-01-31", "basic")
        assert given.until == datetime(2026, 2, 1, tzinfo=UTC)
    assert market.entitlements.allowance("anna", "files").limit == 3
    assert market.entitlements.allowance("guest-1", "files").limit == 0


def test_months_are_counted_from_the_beginning_of_the_membership(market: Market) -> None:
    member(market, until=NOON + 400 * DAY)
    given = market.entitlements.allowance("anna", "voice_seconds")
    assert (given.limit, given.window) == (36_000, "month 2026-01-31")
    market.pass_time(days=28)
    given = market.entitlements.allowance("anna", "voice_seconds")
    assert (given.window, given.until) == ("month 2026-02-28", month_after(NOON, 2))
    market.pass_time(days=31)
    assert market.entitlements.allowance("anna", "voice_seconds").window == "month 2026-03-31"


def test_a_plan_that_is_over_is_over_at_that_moment_and_one_that_renews_waits_for_its_payment(market: Market) -> None:
    member(market)
    market.pass_time(days=28, seconds=-1)
    assert market.entitlements.holding("anna").plan.id == "basic"
    market.pass_time(seconds=1)  # nobody has to tell it
    assert market.entitlements.holding("anna").plan.id == "free"
    member(market, renews=True)
    market.entitlements.forget("anna")
    assert market.entitlements.holding("anna").plan.id == "basic"
    market.pass_time(days=3)
    assert market.entitlements.holding("anna").plan.id == "free"
    member(market, renews=True, grace_until=market.clock.now() + DAY)
    market.entitlements.forget("anna")
    assert market.entitlements.holding("anna").plan.id == "basic"


def test_it_is_looked_up_once_a_second_and_a_change_here_is_seen_at_once(market: Market) -> None:
    asked: list[str] = []
    look = market.orders.membership

    def noted(user_id: str) -> Membership | None:
        asked.append(user_id)
        return look(user_id)

    market.orders.membership = noted  # type: ignore[method-assign]
    for _ in range(5):
        market.entitlements.of("anna")
    assert asked == ["anna"]
    membership = Membership(
        user_id="anna", plan_id="plus", since=NOON, until=NOON + DAY, period="month", renews=False
    )  # fmt: skip
    market.orders.change(membership, 0)
    assert market.entitlements.holding("anna").plan.id == "free"
    market.pass_time(seconds=1)
    assert market.entitlements.holding("anna").plan.id == "plus"
    market.orders.end("anna", 1)
    market.entitlements.forget("anna")
    assert market.entitlements.holding("anna").plan.id == "free"


def test_what_was_read_before_a_change_is_not_remembered_after_it(market: Market) -> None:
    """A grant comes between the look into the store and the remembering of it."""
    look = market.orders.membership

    def slow(user_id: str) -> Membership | None:
        found = look(user_id)
        market.orders.membership = look  # type: ignore[method-assign]
        if found is None:
            member(market, "plus")
            market.entitlements.forget("anna")
        return found

    market.orders.membership = slow  # type: ignore[method-assign]
    assert market.entitlements.holding("anna").plan.id == "free"
    assert market.entitlements.holding("anna").plan.id == "plus"


def test_many_threads_may_ask_and_forget_at_once(market: Market) -> None:
    member(market, "plus")
    seen: set[str] = set()

    def ask() -> None:
        for _ in range(200):
            seen.add(market.entitlements.holding("anna").plan.id)
            market.entitlements.forget("anna")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"plus"}


def test_roles_have_a_plan_without_paying_and_never_less_than_what_they_pay_for(market: Market) -> None:
    market.person("boss", "admin")
    market.person("friend", "member")
    for owner in ("boss", "friend"):
        holding = market.entitlements.holding(owner)
        assert holding.plan.id == "plus" and holding.house
        given = market.entitlements.allowance(owner, "attachments")
        assert (given.limit, given.window, given.better) == (300, "month 2026-01-01", "")


def test_where_nothing_is_sold_everybody_has_all_of_it_without_limits_of_what_costs_money(market: Market) -> None:
    open_ = Entitlements(PLANS, market.orders, market.role_of, market.meters, market.clock, is_open=True)
    for owner in ("anna", "guest-1"):
        assert open_.allowance(owner, "voice_seconds").limit == NO_LIMIT
        assert open_.allowance(owner, "attachments").limit == NO_LIMIT
        assert open_.allowance(owner, "knowledge_pages").limit == 2_000  # room is room
        assert all(open_.allowance(owner, feature).better == "" for feature in FEATURES)


def test_what_is_used_is_told_in_seconds_and_counted_in_milliseconds(market: Market) -> None:
    at = market.clock.now()
    hold = Hold(
        id="turn1", owner="anna", feature="voice_seconds", window="2026-01-31", amount=20_000, at=at,
        expires_at=at + timedelta(minutes=5),
    )  # fmt: skip
    market.meters.hold(hold, 600_000, 1)
    found = market.entitlements.of("anna")["voice_seconds"]
    assert (found.used, found.held, found.left) == (0, 20, 580)
    market.meters.settle("turn1", [Use("call1", "asr", 1_001)], at)
    found = market.entitlements.of("anna")["voice_seconds"]
    assert (found.used, found.held, found.left) == (2, 0, 598)
    assert counted("attachments", 3) == 3


def test_what_has_no_window_is_counted_by_whoever_has_it(market: Market) -> None:
    mine = Entitlements(
        PLANS, market.orders, market.role_of, market.meters, market.clock, counts={"files": lambda owner: 2}
    )
    assert mine.of("anna")["files"].left == 1
    assert mine.need("anna", "files", 3).limit == 3
    with pytest.raises(NeedsMembership, match="plan_spent") as refused:
        mine.need("anna", "files", 4)
    assert refused.value.detail["better"] == "basic"


def test_what_a_plan_gives_none_of_or_no_more_of_is_refused_with_what_gives_more(market: Market) -> None:
    with pytest.raises(NeedsMembership, match="attachments_not_given") as refused:
        market.entitlements.need("anna", "attachments")
    assert refused.value.detail == {"feature": "attachments", "better": "plus", "most": 0, "until": None}
    assert market.entitlements.need("anna", "voice_seconds", 600).left == 600
    with pytest.raises(NeedsMembership, match="voice_spent") as refused:
        market.entitlements.need("anna", "voice_seconds", 601)
    assert refused.value.detail["better"] == "basic"


def test_a_plan_that_is_not_known_any_more_is_everybodys_and_said_in_the_log(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    member(market, "gold")
    assert market.entitlements.holding("anna").plan.id == "free"
    assert "gold" in caplog.text
