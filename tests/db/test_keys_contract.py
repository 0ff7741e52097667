"""What every store of recovery codes, passkeys and questions promises."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from domain.errors import BadInput, Conflict, NotFound
from domain.people import Passkey
from tests.db.conftest import Stores
from tests.db.test_accounts_contract import NOON, outcomes, settle


def passkey(owner: str, id_: str, **fields: Any) -> Passkey:
    usual: dict[str, Any] = {"public_key": b"\x00\xffkey", "sign_count": 0, "name": "手机", "created_at": NOON}
    return Passkey(**{**usual, "id": id_, "user_id": owner, **fields})


def test_a_recovery_code_is_good_once_and_for_its_account_only(stores: Stores) -> None:
    anna, ben = settle(stores), settle(stores, "ben")
    stores.keys.set_codes(anna.id, ["c1", "c2", "c2"])
    stores.keys.set_codes(ben.id, ["c3"])

    assert stores.keys.codes_left(anna.id) == 2
    assert not stores.keys.use_code(ben.id, "c1", NOON)
    assert stores.keys.use_code(anna.id, "c1", NOON)
    for used in ("c1", "C2", "", "\0", "\ud800", "x" * 9_000):
        assert not stores.keys.use_code(anna.id, used, NOON)
    assert (stores.keys.codes_left(anna.id), stores.keys.codes_left(ben.id)) == (1, 1)


def test_new_codes_replace_the_old_ones(stores: Stores) -> None:
    anna = settle(stores)
    stores.keys.set_codes(anna.id, ["c1", "c2"])
    stores.keys.use_code(anna.id, "c1", NOON)
    stores.keys.set_codes(anna.id, ["c1", "c3"])

    assert not stores.keys.use_code(anna.id, "c2", NOON)
    assert stores.keys.use_code(anna.id, "c1", NOON)
    stores.keys.set_codes(anna.id, [])
    assert stores.keys.codes_left(anna.id) == 0
    with pytest.raises(NotFound, match="account_gone"):
        stores.keys.set_codes("nobody", ["c1"])


def test_a_code_used_many_times_at_once_is_used_once(stores: Stores) -> None:
    anna = settle(stores)
    stores.keys.set_codes(anna.id, ["c1"])

    got = outcomes(*[partial(stores.keys.use_code, anna.id, "c1", NOON)] * 6)

    assert sorted(got) == [False] * 5 + [True]


def test_codes_made_twice_at_once_are_those_of_one_of_the_two(stores: Stores) -> None:
    anna = settle(stores)
    for _ in range(4):
        outcomes(*(partial(stores.keys.set_codes, anna.id, [f"{n}-{i}" for i in range(10)]) for n in range(4)))

        assert stores.keys.codes_left(anna.id) == 10


def test_passkeys_come_back_as_they_were_added(stores: Stores) -> None:
    anna, ben = settle(stores), settle(stores, "ben")
    first, second = passkey(anna.id, "k1"), passkey(anna.id, "k2" * 200, created_at=NOON + timedelta(minutes=1))
    stores.keys.add_passkey(second)
    stores.keys.add_passkey(first)
    stores.keys.add_passkey(passkey(ben.id, "k3"))

    assert stores.keys.passkeys(anna.id) == [first, second]
    assert stores.keys.passkey("k1") == first
    for nothing in ("", "K1", "\0", "\ud800", "x" * 9_000):
        assert stores.keys.passkey(nothing) is None
    with pytest.raises(Conflict, match="passkey_taken"):
        stores.keys.add_passkey(passkey(ben.id, "k1"))
    with pytest.raises(NotFound, match="account_gone"):
        stores.keys.add_passkey(passkey("nobody", "k4"))
    for wrong in ({"name": "x" * 65}, {"name": "\0"}, {"public_key": bytes(2_049)}):
        with pytest.raises(BadInput):
            stores.keys.add_passkey(passkey(anna.id, "k5", **wrong))
    with pytest.raises(BadInput):
        stores.keys.add_passkey(passkey(anna.id, "k" * 513))


def test_using_a_passkey_keeps_its_count_and_only_its_owner_removes_it(stores: Stores) -> None:
    anna, ben = settle(stores), settle(stores, "ben")
    stores.keys.add_passkey(passkey(anna.id, "k1"))
    stores.keys.used_passkey("k1", 2**32 - 1, NOON)
    stores.keys.used_passkey("nothing", 1, NOON)

    assert stores.keys.passkey("k1") == passkey(anna.id, "k1", sign_count=2**32 - 1, used_at=NOON)
    for owner, name in ((ben.id, "k1"), (anna.id, "k2"), (anna.id, "\0")):
        with pytest.raises(NotFound, match="passkey_gone"):
            stores.keys.remove_passkey(owner, name)
    stores.keys.remove_passkey(anna.id, "k1")
    assert stores.keys.passkeys(anna.id) == []


def test_there_is_one_question_and_an_empty_one_takes_it_away(stores: Stores) -> None:
    anna = settle(stores)
    assert stores.keys.question(anna.id) is None
    stores.keys.set_question(anna.id, "Which ship?", "h1")
    stores.keys.set_question(anna.id, "哪一艘船?", "h2")
    assert stores.keys.question(anna.id) == ("哪一艘船?", "h2")
    for wrong in ("\0", "\ud800", "x" * 201):
        with pytest.raises(BadInput):
            stores.keys.set_question(anna.id, wrong, "h")
    stores.keys.set_question(anna.id, "", "")
    assert stores.keys.question(anna.id) is None
    with pytest.raises(NotFound, match="account_gone"):
        stores.keys.set_question("nobody", "Which?", "h")
