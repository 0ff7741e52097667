"""The gatekeeper: who is refused, for how long, and what cannot be done with that to others."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import TooMany
from domain.limits import LIMITS, Gatekeeper
from domain.people import AuditEvent
from tests.fakes_limits import MemoryLimits

pytestmark = pytest.mark.anyio


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Gate:
    def __init__(self) -> None:
        self.clock, self.notes = Hands(), list[AuditEvent]()
        self.keeper = Gatekeeper(MemoryLimits(), self.clock, self.notes.append)

    async def refused(self, account: str, address: str, known: bool = False) -> int:
        """Return the seconds to wait, 0 for who may try."""
        try:
            await self.keeper.sign_in(account, address, known)
        except TooMany as error:
            return int(str(error.detail["retry_after"]))
        return 0


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.mark.parametrize("name", sorted(LIMITS))
async def test_every_limit_lets_its_number_in_and_names_whole_seconds_that_are_enough(gate: Gate, name: str) -> None:
    limit = LIMITS[name]  # type: ignore[index]
    for _ in range(limit.most):
        await gate.keeper.check(name, "anna")  # type: ignore[arg-type]
    gate.clock.wait(0.25)
    with pytest.raises(TooMany) as refusal:
        await gate.keeper.check(name, "anna")  # type: ignore[arg-type]
    wait = refusal.value.detail["retry_after"]
    assert wait == limit.window_s  # 0.25 s are gone, and a whole second is the least that can be said

    gate.clock.wait(wait - 1)
    with pytest.raises(TooMany):
        await gate.keeper.check(name, "anna")  # type: ignore[arg-type]
    gate.clock.wait(1)
    await gate.keeper.check(name, "anna")  # type: ignore[arg-type]


async def test_parts_of_a_subject_cannot_be_shifted_to_hit_somebody_elses_counter(gate: Gate) -> None:
    limit = LIMITS["sign_in"]
    for _ in range(limit.most):
        await gate.keeper.check("sign_in", "anna 7:1", "0.0.0.7")
    for parts in [("anna", "7:1 0.0.0.7"), ("anna 7:1 0.0.0.7",), ("anna 7:1", "0.0.0.7", ""), ("", "anna 7:10.0.0.7")]:
        await gate.keeper.check("sign_in", *parts)
    await gate.keeper.check("code", "anna 7:1", "0.0.0.7")
    with pytest.raises(TooMany):
        await gate.keeper.check("sign_in", "anna 7:1", "0.0.0.7")


async def test_who_guesses_at_an_account_is_stopped_and_its_owner_elsewhere_is_not(gate: Gate) -> None:
    refusals = [await gate.refused("anna", "203.0.113.7") for _ in range(50)]
    assert refusals.count(0) == LIMITS["sign_in"].most
    assert await gate.refused("anna", "198.51.100.1") == 0


async def test_a_botnet_finds_the_ceiling_and_the_owner_at_a_known_address_still_gets_in(gate: Gate) -> None:
    tried = 0
    for number in range(400):
        tried += await gate.refused("anna", f"203.0.{number // 250}.{number % 250}") == 0
    assert tried == LIMITS["sign_in_account"].most

    assert await gate.refused("anna", "198.51.100.1") > 0  # a stranger's address, as far as anybody knows
    assert await gate.refused("anna", "198.51.100.1", known=True) == 0
    assert await gate.refused("berta", "203.0.0.9") == 0


async def test_known_browsers_are_counted_too(gate: Gate) -> None:
    refusals = [await gate.refused("anna", "198.51.100.1", known=True) for _ in range(50)]
    assert refusals.count(0) == LIMITS["sign_in"].most


async def test_a_list_of_stolen_passwords_is_stopped_at_its_address(gate: Gate) -> None:
    refusals = [await gate.refused(f"person {number}", "203.0.113.7") for number in range(200)]
    assert refusals.count(0) == LIMITS["sign_in_address"].most


async def test_the_right_password_forgives_the_mistyped_ones(gate: Gate) -> None:
    for _ in range(3):
        for _ in range(LIMITS["sign_in"].most - 1):
            assert await gate.refused("anna", "198.51.100.1") == 0
        await gate.keeper.signed_in("anna", "198.51.100.1")
    assert await gate.keeper.left("sign_in", "anna", "198.51.100.1") == LIMITS["sign_in"].most
    assert await gate.keeper.left("sign_in_address", "198.51.100.1") == 60 - 3 * 9


async def test_an_unknown_name_is_counted_like_a_known_one(gate: Gate) -> None:
    waits = {name: [await gate.refused(name, "203.0.113.7") for _ in range(15)] for name in ("anna", "nobody")}
    assert waits["anna"] == waits["nobody"]


async def test_a_flood_leaves_one_audit_row_for_each_window(gate: Gate) -> None:
    for _ in range(3):
        for _ in range(LIMITS["sign_in"].most):
            await gate.keeper.check("sign_in", "anna", "203.0.113.7")
        for _ in range(200):
            with pytest.raises(TooMany, match="slow_down"):
                await gate.keeper.check("sign_in", "anna", "203.0.113.7", address="203.0.113.7")
        gate.clock.wait(LIMITS["sign_in"].window_s)

    assert [(note.action, note.actor, note.target, note.address) for note in gate.notes] == [
        ("limit_reached", "system", "sign_in", "203.0.113.7")
    ] * 3
    assert "anna" not in str(gate.notes)


async def test_hostile_subjects_are_counted_like_any_other(gate: Gate) -> None:
    for subject in ("\0", "\ud800", "x" * 1_000_000, "a\r\nb", "\u202e"):
        await gate.keeper.check("register", subject, address=subject)
        assert await gate.keeper.left("register", subject) == LIMITS["register"].most - 1


def test_nobody_may_guess_more_often_than_the_standard_allows() -> None:
    """NIST 800-63B 3.2.2: no more than 100 failed attempts on one account, here within a day."""
    assert LIMITS["sign_in_account"].most <= 100
    assert LIMITS["sign_in_account"].window_s >= 86_400
    assert all(limit.most > 0 and 60 <= limit.window_s <= 86_400 and limit.subject for limit in LIMITS.values())


def test_the_page_about_limits_has_them_all_as_they_are() -> None:
    spans = {60: "1 minute", 300: "5 minutes", 600: "10 minutes", 3_600: "1 hour", 86_400: "24 hours"}
    page = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| (\d+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    assert told == [(name, str(limit.most), spans[limit.window_s], limit.subject) for name, limit in LIMITS.items()]
