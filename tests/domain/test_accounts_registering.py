"""Stories of people who want an account, and of those who want to know who has one."""

import asyncio

import msgspec
import pytest

from domain.accounts import Place, Wish
from domain.errors import BadInput, Conflict, NotAllowed, NotFound, ParleyError, TooMany
from tests.domain.people_house import CAFE, HOME, PASSWORD, THIEF, House, knowing, session_of

pytestmark = pytest.mark.anyio
DAY_S = 86_400


async def test_a_guest_who_has_talked_registers_and_keeps_the_chats() -> None:
    house = House()
    chat = house.town.chats.create("guest-1", "socrates", "en", "Hello", house.clock.now())

    await house.people.register(Wish("Anna", "Anna@x.org", PASSWORD, "+44 20 7946 0958", "zh"), "guest-1", HOME)
    assert house.last.to == "Anna@x.org" and house.last.subject == "请确认您的 Parley 邮箱"
    assert house.accounts.by_login("anna") is None
    waiting = await house.people.waiting(house.link(), "guest-1")
    assert (waiting.username, waiting.needs_password) == ("Anna", False)

    signed = await house.people.confirm(house.link(), "guest-1", HOME)

    user = signed.fresh.signed.user
    assert (user.username, user.email, user.phone, user.role) == ("Anna", "Anna@x.org", "+442079460958", "user")
    assert house.town.chats.get(user.id, chat.id).title == "Hello"
    assert house.issuer.read_access(signed.fresh.access).subject == user.id
    assert house.issuer.read_refresh(signed.fresh.refresh).id == session_of(signed).refresh
    assert house.kinds() == ["confirm"]  # of the first sign-in one need not be told
    assert house.actions() == ["registered", "confirmed", "signed_in"]


async def test_for_known_and_unknown_addresses_registering_is_one_and_the_same() -> None:
    house = House()
    await house.settle()
    work = []
    for email in ("anna@x.org", "ANNA@x.org", "ben@x.org"):
        house.hasher.asked.clear()
        before = len(house.letters.mails), len(house.diary.events)
        answer = await house.people.register(Wish("carla", email, PASSWORD), "guest-9", CAFE)
        after = len(house.letters.mails), len(house.diary.events)
        work.append((answer, dict(house.hasher.asked), after[0] - before[0], after[1] - before[1]))

    assert work[0] == work[1] == work[2] == (None, {"hash": 1}, 1, 1)
    assert house.kinds() == ["confirm", "exists", "exists", "confirm"]
    told = house.letters.mails[1]
    assert told.to == "anna@x.org" and "carla" not in told.body  # nothing of what a stranger typed


async def test_a_taken_user_name_shows_only_to_who_follows_the_link_and_another_can_be_chosen() -> None:
    house = House()
    await house.settle("anna")
    await house.people.register(Wish("ANNA", "other@x.org", PASSWORD), "guest-2", CAFE)
    token = house.link()

    with pytest.raises(Conflict, match="username_taken"):
        await house.people.confirm(token, "guest-2", CAFE)
    with pytest.raises(BadInput, match="username_length"):
        await house.people.confirm(token, "guest-2", CAFE, username="x")
    signed = await house.people.confirm(token, "guest-2", CAFE, username="annabel")

    assert signed.fresh.signed.user.username == "annabel"


async def test_a_taken_number_can_be_left_out() -> None:
    house = House()
    await house.settle("anna", phone="+15550100200")
    await house.people.register(Wish("ben", "ben@x.org", PASSWORD, "+1 555 010 0200"), "guest-2", CAFE)

    with pytest.raises(Conflict, match="phone_taken"):
        await house.people.confirm(house.link(), "guest-2", CAFE)
    signed = await house.people.confirm(house.link(), "guest-2", CAFE, phone="")

    assert signed.fresh.signed.user.phone is None


async def test_who_registers_with_anothers_address_gets_no_account_when_the_other_follows_the_link() -> None:
    """The thief chose the password; the owner of the mailbox knows none."""
    house = House()
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "thiefs-guest", THIEF)
    token = house.link()

    for guest in ("annas-guest", ""):
        assert (await house.people.waiting(token, guest)).needs_password
        with pytest.raises(NotAllowed, match="confirm_password"):
            await house.people.confirm(token, guest, HOME)
        with pytest.raises(NotAllowed, match="password_wrong"):
            await house.people.confirm(token, guest, HOME, password="her own password, of course")

    assert house.accounts.search("") == []


async def test_a_link_opened_on_the_phone_wants_the_password_that_was_chosen() -> None:
    house = House()
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", HOME)

    signed = await house.people.confirm(house.link(), "guest-on-the-phone", CAFE, password=PASSWORD)

    assert signed.fresh.signed.user.username == "anna"


async def test_the_password_of_a_link_cannot_be_guessed_at_length() -> None:
    house = House()
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", HOME)
    token, codes = house.link(), []
    for number in range(12):
        with pytest.raises(ParleyError) as refused:
            await house.people.confirm(token, "", Place("curl", f"203.0.113.{number}"), password=f"guess {number}")
        codes.append(refused.value.code)

    assert codes == ["password_wrong"] * 10 + ["slow_down"] * 2


async def test_a_link_is_good_once_and_for_a_day() -> None:
    house = House()
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", HOME)
    second = house.link()

    for gone in ("", "\0", "\ud800", "x" * 9_000):
        with pytest.raises(NotFound, match="link_gone"):
            await house.people.confirm(gone, "guest-1", HOME)
    house.clock.seconds = DAY_S
    with pytest.raises(NotFound, match="link_gone"):
        await house.people.confirm(second, "guest-1", HOME)
    house.clock.seconds -= 1
    await house.people.confirm(second, "guest-1", HOME)
    with pytest.raises(NotFound, match="link_gone"):
        await house.people.confirm(second, "guest-1", HOME)


async def test_a_link_clicked_twice_at_once_makes_one_account() -> None:
    house = House()
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", HOME)
    token = house.link()

    got = await asyncio.gather(
        *(house.people.confirm(token, "guest-1", HOME, username=name) for name in ("anna", "anna-b", "anna-c")),
        return_exceptions=True,
    )

    assert sum(not isinstance(answer, BaseException) for answer in got) == 1
    assert len(house.accounts.search("")) == 1


async def test_only_hashes_of_links_are_kept() -> None:
    house = House()
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", HOME)

    assert house.link() not in repr(house.town.pendings)
    assert PASSWORD not in repr(house.town.pendings) + repr(house.diary.events) + repr(house.letters.mails)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("username", "x", "username_length"), ("username", "anna lee", "username_bad"),
        ("username", "admin", "username_reserved"), ("username", "\ud800nna", "username_bad"),
        ("email", "anna", "email_bad"), ("email", "a@x.org\r\nBcc: b@x.org", "email_bad"),
        ("phone", "12345", "phone_bad"),
        ("password", "short", "password_short"), ("password", "p" * 2_000_000, "password_long"),
        ("password", "anna anna anna 1987", "password_own_words"),
        ("password", "a tin whistle \ud800 noon", "text_unreadable"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_refused_beside_its_field(field: str, value: str, code: str) -> None:
    house = House()
    wish = msgspec.structs.replace(Wish("anna", "anna@x.org", PASSWORD), **{field: value})

    with pytest.raises(BadInput, match=code) as refused:
        await house.people.register(wish, "guest-1", HOME)

    assert refused.value.detail["field"] == field
    assert house.letters.mails == []


async def test_one_address_of_the_network_cannot_register_without_end() -> None:
    house = House()
    for number in range(10):
        await house.people.register(Wish(f"anna{number}", f"anna{number}@x.org", PASSWORD), "guest-1", THIEF)

    with pytest.raises(TooMany, match="slow_down"):
        await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", THIEF)
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", HOME)


async def test_nobodys_mailbox_is_filled_and_that_it_is_full_cannot_be_seen() -> None:
    house = House()
    await house.settle()
    for _ in range(9):
        await house.people.register(Wish("ben", "anna@x.org", PASSWORD), "guest-1", THIEF)

    assert house.kinds().count("exists") == 5


async def test_a_browser_is_known_after_confirming() -> None:
    house = House()
    signed = await house.settle()
    await house.people.sign_in("anna", PASSWORD, knowing(HOME, signed))

    assert "new_sign_in" not in house.kinds()


async def test_who_registers_anothers_address_voids_no_link_and_the_first_confirmed_gets_it() -> None:
    house = House()
    await house.people.register(Wish("anna", "anna@x.org", PASSWORD), "guest-1", HOME)
    hers = house.link()
    await house.people.register(Wish("mallory", "ANNA@x.org", "seven herons by the lock"), "thiefs-guest", THIEF)
    his = house.link()

    assert (await house.people.confirm(hers, "guest-1", HOME)).fresh.signed.user.username == "anna"
    with pytest.raises(Conflict, match="email_taken"):
        await house.people.confirm(his, "thiefs-guest", THIEF)
