"""Stories of signing in: who may, who may not, and what a stranger can't find out or break."""

from typing import Any

import msgspec
import pytest

from domain.accounts import People, Place
from domain.errors import NotAllowed, NotFound, ParleyError, TooMany
from domain.people import User
from domain.signing_in import MOST_SESSIONS
from tests.domain.people_house import CAFE, HOME, NEWER, PASSWORD, THIEF, House, QuickHasher, knowing, session_of

pytestmark = pytest.mark.anyio
NOBODY = ("ben", "ben@x.org", "+15550100999", "", "\0", "\ud800", "x" * 100_000, "anna\u200b", "' or 1=1 --")


async def failures(house: House, login: str, place: Place, tries: int, said: str = "wrong") -> list[str]:
    codes = []
    for _ in range(tries):
        with pytest.raises(ParleyError) as refused:
            await house.people.sign_in(login, said, place)
        codes.append(refused.value.code)
    return codes


async def test_one_signs_in_by_name_address_or_number() -> None:
    house = House()
    await house.settle(phone="+15550100200")

    for login in ("anna", " ANNA ", "anna@X.org", "+1 (555) 010-0200"):
        signed = await house.people.sign_in(login, PASSWORD, HOME)
        assert signed.fresh.signed.user.username == "anna"
        assert session_of(signed).address == "192.0.2.0/24"


async def test_nobody_and_a_wrong_password_are_one_and_the_same() -> None:
    house = House()
    await house.settle()
    await house.hasher.dummy()
    seen = []
    for number, login in enumerate(("anna", *NOBODY)):
        house.hasher.asked.clear()
        events = len(house.diary.events)
        with pytest.raises(NotAllowed) as refused:
            await house.people.sign_in(login, "not the password", Place("x", f"192.0.2.{number}"))
        error = refused.value
        seen.append((error.code, str(error.detail), dict(house.hasher.asked), len(house.diary.events) - events))

    assert set(map(str, seen)) == {str(("sign_in_failed", "{}", {"verify": 1}, 1))}


@pytest.mark.parametrize("password", ["", PASSWORD.upper(), PASSWORD + " ", PASSWORD[:-1], "\0", "\ud800", "x" * 10**6])
async def test_nothing_but_the_password_is_the_password(password: str) -> None:
    house = House()
    await house.settle()

    with pytest.raises(NotAllowed, match="sign_in_failed"):
        await house.people.sign_in("anna", password, HOME)


async def test_what_was_typed_is_in_no_log() -> None:
    house = House()
    await house.settle()
    await failures(house, "my password typed as a name", HOME, 1, "and here again")

    assert "typed" not in repr(house.diary.events) and "again" not in repr(house.diary.events)


async def test_guessing_one_account_from_one_place_ends_after_ten() -> None:
    house = House()
    await house.settle()

    assert await failures(house, "anna", THIEF, 12) == ["sign_in_failed"] * 10 + ["slow_down"] * 2
    with pytest.raises(TooMany) as refused:
        await house.people.sign_in("anna", PASSWORD, THIEF)  # even the right one, or guessing would go on
    assert refused.value.detail["retry_after"] == 300


async def test_for_a_name_that_nobody_has_the_limits_are_the_same() -> None:
    house = House()
    await house.settle()

    assert await failures(house, "anna", THIEF, 12) == await failures(house, "nobody", THIEF, 12)


async def test_strangers_who_guess_do_not_lock_the_person_out() -> None:
    """A hundred addresses, ten guesses each: the ceiling of the account is reached, and Anna's browser is known."""
    house = House()
    signed = await house.settle()
    codes = []
    for number in range(11):
        codes += await failures(house, "anna", Place("bot", f"203.0.113.{number}"), 10)
    assert codes[:100] == ["sign_in_failed"] * 100 and set(codes[100:]) == {"slow_down"}

    for login in ("anna", "Anna@x.org"):  # one ceiling, by whatever name
        with pytest.raises(TooMany):
            await house.people.sign_in(login, PASSWORD, CAFE)  # from nowhere known: the mailed link is the way
    again = await house.people.sign_in("anna", PASSWORD, knowing(CAFE, signed))
    assert again.fresh.signed.user.username == "anna"
    await house.people.recover("anna@x.org", CAFE)
    assert house.last.kind == "recover"


async def test_strangers_behind_ones_own_address_do_not_lock_one_out_either() -> None:
    house = House()
    signed = await house.settle()
    await failures(house, "anna", HOME, 30)

    await house.people.sign_in("anna", PASSWORD, knowing(HOME, signed))


async def test_a_stolen_browser_cookie_gives_ten_tries_and_is_no_help_with_other_accounts() -> None:
    house = House()
    anna = await house.settle("anna")
    await house.settle("ben", CAFE)

    codes = []
    for number in range(12):
        place = Place("bot", f"203.0.113.{number}", anna.browser)
        codes += await failures(house, "anna", place, 1)
    assert codes == ["sign_in_failed"] * 10 + ["slow_down"] * 2
    assert await failures(house, "ben", knowing(THIEF, anna), 12) == ["sign_in_failed"] * 10 + ["slow_down"] * 2


async def test_a_browser_that_one_account_knows_is_new_to_another() -> None:
    house = House()
    anna = await house.settle("anna")
    await house.settle("ben", CAFE)
    count = len(house.letters.mails)

    await house.people.sign_in("ben", PASSWORD, knowing(HOME, anna))

    assert [(mail.kind, mail.to) for mail in house.letters.mails[count:]] == [("new_sign_in", "ben@x.org")]


async def test_spraying_one_password_over_many_names_ends_too() -> None:
    house = House()
    codes = [code for n in range(62) for code in await failures(house, f"name{n}", THIEF, 1, "password of the year")]

    assert codes == ["sign_in_failed"] * 60 + ["slow_down"] * 2


async def test_the_right_password_forgives_the_mistyped_ones() -> None:
    house = House()
    await house.settle()
    for _ in range(3):
        await failures(house, "anna", CAFE, 9)
        await house.people.sign_in("anna", PASSWORD, CAFE)


async def test_a_new_place_is_told_by_mail_and_a_known_one_is_not() -> None:
    house = House()
    await house.settle()
    signed = await house.people.sign_in("anna", PASSWORD, CAFE)
    assert house.last.kind == "new_sign_in"
    assert "Safari on iPhone (198.51.100.0/24)" in house.last.body
    count = len(house.letters.mails)

    await house.people.sign_in("anna", PASSWORD, knowing(CAFE, signed))
    assert len(house.letters.mails) == count
    api = await house.people.sign_in("anna", PASSWORD, Place("curl", "192.0.2.9", None))
    assert house.last.kind == "new_sign_in" and api.browser == ""


async def test_older_hashes_are_made_anew_when_the_password_is_there() -> None:
    house = House()
    signed = await house.settle()
    user_id = signed.fresh.signed.user.id
    before = house.accounts.credentials(user_id).password_hash
    house.hasher = QuickHasher("16,2,1")
    people = house.open()

    with pytest.raises(NotAllowed):
        await people.sign_in("anna", "wrong", HOME)
    assert house.accounts.credentials(user_id).password_hash == before
    await people.sign_in("anna", PASSWORD, HOME)

    after = house.accounts.credentials(user_id).password_hash
    assert "m=16,t=2" in after
    await people.sign_in("anna", PASSWORD, HOME)
    assert house.accounts.credentials(user_id).password_hash == after


async def test_a_suspended_account_is_told_so_only_with_its_password() -> None:
    house = House()
    signed = await house.settle()
    house.accounts.suspend(signed.fresh.signed.user.id, house.clock.now())

    assert await failures(house, "anna", HOME, 1) == ["sign_in_failed"]
    assert await failures(house, "anna", HOME, 1, PASSWORD) == ["account_suspended"]
    assert not house.alive(signed)


@pytest.mark.parametrize("change", ["password", "suspension"])
async def test_a_sign_in_that_was_under_way_ends_with_what_happened_meanwhile(change: str) -> None:
    """The old password was looked at before it changed, the session opens after: it must not live."""
    house = House()
    signed = await house.settle()
    user: User = signed.fresh.signed.user

    class Meanwhile(People):
        async def open_session(self, user: User, place: Place, way: str) -> Any:
            house.clock.seconds += 1
            if change == "password":
                house.accounts.set_password(user.id, "newer", house.clock.now())
            else:
                house.accounts.suspend(user.id, house.clock.now())
            return await super().open_session(user, place, way)

    with pytest.raises(NotAllowed, match="sign_in_failed"):
        await house.open(Meanwhile).sign_in("anna", PASSWORD, HOME)

    assert house.sessions.of(user.id, house.clock.now()) == []


async def test_one_sees_and_ends_ones_own_sessions_and_nobody_elses() -> None:
    house = House()
    first = await house.settle("anna")
    second = await house.people.sign_in("anna", PASSWORD, CAFE)
    ben = await house.settle("ben")
    mine = session_of(first)

    assert {s.id for s in await house.people.sessions(mine)} == {mine.id, session_of(second).id}
    for other in (session_of(ben).id, "nothing", "\0"):
        with pytest.raises(NotFound, match="session_gone"):
            await house.people.end_session(mine, other, HOME)
    await house.people.end_session(mine, session_of(second).id, HOME)
    assert not house.alive(second) and house.alive(first) and house.alive(ben)

    third = await house.people.sign_in("anna", PASSWORD, CAFE)
    assert await house.people.end_others(mine, HOME) == 1
    assert not house.alive(third) and house.alive(first) and house.alive(ben)
    await house.people.sign_out(mine, HOME)
    assert not house.alive(first)


async def test_a_proof_lasts_ten_minutes_and_wants_the_password() -> None:
    house = House()
    session = session_of(await house.settle())
    house.clock.seconds = 600
    await house.people.set_phone(session, "", HOME)
    house.clock.seconds = 601
    with pytest.raises(NotAllowed, match="prove_first"):
        await house.people.set_phone(session, "", HOME)

    with pytest.raises(NotAllowed, match="password_wrong"):
        await house.people.prove(session, NEWER, HOME)
    fresh = await house.people.prove(session, PASSWORD, HOME)
    assert fresh.signed.session.id == session.id

    proved = house.sessions.get(session.id)
    assert proved is not None
    await house.people.set_phone(proved, "", HOME)
    assert house.actions()[-3:] == ["prove_failed", "proved", "phone_changed"]


async def test_giving_the_password_again_brings_new_tokens_and_ends_the_old() -> None:
    house = House()
    signed = await house.settle()
    old, sign_ins = signed.fresh, house.people._sign_ins
    house.clock.seconds = 60
    fresh = await house.people.prove(session_of(signed), PASSWORD, HOME)

    assert sign_ins.current(fresh.access).session.id == session_of(signed).id
    with pytest.raises(NotAllowed, match="token_bad"):
        sign_ins.current(old.access)
    assert sign_ins.renew(old.refresh, HOME.label, HOME.about).signed.session.refresh == fresh.signed.session.refresh
    house.clock.seconds = 71  # a request that was on its way has come by now
    with pytest.raises(NotAllowed, match="token_bad"):
        sign_ins.renew(old.refresh, HOME.label, HOME.about)


async def test_a_session_that_ends_while_the_password_is_looked_at_gets_no_tokens() -> None:
    house = House()
    signed = await house.settle()
    house.sessions.revoke(session_of(signed).id, house.clock.now())
    with pytest.raises(NotAllowed, match="token_bad"):
        await house.people.prove(session_of(signed), PASSWORD, HOME)


async def test_an_account_has_at_most_fifty_sessions_and_the_longest_unused_ends() -> None:
    house = House()
    first = await house.settle()
    others = []
    for number in range(1, MOST_SESSIONS):
        house.clock.seconds = number * 400  # slowly enough for the limit of sign-ins
        others.append(await house.people.sign_in("anna", PASSWORD, HOME))
    house.clock.seconds += 400
    house.people._sign_ins.current(house.issuer.access(session_of(first), first.fresh.signed.user))  # used just now
    assert len(await house.people.sessions(session_of(first))) == MOST_SESSIONS
    last = await house.people.sign_in("anna", PASSWORD, HOME)
    assert [house.alive(each) for each in (first, *others, last)] == [True, False, *[True] * (MOST_SESSIONS - 1)]


async def test_a_session_that_nobody_uses_for_two_weeks_is_over() -> None:
    house = House()
    signed = await house.settle()
    sign_ins, user = house.people._sign_ins, signed.fresh.signed.user
    for days in (13, 26):  # used now and then it lasts
        house.clock.seconds = days * 86_400
        signed_in = sign_ins.current(house.issuer.access(session_of(signed), user))
        assert signed_in.session.id == session_of(signed).id
    last = await house.people.sign_in("anna", PASSWORD, HOME)
    house.clock.seconds = 41 * 86_400
    with pytest.raises(NotAllowed, match="token_bad"):
        sign_ins.current(house.issuer.access(session_of(last), user))
    with pytest.raises(NotAllowed, match="token_bad"):
        sign_ins.renew(last.fresh.refresh, HOME.label, HOME.about)
    assert not sign_ins.lives(session_of(last).id)
    assert await house.people.sessions(session_of(last)) == []


async def test_a_hijacked_session_does_not_guess_the_password() -> None:
    house = House()
    session = session_of(await house.settle())
    codes = []
    for number in range(12):
        with pytest.raises(ParleyError) as refused:
            await house.people.prove(session, f"guess {number}", Place("x", f"203.0.113.{number}"))
        codes.append(refused.value.code)

    assert codes == ["password_wrong"] * 10 + ["slow_down"] * 2


def test_only_prefixes_of_addresses_are_kept() -> None:
    places = {
        "192.0.2.7": ("192.0.2.0/24", "192.0.2.7"),
        "2001:db8:1:2:3:4:5:6": ("2001:db8:1::/48", "2001:db8:1:2::/64"),
        "::ffff:192.0.2.7": ("192.0.2.0/24", "192.0.2.7"),
        "fe80::1%eth0": ("fe80::/48", "fe80::/64"),
        "nonsense\0": ("?", "?"),
    }
    assert {a: (Place("", a).about, Place("", a).network) for a in places} == places
    assert Place("Chromium\r\non \ud800" + "x" * 500, "").label == "Chromiumon " + "x" * 106
    assert msgspec.structs.replace(HOME, device="").label == "?"
