"""The till is killed at each of its fail points: what was paid is granted or given back once, and the books agree."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.membership.till import FAIL_POINTS
from tests.stories import dying
from tests.stories.dying import KILLED, Helper, moments
from tests.stories.money_child import TAKEN, Ask

GIVEN = ("granted", "part_refunded", "refunded")
OPEN = ("created", "pending")
OVER = ("expired", "cancelled", "failed")


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    with dying.helper("tests.stories.money_child") as running:
        yield running


def right(said: dict[str, Any]) -> None:
    """Whatever happened before: this is how it is once the next program has had its time."""
    orders, books, written = said["orders"], said["books"], said["written"]
    assert said["sum"] == 0 and said["clearing"] == said["taken"], "our books are the provider's"
    assert said["jobs"] == 0
    for order in orders:
        theirs, ids = books[order["id"]], written[order["id"]]
        paid = theirs is not None and theirs["state"] in (*TAKEN, "disputed")
        if paid and order["problem"] != "trial_used":
            assert order["state"] in (("disputed",) if theirs["state"] == "disputed" else GIVEN)
            assert order["granted_at"], "paid is granted"
            assert order["refunded"] == theirs["refunded"] <= theirs["amount"]
        else:
            assert order["state"] in (*OPEN, *OVER) and order["receipt"] is None and ids == []
        assert ids.count(f"pay:{order['id']}") == (paid and order["trial_days"] == 0)
        assert (order["receipt"] is not None) == (order["granted_at"] is not None)
    numbers = sorted(order["receipt"] for order in orders if order["receipt"])
    assert numbers == list(range(1, len(numbers) + 1))
    mails = sorted(mail for mail in said["mails"] if mail.startswith("receipt-"))
    assert mails == sorted(f"receipt-{order['id']}" for order in orders if order["receipt"])
    told = Counter((action, target) for action, target, _ in said["told"])
    for order in orders:
        about = {action: times for (action, target), times in told.items() if target == order["id"]}
        assert about.get("order_paid", 0) == (order["paid_at"] is not None), "what became of money is told once"
        assert about.get("membership_granted", 0) == (order["receipt"] is not None)
        assert ("order_disputed" in about) is (order["state"] == "disputed" or "dispute_won" in about)
        back_of = [each[2] for each in said["told"] if each[:2] == ["order_refunded", order["id"]]]
        assert sum(back_of) == order["refunded"]
        assert order["refunded"] == 0 or f"refund-{order['id']}-{order['refunded']}" in said["mails"]
    back = {each["ref"]: each["refunded"] for each in books.values() if each and each["refunded"]}
    assert said["refunds"] == back, "nothing was given back twice"
    assert said["uses"] == sum(order["coupon"] != "" and order["state"] not in OVER for order in orders)
    held = {name: membership for name, membership in said["memberships"].items() if membership}
    for name, membership in held.items():
        mine = [order for order in orders if order["user_id"] == f"id-{name}" and order["receipt"]]
        assert membership["plan_id"] == max(mine, key=lambda order: order["receipt"])["plan_id"]
    runs = {order["user_id"] for order in orders if order["state"] == "granted" and order["to"] > said["now"]}
    assert runs <= {membership["user_id"] for membership in held.values()}, "what is paid for is had"
    charged = {subscription for subscription, cancelled in said["cancelled"].items() if not cancelled}
    assert charged <= {membership["subscription"] for membership in held.values()}, "nobody pays for nothing"


@pytest.mark.timeout(900)  # forty deaths, on a machine that may have other things to do
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.attacks)], ids=["one of each", "every"])
def test_killed_at_any_of_its_fail_points_the_till_has_granted_once_what_was_paid(
    helper: Helper, tmp_path: Path, every: bool
) -> None:
    (tmp_path / "whole").mkdir()
    code, said = helper.ask(Ask("live", str(tmp_path / "whole")))
    assert code == 0
    steps = said["steps"]
    assert set(steps) == set(FAIL_POINTS), "the story passes all of them"
    code, said = helper.ask(Ask("look", str(tmp_path / "whole")))
    assert code == 0
    right(said)
    assert {order["state"] for order in said["orders"]} == {"granted", "refunded", *OVER}
    for number, name in moments(steps, every):
        folder = tmp_path / str(number)
        folder.mkdir()
        code, _ = helper.ask(Ask("live", str(folder), number))
        assert code == KILLED, name
        code, said = helper.ask(Ask("look", str(folder)))
        assert code == 0, name
        try:
            right(said)
        except AssertionError as wrong:
            raise AssertionError(f"killed at {name}, the {number}th point: {wrong}") from wrong
        shutil.rmtree(folder)
