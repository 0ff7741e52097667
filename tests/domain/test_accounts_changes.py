"""Stories of changing an account, taking everything along, leaving, and coming back."""

import asyncio
import json
from datetime import timedelta

import pytest

from domain.chat import Receipt, Reply
from domain.desk import hashed
from domain.errors import BadInput, Conflict, NotAllowed, NotFound, TooMany, Unavailable
from domain.people import Passkey
from tests.domain.people_house import CAFE, HOME, NEWER, PASSWORD, THIEF, House, Silence, session_of

pytestmark = pytest.mark.anyio
DAY_S = 86_400


async def test_a_new_password_ends_every_session_but_gives_a_new_one_here() -> None:
    house = House()
    first = await house.settle()
    second = await house.people.sign_in("anna", PASSWORD, CAFE)
    house.clock.seconds = 5_000  # a proof is not asked for: the old password is one

    third = await house.people.change_password(session_of(first), PASSWORD, NEWER, HOME)

    assert (house.alive(first), house.alive(second), house.alive(third)) == (False, False, True)
    assert third.fresh.signed.user.password_at <= session_of(third).created_at
    assert house.last.kind == "changed"
    with pytest.raises(NotAllowed, match="sign_in_failed"):
        await house.people.sign_in("anna", PASSWORD, CAFE)


async def test_the_password_changes_only_with_the_old_one_and_to_a_good_one() -> None:
    house = House()
    signed = await house.settle()

    with pytest.raises(NotAllowed, match="password_wrong"):
        await house.people.change_password(session_of(signed), NEWER, NEWER, HOME)
    with pytest.raises(BadInput, match="password_short"):
        await house.people.change_password(session_of(signed), PASSWORD, "short", HOME)
    assert house.alive(signed)


async def test_an_address_changes_when_the_new_one_answers_and_the_old_one_is_told() -> None:
    house = House()
    session = session_of(await house.settle())
    await house.people.change_email(session, "New@y.org", HOME)
    assert (house.last.kind, house.last.to) == ("email_change", "New@y.org")
    assert house.accounts.by_login("new@y.org") is None
    token = house.link()

    user = await house.people.confirm_email(token, HOME)

    assert user.email == "New@y.org"
    assert (house.last.kind, house.last.to) == ("email_changed", "anna@x.org")
    assert house.accounts.by_login("anna@x.org") is None
    for gone in (token, "", "\0", "x" * 9_000):
        with pytest.raises(NotFound, match="link_gone"):
            await house.people.confirm_email(gone, HOME)


async def test_wanting_an_address_that_another_has_looks_the_same() -> None:
    house = House()
    session = session_of(await house.settle())
    await house.settle("ben")

    await house.people.change_email(session, "ben@x.org", HOME)

    assert (house.last.kind, house.last.to) == ("exists", "ben@x.org")
    assert house.accounts.get(session.user_id).email == "anna@x.org"


async def test_of_two_who_want_one_new_address_the_faster_gets_it() -> None:
    house = House()
    tokens = []
    for name in ("anna", "ben"):
        session = session_of(await house.settle(name))
        await house.people.change_email(session, "wanted@x.org", HOME)
        tokens.append(house.link())

    got = await asyncio.gather(*(house.people.confirm_email(t, HOME) for t in tokens), return_exceptions=True)

    assert sum(isinstance(answer, Conflict) for answer in got) == 1


async def test_a_link_to_a_new_address_dies_with_a_recovery() -> None:
    """A thief in the session asks for another address; Anna sets a new password before the link is followed."""
    house = House()
    session = session_of(await house.settle())
    await house.people.change_email(session, "thief@y.org", THIEF)
    thiefs = house.link()
    await house.people.recover("anna@x.org", HOME)
    await house.people.finish_recovery(house.link(), NEWER, HOME)

    with pytest.raises(NotFound, match="link_gone"):
        await house.people.confirm_email(thiefs, THIEF)
    assert house.accounts.get(session.user_id).email == "anna@x.org"


async def test_a_link_to_a_new_address_that_was_asked_for_in_the_moment_of_a_recovery_waits_too() -> None:
    house = House()
    session = session_of(await house.settle())
    await house.people.change_email(session, "thief@y.org", THIEF)
    token, day = house.link(), house.clock.now() + timedelta(days=1)
    house.tokens.put(hashed("hold", session.user_id), "hold", session.user_id, "", day)

    with pytest.raises(NotAllowed, match="recently_recovered"):
        await house.people.confirm_email(token, THIEF)
    assert house.accounts.get(session.user_id).email == "anna@x.org"


async def test_sensitive_changes_want_a_recent_proof() -> None:
    house = House()
    session = session_of(await house.settle())
    house.clock.seconds = 601

    for change in (
        house.people.change_email(session, "new@x.org", HOME),
        house.people.set_phone(session, "+15550100200", HOME),
        house.people.delete(session, HOME),
        house.people.export(session, house.town.chats, Silence(), HOME),
    ):
        with pytest.raises(NotAllowed, match="prove_first"):
            await change
    assert house.accounts.get(session.user_id).deleted_at is None


async def test_numbers_are_set_once_in_the_world_and_taken_away() -> None:
    house = House()
    anna, ben = session_of(await house.settle("anna")), session_of(await house.settle("ben"))
    assert (await house.people.set_phone(anna, "+1 555 010 0200", HOME)).phone == "+15550100200"
    with pytest.raises(Conflict, match="phone_taken"):
        await house.people.set_phone(ben, "+15550100200", HOME)
    with pytest.raises(BadInput, match="phone_bad"):
        await house.people.set_phone(ben, "call me", HOME)
    assert house.last.kind == "phone_changed" and HOME.device in house.last.body
    told = len(house.letters.mails)
    await house.people.set_phone(anna, "+15550100200", HOME)
    assert len(house.letters.mails) == told  # nothing has changed
    assert (await house.people.set_phone(anna, " ", HOME)).phone is None
    assert len(house.letters.mails) == told + 1


async def test_leaving_ends_every_session_and_coming_back_within_the_week_undoes_it() -> None:
    house = House()
    signed = await house.settle()
    await house.people.delete(session_of(signed), HOME)
    assert not house.alive(signed)
    assert house.last.kind == "deleted"

    house.clock.seconds = 7 * DAY_S - 1
    assert await house.people.purge() == []
    again = await house.people.sign_in("anna", PASSWORD, HOME)

    assert again.restored and again.fresh.signed.user.deleted_at is None
    house.clock.seconds = 30 * DAY_S
    assert await house.people.purge() == []


async def test_whoever_asks_to_be_erased_while_signing_in_has_no_session_left_over() -> None:
    """The account is marked after the password was looked at, and before the session is there."""
    house = House()
    signed = await house.settle()
    known, first = house.accounts.get(signed.fresh.signed.user.id), len(house.town.sessions)
    house.accounts.delete(known.id, house.clock.now())
    with pytest.raises(NotAllowed, match="sign_in_failed"):
        await house.people.open_session(known, HOME, "password")
    assert len(house.town.sessions) == first + 1
    assert all(session.revoked_at is not None for session in house.town.sessions.values())
    assert house.accounts.get(known.id).deleted_at is not None


async def test_nobody_is_purged_whose_other_things_were_not_erased_first() -> None:
    """Ben's week is over while Anna's things are erased: his turn is tomorrow, with his things."""
    house = House()
    anna, ben = await house.settle("anna"), await house.settle("ben")
    ids = [each.fresh.signed.user.id for each in (anna, ben)]
    await house.people.delete(session_of(anna), HOME)
    house.clock.seconds += 60
    await house.people.delete(session_of(ben), HOME)
    house.clock.seconds += 7 * DAY_S - 30
    erased: list[str] = []

    def slowly(user_id: str) -> None:
        erased.append(user_id)
        assert house.accounts.get(user_id).deleted_at is not None  # a crash here leaves who is to be erased tomorrow
        house.clock.seconds += 60

    assert await house.people.purge(slowly) == ids[:1] == erased
    assert await house.people.purge(slowly) == ids[1:] == erased[1:]


async def test_what_cannot_be_erased_elsewhere_keeps_its_account_until_it_can() -> None:
    house = House()
    user_id = (signed := await house.settle()).fresh.signed.user.id
    await house.people.delete(session_of(signed), HOME)
    house.clock.seconds += 8 * DAY_S

    def away(_: str) -> None:
        raise Unavailable("store_unavailable")

    with pytest.raises(Unavailable):
        await house.people.purge(away)
    assert house.accounts.get(user_id).deleted_at is not None
    assert "erased" not in house.actions()
    assert await house.people.purge() == [user_id]


async def test_after_a_week_nothing_is_left_and_nobody_signs_in() -> None:
    house = House()
    signed = await house.settle()
    user = signed.fresh.signed.user
    house.town.chats.create(user.id, "socrates", "en", "secret marker", house.clock.now())
    await house.people.new_codes(session_of(signed), HOME)
    await house.people.delete(session_of(signed), HOME)
    house.clock.seconds = 7 * DAY_S

    with pytest.raises(NotAllowed, match="sign_in_failed"):  # also before the purge has run
        await house.people.sign_in("anna", PASSWORD, HOME)
    with pytest.raises(NotAllowed, match="sign_in_failed"):
        await house.people.open_session(house.accounts.get(user.id), HOME, "passkey")
    sent = len(house.letters.mails)
    await house.people.recover("anna@x.org", HOME)
    assert len(house.letters.mails) == sent
    house.clock.seconds += 1
    assert await house.people.purge() == [user.id]

    kept = repr([vars(house.town)[name] for name in vars(house.town) if name not in ("chats", "lock")])
    assert user.id not in kept and "anna" not in kept
    assert house.town.chats.recent(user.id) == []
    assert house.actions()[-1] == "erased"


async def test_all_that_is_kept_can_be_taken_along_and_no_secret_is_in_it() -> None:
    house = House()
    signed = await house.settle(phone="+15550100200")
    session, chats = session_of(signed), house.town.chats
    made = [chats.create(session.user_id, "socrates", "en", f"Talk {n}", house.clock.now()) for n in range(3)]
    for n, chat in enumerate(made):
        house.clock.seconds += 1
        chats.heard(session.user_id, chat.id, f"turn-{n}", f"key-{n:05}", "What I said.", house.clock.now())
    chats.create("somebody-else", "socrates", "en", "not mine", house.clock.now())
    house.keys.add_passkey(
        Passkey(
            id="k", user_id=session.user_id, public_key=b"pub", sign_count=0, name="Phone", created_at=house.clock.now()
        )
    )
    codes = await house.people.new_codes(session, HOME)

    files = dict(await house.people.export(session, chats, Silence(), HOME))

    assert house.last.kind == "exported" and HOME.device in house.last.body
    account = json.loads(files["account.json"])
    assert (account["username"], account["phone"], account["recovery_codes_left"]) == ("anna", "+15550100200", 10)
    assert account["passkeys"][0]["name"] == "Phone"
    assert {name for name in files if name.startswith("chats/")} == {f"chats/{chat.id}.json" for chat in made}
    assert json.loads(files[f"chats/{made[0].id}.json"])["messages"][0]["text"] == "What I said."
    assert json.loads(files["sessions.json"])[0]["device"] == HOME.device
    assert "signed_in" in files["events.json"].decode()
    assert json.loads(files[f"chats/{made[0].id}.json"])["audio"] == {}
    whole = b"".join(files.values()).decode()
    secrets = (
        session.refresh,
        house.accounts.credentials(session.user_id).password_hash,
        codes[0],
        "argon2",
        "not mine",
    )
    assert not any(secret in whole for secret in secrets)


async def test_what_others_did_to_an_account_is_taken_along_too_but_not_which_admin_it_was() -> None:
    house = House()
    anna, admin = session_of(await house.settle()), session_of(await house.settle("carl"))
    house.accounts.set_role(admin.user_id, "admin")
    with pytest.raises(NotAllowed, match="sign_in_failed"):
        await house.people.sign_in("anna", "not the password", THIEF)
    await house.people.set_role(admin, anna.user_id, "member", THIEF)
    files = dict(await house.people.export(anna, house.town.chats, Silence(), HOME))
    told = {event["action"]: event for event in json.loads(files["events.json"])}
    assert (told["sign_in_failed"]["actor"], told["sign_in_failed"]["address"]) == ("system", THIEF.about)
    assert (told["role_changed"]["actor"], told["role_changed"]["address"]) == ("admin", "")
    assert admin.user_id not in files["events.json"].decode()


async def test_a_chat_names_the_sounds_that_are_kept_of_it_and_each_is_in_there_once() -> None:
    house = House()
    session, chats = session_of(await house.settle()), house.town.chats
    made = [chats.create(session.user_id, "socrates", "en", "", house.clock.now()) for _ in range(3)]
    for chat in made:
        chats.heard(session.user_id, chat.id, "turn", "key-00001", "Well?", house.clock.now())
        chats.said(session.user_id, chat.id, "turn", Reply("I know nothing.", False, (), Receipt()), house.clock.now())
    sounds = Silence({"Welcome.": bytes(480), "I know nothing.": bytes(960)})

    names: list[str] = []
    for name, body in await house.people.export(session, chats, sounds, HOME):
        names.append(name)
        if name.startswith("chats/"):
            told = json.loads(body)
            [_, line] = told["messages"]
            assert told["audio"] == {"greeting": "audio/welcome.wav", line["id"]: "audio/iknownothing.wav"}
        elif name.startswith("audio/"):
            assert body[:4] == b"RIFF" and len(body) > 480
    sounding = sorted(name for name in names if name.startswith("audio/"))
    assert sounding == ["audio/iknownothing.wav", "audio/welcome.wav"]
    assert names.index("audio/welcome.wav") < names.index(next(name for name in names if name.startswith("chats/")))


async def test_files_are_made_one_after_the_other_and_a_chat_that_goes_meanwhile_is_left_out() -> None:
    house = House()
    session, chats = session_of(await house.settle()), house.town.chats
    made = [chats.create(session.user_id, "socrates", "en", "", house.clock.now()) for _ in range(3)]
    files = await house.people.export(session, chats, Silence(), HOME)
    for _ in range(3):
        next(files)  # account, sessions, events
    for chat in made[1:]:
        chats.delete(session.user_id, chat.id, house.clock.now())
    assert [name for name, _ in files] == [f"chats/{made[0].id}.json"]


async def test_taking_everything_along_is_done_a_few_times_a_day() -> None:
    house = House()
    session = session_of(await house.settle())
    for _ in range(5):
        await house.people.export(session, house.town.chats, Silence(), HOME)
    with pytest.raises(TooMany):
        await house.people.export(session, house.town.chats, Silence(), HOME)


async def test_admins_change_others_and_not_themselves_and_nobody_else_does() -> None:
    house = House()
    anna, ben = await house.settle("anna"), await house.settle("ben")
    chief, bens = session_of(anna), session_of(ben)
    house.accounts.set_role(chief.user_id, "admin")

    for attempt in (
        house.people.set_role(bens, chief.user_id, "user", HOME),
        house.people.suspend(bens, chief.user_id, HOME),
        house.people.search(bens, "", HOME),
    ):
        with pytest.raises(NotAllowed, match="admins_only"):
            await attempt
    with pytest.raises(NotAllowed, match="not_yourself"):
        await house.people.set_role(chief, chief.user_id, "user", HOME)
    with pytest.raises(BadInput, match="form_bad"):
        await house.people.set_role(chief, bens.user_id, "guest", HOME)
    assert [user.username for user in await house.people.search(chief, "be", HOME)] == ["ben"]
    assert (await house.people.set_role(chief, bens.user_id, "member", HOME)).role == "member"
    assert house.diary.events[-1].detail == {"from": "user", "to": "member"}
    await house.people.suspend(chief, bens.user_id, HOME)
    assert not house.alive(ben)
    await house.people.suspend(chief, bens.user_id, HOME, on=False)
    await house.people.sign_in("ben", PASSWORD, HOME)

    house.clock.seconds = 601
    with pytest.raises(NotAllowed, match="prove_first"):
        await house.people.set_role(chief, bens.user_id, "admin", HOME)
