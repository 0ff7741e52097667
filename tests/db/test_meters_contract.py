"""What every store of what is used does, the fake and the real one alike, on each database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from db.meters import SqlMeters
from domain.errors import BadInput
from domain.membership.model import Feature, Hold, Use, UsedDay
from domain.membership.ports import Meters
from tests.db.conftest import Metered, emptied
from tests.db.crowd import at_once
from tests.db.orders_house import DAY, HOSTILE, MINUTE, NOON
from tests.fakes_membership import MemoryMeters

TODAY = "2026-11-28"
VOICE: Feature = "voice_seconds"
ALL = 60_000  # a minute, in milliseconds


def hold(name: str = "turn-1", owner: str = "anna", amount: int = 5_000, **fields: Any) -> Hold:
    usual: dict[str, Any] = {"feature": VOICE, "window": TODAY, "at": NOON, "expires_at": NOON + 5 * MINUTE}
    return Hold(**{**usual, "id": name, "owner": owner, "amount": amount, **fields})


def use(name: str = "call-1", amount: int = 1_000, kind: str = "tts") -> Use:
    return Use(name, kind, amount)


def state(meters: Meters, owner: str = "anna", window: str = TODAY) -> tuple[int, int]:
    return meters.used(owner, VOICE, window)


def test_what_is_held_is_counted_when_it_is_settled_and_the_rest_let_go(meters: Meters) -> None:
    assert meters.hold(hold(), ALL, 1_000) == 5_000
    assert state(meters) == (0, 5_000)
    assert meters.settle("turn-1", [use("call-1", 1_200, "asr"), use("call-2", 800)], NOON) == 2_000
    assert state(meters) == (2_000, 0)
    assert meters.stale(NOON + DAY, VOICE) == []


def test_holding_twice_by_one_id_holds_once(meters: Meters) -> None:
    assert meters.hold(hold(), ALL, 1) == 5_000
    assert meters.hold(hold(amount=9_000), ALL, 1) == 5_000
    assert state(meters) == (0, 5_000)
    assert meters.hold(hold(owner="ben"), ALL, 1) == 0, "somebody else's id"
    assert state(meters, "ben") == (0, 0)


def test_less_than_wanted_is_held_where_less_is_left_but_not_less_than_is_of_any_use(meters: Meters) -> None:
    assert meters.hold(hold("a", amount=50_000), ALL, 1) == 50_000
    assert meters.hold(hold("b", amount=15_000), ALL, 10_001) == 0
    assert meters.hold(hold("b", amount=15_000), ALL, 10_000) == 10_000
    assert meters.hold(hold("c", amount=1), ALL, 1) == 0
    assert state(meters) == (0, ALL)
    assert meters.hold(hold("d", "ben", 90_000), ALL, 3_000) == ALL, "also the first of all"
    assert meters.hold(hold("e", "eve", 5), 0, 3) == 0
    assert meters.hold(hold("f", "eve", 5), 10, 100) == 5, "all that is wanted is enough"
    assert state(meters, "eve") == (0, 5)


def test_a_limit_that_has_become_smaller_lets_nobody_hold(meters: Meters) -> None:
    meters.hold(hold("a", amount=50_000), ALL, 1)
    assert meters.hold(hold("b"), 30_000, 1) == 0
    assert meters.extend("a", 1, 30_000) == 0
    assert meters.extend("a", 90_000, ALL) == 10_000


def test_a_hold_grows_while_something_is_left(meters: Meters) -> None:
    meters.hold(hold(amount=50_000), ALL, 1)
    assert meters.extend("turn-1", 6_000, ALL) == 6_000
    assert meters.extend("turn-1", 6_000, ALL) == 4_000
    assert meters.extend("turn-1", 6_000, ALL) == 0
    assert meters.extend("turn-1", 0, ALL + 9) == meters.extend("turn-1", -5, ALL) == 0
    assert state(meters) == (0, ALL)
    assert meters.settle("turn-1", [use(amount=99_000)], NOON) == ALL
    assert meters.extend("turn-1", 1, 2 * ALL) == 0, "it is over"


def test_no_more_is_counted_than_is_held_and_no_call_twice(meters: Meters) -> None:
    meters.hold(hold("turn-1", amount=2_500), ALL, 1)
    meters.hold(hold("turn-2", amount=2_500), ALL, 1)
    calls = [use("a", 1_000), use("b", 1_000), use("a", 9_999), use("c", 1_000), use("d", 1_000)]
    assert meters.settle("turn-1", calls, NOON) == 2_500
    assert meters.settle("turn-1", calls, NOON) == 0
    assert meters.settle("turn-2", [*calls, use("e", 300)], NOON) == 300, "c and d were told with the first turn"
    assert state(meters) == (2_800, 0)
    assert meters.settle("nothing", [use("f")], NOON) == 0


def test_a_turn_that_used_nothing_lets_go_of_all_of_it(meters: Meters) -> None:
    meters.hold(hold("a"), ALL, 1)
    meters.hold(hold("b"), ALL, 1)
    meters.release("a")
    meters.release("a")
    assert meters.settle("b", [], NOON) == 0
    assert state(meters) == (0, 0)
    assert meters.days("anna", VOICE, NOON.date()) == []
    assert meters.extend("a", 1, ALL) == 0


def test_owners_features_and_windows_do_not_touch_each_other(meters: Meters) -> None:
    others: list[dict[str, Any]] = [
        {"owner": "Anna"}, {"feature": "attachments"}, {"window": "2026-11-29"}, {"window": "month 2026-11-05"},
        {"window": ""},
    ]  # fmt: skip
    for number, other in enumerate([{}, *others]):
        assert meters.hold(hold(f"turn-{number}", **{"amount": ALL, **other}), ALL, ALL) == ALL
        assert meters.settle(f"turn-{number}", [use(f"call-{number}", number + 1)], NOON) == number + 1
    assert [state(meters, "anna", window) for window in (TODAY, "2026-11-29", "month 2026-11-05", "")] == [
        (1, 0), (4, 0), (5, 0), (6, 0),
    ]  # fmt: skip
    assert state(meters, "Anna") == (2, 0) and meters.used("anna", "attachments", TODAY) == (3, 0)
    assert state(meters, "nobody") == (0, 0)


def test_holds_that_nobody_settled_in_time_are_found_the_longest_over_first(meters: Meters) -> None:
    for name, minutes in (("a", 3), ("b", 1), ("c", 2), ("d", 9)):
        meters.hold(hold(name, expires_at=NOON + minutes * MINUTE, window="month 2026-11-05"), ALL, 1)
    meters.extend("b", 500, ALL)
    over = meters.stale(NOON + 3 * MINUTE, VOICE)
    assert [each.id for each in over] == ["b", "c", "a"]
    assert over[0] == hold("b", expires_at=NOON + MINUTE, window="month 2026-11-05", amount=5_500)
    assert [each.id for each in meters.stale(NOON + 3 * MINUTE, VOICE, limit=1)] == ["b"]
    meters.hold(hold("file", expires_at=NOON, feature="attachments"), ALL, 1)  # before them all, and not of their kind
    assert [each.id for each in meters.stale(NOON + 3 * MINUTE, VOICE, limit=1)] == ["b"]
    assert [each.id for each in meters.stale(NOON + 3 * MINUTE, "attachments")] == ["file"]
    assert meters.stale(NOON, VOICE) == meters.stale(NOON + DAY, VOICE, limit=-1) == []


def test_days_are_those_of_utc_and_those_without_use_are_left_out(meters: Meters) -> None:
    midnight = datetime(2026, 11, 29, tzinfo=UTC)
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + 3 * DAY, midnight + timedelta(hours=3)]
    for number, at in enumerate(moments):
        meters.hold(hold(f"turn-{number}", at=at), ALL, 1)
        meters.settle(f"turn-{number}", [use(f"call-{number}", 10 + number)], at)
    first = (midnight - DAY).date()
    days = [UsedDay(first, 10), UsedDay(midnight.date(), 24), UsedDay((midnight + 3 * DAY).date(), 12)]
    assert meters.days("anna", VOICE, first) == days
    assert meters.days("anna", VOICE, midnight.date()) == days[1:]
    assert meters.days("anna", "attachments", first) == meters.days("ben", VOICE, first) == []


def test_what_a_guest_used_counts_for_the_account_from_then_on(metered: Metered) -> None:
    meters = metered.meters
    for owner, name, amount in (("guest", "g", 1_000), ("anna", "a", 200), ("ben", "b", 30)):
        meters.hold(hold(name, owner), ALL, 1)
        meters.settle(name, [use(f"call-{name}", amount)], NOON)
    meters.hold(hold("going", "guest", 4_000), ALL, 1)
    meters.hold(hold("old", "guest", 70, window="2026-11-27"), ALL, 1)
    meters.settle("old", [use("call-old", 70)], NOON - DAY)
    meters.move("guest", "anna")
    assert state(meters) == (1_200, 4_000) and state(meters, window="2026-11-27") == (70, 0)
    assert state(meters, "guest") == (0, 0) and state(meters, "ben") == (30, 0)
    assert meters.hold(hold("next", amount=60_000), ALL, 1) == ALL - 5_200
    assert meters.extend("going", 1, ALL) == 0
    assert meters.settle("going", [use("call-g", 1_000), use("call-new", 500)], NOON) == 500, "one was counted before"
    assert meters.days("anna", VOICE, (NOON - DAY).date())[-1].amount == 1_700
    assert meters.days("guest", VOICE, (NOON - DAY).date()) == []
    for guest, user in (("guest", "ben"), ("ben", "ben"), ("", "ben"), ("\0", "ben"), ("ben", "\ud800")):
        meters.move(guest, user)
    assert state(meters, "ben") == (30, 0)


def test_of_an_owner_who_is_erased_nothing_is_left(meters: Meters) -> None:
    for owner in ("anna", "ben"):
        meters.hold(hold(f"turn-{owner}", owner), ALL, 1)
        meters.settle(f"turn-{owner}", [use(f"call-{owner}")], NOON)
        meters.hold(hold(f"going-{owner}", owner), ALL, 1)
    meters.erase_owner("anna")
    for name in HOSTILE:
        meters.erase_owner(name)
    assert state(meters) == (0, 0) and meters.days("anna", VOICE, NOON.date()) == []
    assert meters.settle("going-anna", [use("call-late")], NOON) == 0 and state(meters) == (0, 0)
    assert state(meters, "ben") == (1_000, 5_000) and len(meters.days("ben", VOICE, NOON.date())) == 1


def test_guests_who_stay_away_are_erased_when_their_last_window_is_over_and_accounts_are_not(metered: Metered) -> None:
    meters = metered.meters
    metered.settle("anna")
    month = timedelta(days=31)
    for owner, days in (("anna", 0), ("gone", 0), ("came-back", 0), ("came-back", 2)):
        name = f"{owner}-{days}"
        meters.hold(hold(name, owner, window=f"day-{days}", at=NOON + days * DAY), ALL, 1)
        meters.settle(name, [use(f"call-{name}")], NOON + days * DAY)
    assert meters.purge(NOON + month) == 0
    assert meters.purge(NOON + month + MINUTE) == 1
    assert state(meters, "gone", "day-0") == (0, 0) and meters.days("gone", VOICE, NOON.date()) == []
    assert state(meters, "came-back", "day-0") == state(meters, "anna", "day-0") == (1_000, 0)
    assert meters.purge(NOON + month + 3 * DAY) == 1
    assert state(meters, "came-back", "day-2") == (0, 0)
    assert len(meters.days("anna", VOICE, NOON.date())) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""}, {"id": "\0"}, {"id": "x" * 65}, {"owner": ""}, {"owner": "\ud800"}, {"owner": "anna "},
        {"feature": "everything"}, {"window": "\0"}, {"window": "x" * 65}, {"window": "day "}, {"amount": 0},
        {"amount": -1}, {"amount": 1.5}, {"amount": 2**53 + 1}, {"at": NOON.replace(tzinfo=None)},
        {"expires_at": NOON.replace(tzinfo=None)},
    ],
    ids=str,
)  # fmt: skip
def test_a_hold_that_not_every_database_could_keep_is_refused(meters: Meters, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        meters.hold(msgspec.structs.replace(hold(), **wrong), ALL, 1)
    assert meters.stale(NOON + DAY, VOICE) == [] and state(meters) == (0, 0)


def test_of_uses_with_a_bad_one_among_them_none_is_counted(meters: Meters) -> None:
    meters.hold(hold(), ALL, 1)
    for wrong in (use("\0"), use(""), use("x" * 65), use("two words"), use(amount=-1), use(amount=2**60), use(kind="")):
        with pytest.raises(BadInput):
            meters.settle("turn-1", [use("good"), wrong], NOON)
    assert state(meters) == (0, 5_000)
    assert meters.settle("turn-1", [use("good")], NOON) == 1_000


def test_hostile_names_find_nothing(meters: Meters) -> None:
    meters.hold(hold(), ALL, 1)
    for name in HOSTILE:
        assert state(meters, name) == (0, 0) and meters.days(name, VOICE, NOON.date()) == []
        assert meters.extend(name, 1, ALL) == 0 and meters.settle(name, [use()], NOON) == 0
        meters.release(name)
        if name:
            assert state(meters, window=name) == (0, 0)
    assert state(meters) == (0, 5_000)


def test_fifty_turns_at_once_with_a_minute_left_never_hold_more_than_a_minute(meters: Meters) -> None:
    held = at_once(50, lambda number: meters.hold(hold(f"turn-{number}", amount=7_000), ALL, 3_000))
    assert sum(held) == ALL
    assert sorted(held, reverse=True)[:9] == [7_000] * 8 + [4_000] and sum(map(bool, held)) == 9
    assert state(meters) == (0, ALL)
    settled = at_once(50, lambda number: meters.settle(f"turn-{number}", [use(f"call-{number}", 9_000)], NOON))
    assert settled == held
    assert state(meters) == (ALL, 0)


def test_fifty_turns_at_once_that_grow_never_hold_more_than_is_left(meters: Meters) -> None:
    for number in range(10):
        meters.hold(hold(f"turn-{number}", amount=1_000), ALL, 1)
    grown = at_once(50, lambda number: meters.extend(f"turn-{number % 10}", 3_000, ALL))
    assert sum(grown) == 50_000
    assert state(meters) == (0, ALL)


def test_one_turn_that_begins_thirty_times_at_once_holds_once(meters: Meters) -> None:
    assert set(at_once(30, lambda _: meters.hold(hold(), ALL, 1))) == {5_000}
    assert state(meters) == (0, 5_000)


def test_one_turn_that_is_settled_and_released_thirty_times_at_once_is_over_once(meters: Meters) -> None:
    meters.hold(hold(), ALL, 1)

    def end(number: int) -> int:
        if number % 3 == 0:
            meters.release("turn-1")
            return 0
        return meters.settle("turn-1", [use("a"), use("b")], NOON)

    counted = sum(at_once(30, end))
    assert counted in (0, 2_000)
    assert state(meters) == (counted, 0)


def test_a_call_that_many_turns_name_at_once_is_counted_once(meters: Meters) -> None:
    for number in range(20):
        meters.hold(hold(f"turn-{number}", f"user-{number}"), ALL, 1)

    def end(number: int) -> int:
        return meters.settle(f"turn-{number}", [use("shared"), use(f"own-{number}", 10)], NOON)

    counted = at_once(20, end)
    assert sorted(counted) == [10] * 19 + [1_010]


def test_a_guest_who_gets_an_account_in_the_middle_of_turns_loses_and_gains_nothing(meters: Meters) -> None:
    for number in range(20):
        meters.hold(hold(f"turn-{number}", "guest", 1_000), ALL, 1)

    def do(number: int) -> int:
        if number == 20:
            meters.move("guest", "anna")
            return 0
        return meters.settle(f"turn-{number}", [use(f"call-{number}", 600)], NOON)

    assert sum(at_once(21, do)) == 20 * 600
    meters.move("guest", "anna")
    assert state(meters) == (20 * 600, 0) and state(meters, "guest") == (0, 0)
    assert meters.days("anna", VOICE, NOON.date()) == [UsedDay(NOON.date(), 20 * 600)]


OPS = st.one_of(
    st.tuples(st.just("hold"), st.integers(0, 5), st.integers(1, 40), st.integers(1, 20)),
    st.tuples(st.just("extend"), st.integers(0, 5), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("settle"), st.integers(0, 5), st.integers(0, 40), st.integers(0, 8)),
    st.tuples(st.just("release"), st.integers(0, 5), st.just(0), st.just(0)),
    st.tuples(st.just("move"), st.just(0), st.just(0), st.just(0)),
)


SUMS = """
    SELECT (SELECT coalesce(sum(used), 0) FROM meters), (SELECT coalesce(sum(amount), 0) FROM uses),
           (SELECT coalesce(sum(amount), 0) FROM use_days),
           (SELECT coalesce(sum(held), 0) FROM meters), (SELECT coalesce(sum(amount), 0) FROM holds)
"""


def step(meters: Meters, what: str, turn: int, amount: int, more: int) -> object:
    name = f"turn-{turn}"
    match what:
        case "hold":
            return meters.hold(hold(name, ("anna", "guest")[turn % 2], amount), 100, more)
        case "extend":
            return meters.extend(name, amount, 100)
        case "settle":
            return meters.settle(name, [use(f"call-{more}", amount), use(f"call-{more + 1}", 3)], NOON)
        case "release":
            meters.release(name)
        case _:
            meters.move("guest", "anna")
    return None


@settings(max_examples=120, deadline=None)
@given(st.lists(OPS, max_size=40))
def test_memory_and_sqlite_agree_whatever_happens_and_their_sums_do_too(
    migrated_file: object, ops: list[tuple[str, int, int, int]]
) -> None:
    with emptied(f"sqlite:///{migrated_file}") as engine:
        sql, memory = SqlMeters(engine), MemoryMeters()
        moved = False
        for op in ops:
            assert step(sql, *op) == step(memory, *op)
            moved = moved or op[0] == "move"
            for owner in ("anna", "guest"):
                used, held = state(sql, owner)
                assert (used, held) == state(memory, owner)
                assert min(used, held) >= 0
                assert moved or used + held <= 100, "two owners together may have had more"
        with engine.connect() as connection:
            used, calls, days, held, holds = connection.execute(text(SUMS)).one()
        assert used == calls == days and held == holds
