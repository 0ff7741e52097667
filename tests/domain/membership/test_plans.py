"""Plans as data: what is wrong with a file is named, and a higher plan never gives less."""

from typing import Any

import msgspec
import pytest

from domain.membership.model import FEATURES, Gift, Plan, Price
from domain.membership.plans import Plans, monthly
from domain.persona import LANGUAGES
from infra.plans import load, read

OURS = load()
GOOD = """
house = "plus"
guests = ["voice_seconds"]
[[plan]]
id = "free"
name = { en = "Free", zh = "免费" }
tells = { en = ["a"], zh = ["一"] }
gives.voice_seconds = { limit = 10, window = "day" }
[[plan]]
id = "plus"
name = { en = "Plus", zh = "高级" }
tells = { en = ["b"], zh = ["二"] }
gives.voice_seconds = { limit = 1000, window = "month" }
prices = [{ period = "month", currency = "USD", amount = 499 }]
"""


def test_the_plans_that_come_with_it_are_sound() -> None:
    assert [plan.id for plan in OURS.all] == ["free", "basic", "plus"]
    assert OURS.everybodys.id == "free" and OURS.top.id == OURS.house.id == "plus"
    assert [(plan.id, len(plan.prices)) for plan in OURS.for_sale] == [("basic", 4), ("plus", 4)]
    assert all("own_voices" not in plan.gives for plan in OURS.all)  # nothing is sold that is not there
    for plan in OURS.all:
        assert all(plan.names[language] and plan.tells[language] for language in LANGUAGES)
    for lower, higher in zip(OURS.all, OURS.all[1:], strict=False):
        for feature in FEATURES:
            assert monthly(OURS.gift(lower, feature)) <= monthly(OURS.gift(higher, feature))


def test_more_of_a_feature_is_offered_by_the_cheapest_plan_that_gives_it() -> None:
    free = OURS.everybodys
    assert OURS.better(OURS.gift(free, "voice_seconds"), "voice_seconds") == "basic"
    assert OURS.better(OURS.gift(free, "attachments"), "attachments") == "plus"
    assert OURS.better(OURS.gift(free, "files", guest=True), "files") == "free"  # for which one signs in
    assert OURS.better(OURS.gift(OURS.top, "voice_seconds"), "voice_seconds") == ""
    assert OURS.better(Gift(0), "own_voices") == ""


def test_guests_have_of_everybodys_plan_what_the_file_says() -> None:
    assert OURS.gift(OURS.everybodys, "voice_seconds", guest=True).limit == 600
    assert OURS.gift(OURS.everybodys, "files", guest=True).limit == 0
    assert OURS.gift(OURS.everybodys, "files").limit == 3


def test_a_price_is_found_by_period_and_currency() -> None:
    price = OURS.price("plus", "year", "CNY")
    assert price is not None and price.amount == 69_000
    assert OURS.price("free", "month", "USD") is None and OURS.price("gold", "month", "USD") is None
    assert OURS.get("gold") is None


def test_room_for_files_is_what_the_operator_allows() -> None:
    plans = OURS.with_room(2, 5_000_000)
    assert [plans.gift(plan, "files").limit for plan in plans.all] == [2, 2, 2]
    more = OURS.with_room(100, 10**9)
    assert [more.gift(plan, "files").limit for plan in more.all] == [3, 100, 100]


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ('house = "plus"', 'house = "gold"', "house is 'gold'"),
        ('["voice_seconds"]', '["minutes"]', "guests"),
        ('id = "plus"', 'id = "free"', "same id"),
        ('id = "plus"', 'id = "a b"', "letters"),
        ('zh = "高级"', 'fr = "Plus"', "plus: no name"),
        ('zh = ["二"]', "zh = []", "plus: no name or no lines"),
        ("limit = 1000", "limit = 300", "plus gives less of voice_seconds than free"),  # a day 31 times is 310
        ("limit = 1000", "limit = -1", "plus: voice_seconds"),
        ("limit = 10,", 'limit = "10",', "Expected `int`"),
        ("amount = 499", "amount = 0", "positive"),
        ("amount = 499", "amount = 4.99", "Expected `int`"),
        ('currency = "USD"', 'currency = "EUR"', "Invalid enum value"),
        ("gives.voice_seconds = { limit = 1000", "gives.singing = { limit = 1000", "Invalid enum value"),
        ("499 }]", '499 }, { period = "month", currency = "USD", amount = 5 }]', "two prices"),
        ("499 }]", '499 }, { period = "year", currency = "USD", amount = 5 }]', "a year costs less"),
        ('id = "free"', 'id = "free"\nprices = [{ period = "month", currency = "USD", amount = 1 }]', "has no price"),
        ('id = "free"', 'id = "free"\ntrial_days = 7', "nothing to buy after it"),
        ('id = "free"', 'id = "free"\ncolour = "red"', "unknown field"),
        ("[[plan]]", "[[plan", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(was: str, becomes: str, why: str) -> None:
    assert read(GOOD).top.id == "plus"
    assert was in GOOD
    with pytest.raises(ValueError, match=why):
        read(GOOD.replace(was, becomes, 1))


def test_a_higher_plan_costs_no_less() -> None:
    def plan(rank: int, amount: int) -> Plan:
        words: Any = dict.fromkeys(LANGUAGES, "x")
        tells: Any = dict.fromkeys(LANGUAGES, ("x",))
        prices = (Price("month", amount, "USD"),) if amount else ()
        return Plan(id=f"p{rank}", rank=rank, names=words, tells=tells, gives={}, prices=prices)

    Plans([plan(0, 0), plan(1, 5), plan(2, 5)], "p2")
    with pytest.raises(ValueError, match="p2 costs less than p1"):
        Plans([plan(0, 0), plan(1, 5), plan(2, 4)], "p2")
    with pytest.raises(ValueError, match="no plans"):
        Plans([], "p0")
    with pytest.raises(ValueError, match="same id or rank"):
        Plans([plan(0, 0), msgspec.structs.replace(plan(0, 0), id="q")], "p0")
