"""Stories of lost passwords, and of those who would like to find one."""

import asyncio
from typing import Any

import pytest

from domain.accounts import People, Place
from domain.errors import BadInput, NotAllowed, NotFound, ParleyError, TooMany
from tests.domain.people_house import CAFE, HOME, NEWER, PASSWORD, THIEF, House, knowing, session_of

pytestmark = pytest.mark.anyio
ANSWER = "the herring smack of aunt Ottilie"


async def asked(house: House) -> str:
    """Return the token of a recovery link."""
    await house.people.recover("anna@x.org", CAFE)
    assert house.last.kind == "recover"
    return house.link()


async def test_a_mailed_link_sets_a_new_password_and_signs_nobody_in() -> None:
    house = House()
    signed = await house.settle()
    elsewhere = await house.people.sign_in("anna", PASSWORD, THIEF)
    token = await asked(house)
    assert (await house.people.recovering(token)).username == "anna"
    house.clock.seconds = 60

    await house.people.finish_recovery(token, NEWER, CAFE)

    assert not house.alive(signed) and not house.alive(elsewhere)
    assert house.last.kind == "changed" and "198.51.100.0/24" in house.last.body
    assert house.sessions.of(signed.fresh.signed.user.id, house.clock.now()) == []
    with pytest.raises(NotAllowed, match="sign_in_failed"):
        await house.people.sign_in("anna", PASSWORD, HOME)
    await house.people.sign_in("anna", NEWER, HOME)
    assert house.actions()[-4:] == ["recovery_asked", "recovered", "sign_in_failed", "signed_in"]


async def test_a_browser_that_a_thief_signed_in_with_is_not_known_after_a_recovery() -> None:
    house = House()
    await house.settle()
    thief = await house.people.sign_in("anna", PASSWORD, THIEF)
    await house.people.finish_recovery(await asked(house), NEWER, CAFE)

    await house.people.sign_in("anna", NEWER, knowing(THIEF, thief))

    assert house.last.kind == "new_sign_in"


async def test_for_known_and_unknown_addresses_the_answer_and_its_time_are_the_same() -> None:
    house = House()
    await house.settle()
    rests: list[float] = []

    class Watched(People):
        async def _rest(self, seconds: float) -> None:
            rests.append(round(seconds + house.clock.monotonic() - began, 6))

    class SlowMail:
        def send(self, mail: Any) -> None:
            house.clock.seconds += 0.125
            house.letters.send(mail)

    people = house.open(Watched, floor_s=0.5)
    people._mailer = SlowMail()
    answers = []
    for email in ("anna@x.org", "nobody@x.org", "ANNA@X.org"):
        began = house.clock.monotonic()
        answers.append(await people.recover(email, CAFE))

    assert answers == [None] * 3
    assert rests == [0.5] * 3
    assert house.kinds() == ["confirm", "recover", "recover"]
    assert [event.action for event in house.diary.events[-3:]] == ["recovery_asked"] * 3


async def test_the_link_goes_to_the_address_that_is_kept_and_begins_with_our_own_name() -> None:
    house = House()
    await house.settle()
    await house.people.recover(" ANNA@X.ORG ", CAFE)

    assert house.last.to == "anna@x.org"
    assert "https://parley.test/recover/" in house.last.body
    for address in ("anna@x.org\r\nBcc: me@y.org", "anna@x.org,me@y.org", "anna@x.org me@y.org", "ａnna@x.org", "\0"):
        with pytest.raises(BadInput, match="email_bad"):
            await house.people.recover(address, CAFE)


async def test_a_link_is_good_once_and_for_thirty_minutes() -> None:
    house = House()
    await house.settle()
    token = await asked(house)
    house.clock.seconds = 1_799
    await house.people.recovering(token)
    house.clock.seconds = 1_801
    with pytest.raises(NotFound, match="link_gone"):
        await house.people.finish_recovery(token, NEWER, CAFE)

    token = await asked(house)
    other = await asked(house)
    await house.people.finish_recovery(token, NEWER, CAFE)
    for used in (token, other):
        with pytest.raises(NotFound, match="link_gone"):
            await house.people.finish_recovery(used, PASSWORD, CAFE)
    await house.people.sign_in("anna", NEWER, HOME)


async def test_a_link_followed_twice_at_once_sets_one_password() -> None:
    house = House()
    await house.settle()
    token = await asked(house)

    got = await asyncio.gather(
        *(house.people.finish_recovery(token, f"{NEWER} {n}", CAFE) for n in range(4)), return_exceptions=True
    )

    assert sum(isinstance(one, str) for one in got) == 1
    assert {answer.code for answer in got if isinstance(answer, ParleyError)} == {"link_gone"}


async def test_a_bad_password_does_not_use_the_link_up() -> None:
    house = House()
    await house.settle()
    token = await asked(house)
    for bad in ("short", "anna anna anna 1987", "x" * 5_000):
        with pytest.raises(BadInput):
            await house.people.finish_recovery(token, bad, CAFE)

    await house.people.finish_recovery(token, NEWER, CAFE)


async def test_no_other_token_of_ours_recovers_anything() -> None:
    house = House()
    signed = await house.settle()
    user_id = signed.fresh.signed.user.id
    forged = house.issuer.reset(user_id, "never-kept")
    others = house.issuer.reset(user_id, house.issuer.read_reset(await asked(house)).session)
    await house.settle("ben")
    swapped = house.issuer.reset(
        house.accounts.search("ben")[0].id, house.issuer.read_reset(await asked(house)).session
    )
    assert (await house.people.recovering(others)).username == "anna"  # another signature under the same recovery

    for token in (signed.fresh.access, signed.fresh.refresh, forged, swapped, "", "\0", "x" * 10**6):
        with pytest.raises(NotFound, match="link_gone"):
            await house.people.recovering(token)
        with pytest.raises(NotFound, match="link_gone"):
            await house.people.finish_recovery(token, NEWER, THIEF)


async def test_a_link_to_an_old_address_is_no_good_after_the_address_changed() -> None:
    house = House()
    session = session_of(await house.settle())
    token = await asked(house)
    await house.people.change_email(session, "new@x.org", HOME)
    await house.people.confirm_email(house.link(), HOME)

    with pytest.raises(NotFound, match="link_gone"):
        await house.people.finish_recovery(token, NEWER, THIEF)


async def test_for_a_day_after_a_recovery_the_account_cannot_be_taken_away() -> None:
    house = House()
    await house.settle()
    await house.people.finish_recovery(await asked(house), NEWER, THIEF)
    session = session_of(await house.people.sign_in("anna", NEWER, THIEF))
    house.clock.seconds = 86_000
    await house.people.prove(session, NEWER, THIEF)
    proved = house.sessions.get(session.id)
    assert proved is not None

    for attempt in (house.people.change_email(proved, "thief@y.org", THIEF), house.people.delete(proved, THIEF)):
        with pytest.raises(NotAllowed, match="recently_recovered"):
            await attempt
    house.clock.seconds = 86_401
    await house.people.change_email(proved, "new@x.org", THIEF)
    assert house.last.kind == "email_change"


async def test_one_place_asks_for_five_links_a_day_and_nobody_can_tell() -> None:
    house = House()
    await house.settle()
    for _ in range(8):
        await house.people.recover("anna@x.org", THIEF)
    assert house.kinds().count("recover") == 5

    await house.people.recover("anna@x.org", HOME)  # Anna's own is not used up
    assert house.kinds().count("recover") == 6
    for number in range(12):
        await house.people.recover(f"name{number}@x.org", THIEF)
    with pytest.raises(TooMany):
        await house.people.recover("name@x.org", THIEF)


# -- recovery codes ------------------------------------------------------------------------------------


async def test_ten_codes_of_120_bits_are_shown_once_and_each_is_good_once() -> None:
    house = House()
    signed = await house.settle()
    session = session_of(signed)
    codes = await house.people.new_codes(session, HOME)
    assert len(set(codes)) == 10 and all(len(code.replace("-", "")) == 24 for code in codes)
    assert not any(code.replace("-", "") in repr(house.town.codes) for code in codes)

    typed = codes[3].lower().replace("-", " ").replace("o", "0")
    await house.people.use_recovery_code("anna@x.org", typed, NEWER, CAFE)

    assert not house.alive(signed)
    assert house.last.kind == "code_used"
    assert await house.people.codes_left(session) == 9
    assert house.kinds()[-2:] == ["codes_made", "code_used"]  # and nothing in them that could be used
    assert not any(code in mail.body for code in codes for mail in house.letters.mails)
    with pytest.raises(NotAllowed, match="code_wrong"):
        await house.people.use_recovery_code("anna", codes[3], PASSWORD, CAFE)
    again = session_of(await house.people.sign_in("anna", NEWER, HOME))
    with pytest.raises(NotAllowed, match="recently_recovered"):
        await house.people.delete(again, HOME)


async def test_who_has_just_recovered_makes_no_codes_and_sets_no_question() -> None:
    """Somebody who reads Anna's mail would keep a way in, or lock her out of the next link."""
    house = House(question=True)
    await house.settle()
    await house.people.recover("anna@x.org", THIEF)
    await house.people.finish_recovery(house.link(), NEWER, THIEF)
    theirs = session_of(await house.people.sign_in("anna", NEWER, THIEF))
    with pytest.raises(NotAllowed, match="recently_recovered"):
        await house.people.new_codes(theirs, THIEF)
    with pytest.raises(NotAllowed, match="recently_recovered"):
        await house.people.set_question(theirs, "Which boat was first?", ANSWER, THIEF)
    house.clock.seconds = 24 * 3_600 + 1
    again = session_of(await house.people.sign_in("anna", NEWER, HOME))
    assert len(await house.people.new_codes(again, HOME)) == 10


async def test_codes_want_a_proof_and_new_ones_end_the_old() -> None:
    house = House()
    session = session_of(await house.settle())
    old = await house.people.new_codes(session, HOME)
    await house.people.new_codes(session, HOME)
    with pytest.raises(NotAllowed, match="code_wrong"):
        await house.people.use_recovery_code("anna", old[0], NEWER, CAFE)

    house.clock.seconds = 601
    with pytest.raises(NotAllowed, match="prove_first"):
        await house.people.new_codes(session, HOME)


async def test_for_nobody_and_for_a_wrong_code_the_answer_and_the_work_are_the_same() -> None:
    house = House()
    session = session_of(await house.settle())
    codes = await house.people.new_codes(session, HOME)
    await house.settle("ben")
    seen = []
    for login, code in (("anna", "A" * 24), ("nobody", "A" * 24), ("ben", codes[0]), ("\0", "\ud800"), ("", "")):
        house.hasher.asked.clear()
        with pytest.raises(NotAllowed) as refused:
            await house.people.use_recovery_code(login, code, NEWER, THIEF)
        seen.append((refused.value.code, dict(house.hasher.asked)))

    assert seen == [("code_wrong", {"hash": 1})] * 5


async def test_codes_cannot_be_guessed_without_end_nor_used_twice_at_once() -> None:
    house = House()
    codes = await house.people.new_codes(session_of(await house.settle()), HOME)
    got = await asyncio.gather(
        *(house.people.use_recovery_code("anna", codes[0], NEWER, HOME) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in got) == 1

    told = []
    for number in range(12):
        with pytest.raises(ParleyError) as refused:
            await house.people.use_recovery_code("anna", f"{number}" * 16, NEWER, THIEF)
        told.append(refused.value.code)
    assert told == ["code_wrong"] * 10 + ["slow_down"] * 2


# -- the question --------------------------------------------------------------------------------------


async def locked() -> House:
    house = House(question=True)
    session = session_of(await house.settle())
    await house.people.set_question(session, "Which boat was first?", ANSWER, HOME)
    return house


async def test_the_question_is_a_second_lock_on_the_link_and_opens_nothing_alone() -> None:
    house = await locked()
    token = await asked(house)
    assert (await house.people.recovering(token)).question == "Which boat was first?"

    for wrong in ("", "another boat entirely", "\0", "\ud800"):
        with pytest.raises(NotAllowed, match="answer_wrong"):
            await house.people.finish_recovery(token, NEWER, THIEF, answer=wrong)
    with pytest.raises(NotFound, match="link_gone"):
        await house.people.finish_recovery("", NEWER, THIEF, answer=ANSWER)
    await house.people.finish_recovery(token, NEWER, HOME, answer="  THE Herring smack of  Aunt Ottilie ")

    await house.people.sign_in("anna", NEWER, HOME)
    assert ANSWER not in repr(house.town.questions)


async def test_answers_are_guessed_five_times_a_day_whatever_the_link_and_the_place() -> None:
    house = await locked()
    tokens, codes = [await asked(house) for _ in range(3)], []
    for number in range(7):
        token = tokens[number % 3]
        with pytest.raises(ParleyError) as refused:
            await house.people.finish_recovery(token, NEWER, Place("x", f"203.0.113.{number}"), answer="a guess")
        codes.append(refused.value.code)

    assert codes == ["answer_wrong"] * 5 + ["slow_down"] * 2


async def test_switched_off_there_is_no_question_and_none_is_asked() -> None:
    house = await locked()
    house.people = house.open()
    token = await asked(house)

    assert (await house.people.recovering(token)).question == ""
    await house.people.finish_recovery(token, NEWER, HOME)
    session = session_of(await house.people.sign_in("anna", NEWER, HOME))
    with pytest.raises(NotAllowed, match="question_off"):
        await house.people.set_question(session, "Which boat was first?", ANSWER, HOME)


@pytest.mark.parametrize(
    "answer", ["blue", "password", "12345678", "anna@x.org", "whichboatwasfirst", "\ud800" * 20, ""]
)
async def test_an_answer_that_others_would_guess_is_refused(answer: str) -> None:
    house = House(question=True)
    session = session_of(await house.settle())

    with pytest.raises(BadInput, match="answer_weak"):
        await house.people.set_question(session, "Which boat was first?", answer, HOME)


async def test_the_question_wants_a_proof_and_can_be_taken_away() -> None:
    house = await locked()
    session = session_of(await house.people.sign_in("anna", PASSWORD, HOME))
    with pytest.raises(BadInput, match="question_bad"):
        await house.people.set_question(session, "Why?", ANSWER, HOME)
    told = len(house.letters.mails)
    await house.people.set_question(session, "", "", HOME)
    assert house.last.kind == "question_set" and len(house.letters.mails) == told + 1
    assert house.keys.question(session.user_id) is None

    house.clock.seconds = 601
    with pytest.raises(NotAllowed, match="prove_first"):
        await house.people.set_question(session, "Which boat was first?", ANSWER, HOME)
