"""What every store of sessions and of single-use links promises."""

from datetime import timedelta
from functools import partial

import pytest

from domain.errors import BadInput, NotFound
from tests.db.conftest import Stores
from tests.db.test_accounts_contract import DAY, NOON, outcomes, session, settle

GRACE_S = 10.0


def test_a_session_comes_back_as_it_was_opened(stores: Stores) -> None:
    anna = settle(stores)
    opened = session(anna.id, "s1", device="Firefox 在 Linux", before="r0", revoked_at=NOON)
    stores.sessions.open(opened)

    assert stores.sessions.get("s1") == opened
    for nothing in ("", "S1", "\0", "\ud800", "x" * 9_000):
        assert stores.sessions.get(nothing) is None
    with pytest.raises(NotFound, match="account_gone"):
        stores.sessions.open(session("nobody", "s2"))
    for field in ({"device": "x" * 121}, {"device": "\0"}, {"address": "a" * 65}, {"refresh": ""}):
        with pytest.raises(BadInput):
            stores.sessions.open(session(anna.id, "s3", **field))


def test_only_sessions_that_are_alive_are_listed_the_last_seen_first(stores: Stores) -> None:
    anna, ben = settle(stores), settle(stores, "ben")
    for name, fields in {
        "old": {"seen_at": NOON - DAY},
        "new": {"seen_at": NOON},
        "over": {"expires_at": NOON},
        "ended": {"revoked_at": NOON},
    }.items():
        stores.sessions.open(session(anna.id, name, **fields))
    stores.sessions.open(session(ben.id, "bens"))

    assert [s.id for s in stores.sessions.of(anna.id, NOON)] == ["new", "old"]
    stores.sessions.touch("old", NOON + timedelta(seconds=1))
    assert [s.id for s in stores.sessions.of(anna.id, NOON)] == ["old", "new"]
    assert stores.sessions.revoke_all(anna.id, NOON, but="new") == 2  # one of them had expired
    assert [s.id for s in stores.sessions.of(anna.id, NOON)] == ["new"]
    assert [s.id for s in stores.sessions.of(ben.id, NOON)] == ["bens"]
    assert stores.sessions.of("\0", NOON) == []


def test_opening_one_sweeps_those_that_have_expired(stores: Stores) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "s1", expires_at=NOON + DAY))
    stores.sessions.open(session(anna.id, "s2", created_at=NOON + 2 * DAY))

    assert stores.sessions.get("s1") is None
    assert stores.sessions.get("s2") is not None


def test_proving_and_ending_are_kept_and_the_first_end_counts(stores: Stores) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "s1"))
    stores.sessions.prove("s1", NOON + DAY)
    stores.sessions.revoke("s1", NOON + DAY)
    stores.sessions.revoke("s1", NOON + 2 * DAY)
    stores.sessions.revoke("nothing", NOON)

    kept = stores.sessions.get("s1")
    assert kept is not None and (kept.proved_at, kept.revoked_at) == (NOON + DAY, NOON + DAY)


def test_a_refresh_token_is_exchanged_for_its_successor(stores: Stores) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "s1"))
    later = NOON + timedelta(hours=1)

    rotated = stores.sessions.rotate("s1", "r1", "r2", later, GRACE_S)

    assert rotated is not None
    assert (rotated.refresh, rotated.before, rotated.rotated_at, rotated.seen_at) == ("r2", "r1", later, later)
    assert stores.sessions.get("s1") == rotated


def test_within_the_grace_the_parent_leads_to_the_same_successor(stores: Stores) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "s1"))
    first = stores.sessions.rotate("s1", "r1", "r2", NOON, GRACE_S)

    assert stores.sessions.rotate("s1", "r1", "r3", NOON + timedelta(seconds=GRACE_S), GRACE_S) == first


@pytest.mark.parametrize("used", ["r1", "r0", "", "R2", "nonsense", "\0"])
def test_after_the_grace_and_for_grandparents_a_reuse_ends_the_session(stores: Stores, used: str) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "s1", refresh="r0"))
    stores.sessions.rotate("s1", "r0", "r1", NOON, GRACE_S)
    stores.sessions.rotate("s1", "r1", "r2", NOON, GRACE_S)
    late = NOON + timedelta(seconds=GRACE_S + 0.001)

    assert stores.sessions.rotate("s1", used, "r3", late, GRACE_S) is None

    ended = stores.sessions.get("s1")
    assert ended is not None and ended.revoked_at == late
    assert stores.sessions.rotate("s1", "r2", "r3", late, GRACE_S) is None


def test_the_grandparent_is_refused_even_within_the_grace(stores: Stores) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "s1", refresh="r0"))
    stores.sessions.rotate("s1", "r0", "r1", NOON, GRACE_S)
    stores.sessions.rotate("s1", "r1", "r2", NOON, GRACE_S)

    assert stores.sessions.rotate("s1", "r0", "r3", NOON, GRACE_S) is None


def test_a_session_that_is_over_or_unknown_rotates_no_more(stores: Stores) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "over", expires_at=NOON))

    for name in ("over", "nothing", "\0"):
        assert stores.sessions.rotate(name, "r1", "r2", NOON, GRACE_S) is None


def test_of_many_who_rotate_one_token_at_once_all_get_the_one_successor(stores: Stores) -> None:
    anna = settle(stores)
    for round_ in range(5):
        name = f"s{round_}"
        stores.sessions.open(session(anna.id, name))

        works = [partial(stores.sessions.rotate, name, "r1", f"child-{n}", NOON, GRACE_S) for n in range(5)]
        got = outcomes(*works)

        kept = stores.sessions.get(name)
        assert kept is not None and kept.revoked_at is None
        assert [one.refresh for one in got] == [kept.refresh] * 5


def test_a_link_is_good_once_for_its_kind_and_until_it_expires(stores: Stores) -> None:
    anna = settle(stores)
    stores.tokens.put("t1", "email", anna.id, "新@x.org", NOON + DAY)

    assert stores.tokens.peek("t1", "email", NOON) == (anna.id, "新@x.org")
    for token, kind, now in (
        ("t1", "recover", NOON),
        ("T1", "email", NOON),
        ("t1", "email", NOON + DAY),
        ("\0", "", NOON),
    ):
        assert stores.tokens.peek(token, kind, now) is None
        assert stores.tokens.take(token, kind, now) is None
    assert stores.tokens.take("t1", "email", NOON) == (anna.id, "新@x.org")
    assert stores.tokens.take("t1", "email", NOON) is None
    assert stores.tokens.peek("t1", "email", NOON) is None


def test_a_link_that_is_put_again_is_the_later_one(stores: Stores) -> None:
    anna = settle(stores)
    stores.tokens.put("t1", "hold", anna.id, "", NOON + DAY)
    stores.tokens.take("t1", "hold", NOON)
    stores.tokens.put("t1", "hold", anna.id, "", NOON + 2 * DAY)

    assert stores.tokens.peek("t1", "hold", NOON + DAY) == (anna.id, "")
    with pytest.raises(NotFound, match="account_gone"):
        stores.tokens.put("t2", "hold", "nobody", "", NOON)
    with pytest.raises(BadInput):
        stores.tokens.put("t2", "hold", anna.id, "\0", NOON)


def test_a_link_taken_many_times_at_once_is_taken_once(stores: Stores) -> None:
    anna = settle(stores)
    for round_ in range(5):
        stores.tokens.put(f"t{round_}", "recover", anna.id, "", NOON + DAY)

        got = outcomes(*[partial(stores.tokens.take, f"t{round_}", "recover", NOON)] * 6)

        assert sorted(map(bool, got)) == [False] * 5 + [True]


def test_links_that_ended_long_ago_go_when_a_new_one_comes(stores: Stores) -> None:
    anna = settle(stores)
    stores.tokens.put("t1", "recover", anna.id, "", NOON)
    stores.tokens.put("t2", "recover", anna.id, "", NOON + 201 * DAY)

    assert stores.tokens.peek("t1", "recover", NOON - DAY) is None
    assert stores.tokens.peek("t2", "recover", NOON - DAY) is not None
