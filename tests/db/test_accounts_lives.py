"""One whole life of an account through the use cases, on the stores of each database."""

import asyncio
from datetime import timedelta

import pytest

from domain.accounts import Wish
from domain.errors import NotAllowed, NotFound, ParleyError
from tests.db.conftest import Stores
from tests.domain.people_house import CAFE, HOME, NEWER, PASSWORD, House, Silence, session_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(stores: Stores) -> House:
    """A house whose stores are real."""
    house = House()
    house.accounts, house.sessions = stores.accounts, stores.sessions  # type: ignore[assignment]
    house.tokens, house.keys = stores.tokens, stores.keys  # type: ignore[assignment]
    house.people = house.open(question=True)
    return house


async def test_an_account_is_made_used_lost_found_and_left(house: House, stores: Stores) -> None:
    people = house.people
    chat = stores.chats.create("guest-anna", "socrates", "zh", "你好", house.clock.now())
    first = await house.settle("anna", phone="+8613800138000", language="zh")
    user = first.fresh.signed.user
    assert stores.chats.get(user.id, chat.id).title == "你好"
    again = await people.sign_in("+86 138 0013 8000", PASSWORD, CAFE)
    assert len(await people.sessions(session_of(again))) == 2

    codes = await people.new_codes(session_of(first), HOME)
    await people.set_question(session_of(first), "第一艘船叫什么名字呢？", "the herring smack of aunt Ottilie", HOME)
    await people.recover("ANNA@x.org", CAFE)
    house.clock.seconds += 1
    await people.finish_recovery(house.link(), NEWER, CAFE, answer="The herring smack of aunt Ottilie")
    assert not house.alive(first) and not house.alive(again)
    third = await people.sign_in("Anna", NEWER, HOME)
    with pytest.raises(NotAllowed, match="recently_recovered"):
        await people.delete(session_of(third), HOME)

    house.clock.seconds += 1
    await people.use_recovery_code("anna", codes[0], PASSWORD, CAFE)
    house.clock.seconds += 90_000
    fourth = await people.sign_in("anna", PASSWORD, HOME)
    await people.change_email(session_of(fourth), "new@y.org", HOME)
    assert (await people.confirm_email(house.link(), HOME)).email == "new@y.org"
    house.clock.seconds += 1
    fifth = await people.change_password(session_of(fourth), PASSWORD, NEWER, HOME)
    assert not house.alive(fourth) and house.alive(fifth)
    assert "account.json" in dict(await people.export(session_of(fifth), stores.chats, Silence(), HOME))

    await people.delete(session_of(fifth), HOME)
    sixth = await people.sign_in("new@y.org", NEWER, HOME)
    assert sixth.restored
    await people.delete(session_of(sixth), HOME)
    house.clock.seconds += timedelta(days=7, seconds=1).total_seconds()
    assert await people.purge() == [user.id]
    with pytest.raises(NotFound, match="chat_gone"):
        stores.chats.get(user.id, chat.id)


async def test_hostile_words_are_refused_and_break_nothing(house: House) -> None:
    signed = await house.settle()
    session, people = session_of(signed), house.people
    hostile = ("\0", "\ud800", "x" * 1_000_000, "' or 1=1 --", "{{7*7}}", "\u202eanna", "a\r\nBcc: b@x.org", "")
    codes: set[str] = set()
    for text in hostile:
        for attempt in (
            people.register(Wish(text, text, text, text), text, HOME),
            people.register(Wish("benedict", "ben@x.org", PASSWORD), text[:64], HOME),
            people.confirm(text, text, HOME, text, text, text),
            people.sign_in(text, text, HOME),
            people.recover(text, HOME),
            people.finish_recovery(text, text, HOME, text),
            people.use_recovery_code(text, text, NEWER, HOME),
            people.change_password(session, text, text, HOME),
            people.change_email(session, text, HOME),
            people.confirm_email(text, HOME),
            people.set_phone(session, text, HOME),
            people.set_question(session, text, text, HOME),
            people.end_session(session, text, HOME),
        ):
            try:
                await attempt
            except ParleyError as refused:
                codes.add(refused.code)
    assert house.alive(signed)
    assert not codes & {"store_unavailable", "broken", "slow_down"}


async def test_everything_at_once_leaves_one_password_and_no_session_of_another(house: House) -> None:
    """Recovery, a changed password and sign-ins race; whatever won, what was opened with the other is over."""
    signed = await house.settle()
    await house.people.recover("anna@x.org", CAFE)
    token = house.link()
    house.clock.seconds += 1

    await asyncio.gather(
        house.people.finish_recovery(token, NEWER, CAFE),
        house.people.sign_in("anna", PASSWORD, HOME),
        house.people.sign_in("anna", NEWER, HOME),
        house.people.change_password(session_of(signed), PASSWORD, "a third one, of owls", HOME),
        return_exceptions=True,
    )

    fits = []
    for password in (PASSWORD, NEWER, "a third one, of owls"):
        house.limits.counts.clear()
        try:
            await house.people.sign_in("anna", password, HOME)
            fits.append(password)
        except NotAllowed:
            pass
    assert len(fits) == 1 and fits[0] != PASSWORD
