"""What every store of accounts promises: the fake of other tests, SQLite, MariaDB and PostgreSQL alike."""

import random
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import msgspec
import pytest

from domain.errors import BadInput, Conflict, NotFound, ParleyError
from domain.people import Passkey, Pending, Session, User
from tests.db.conftest import Stores

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"


def pending(token: str, username: str = "anna", email: str = "", **fields: Any) -> Pending:
    usual: dict[str, Any] = {
        "phone": None, "password_hash": HASH, "language": "en", "guest": "guest-1", "expires_at": NOON + DAY,
    }  # fmt: skip
    return Pending(
        **{**usual, "token_hash": token, "username": username, "email": email or f"{username}@x.org", **fields}
    )


def user(name: str = "anna", **fields: Any) -> User:
    usual: dict[str, Any] = {"id": f"id-{name}", "email": f"{name}@x.org", "created_at": NOON, "password_at": NOON}
    return User(**{**usual, "username": name, **fields})


def settle(stores: Stores, name: str = "anna", **fields: Any) -> User:
    """Make an account."""
    person = user(name, **fields)
    token = secrets.token_hex(16)
    stores.accounts.pend(pending(token, person.username, person.email, guest=f"nobody-{name}"))
    return stores.accounts.confirm(token, person, NOON)


def session(owner: str, name: str, **fields: Any) -> Session:
    usual: dict[str, Any] = {
        "device": "Chromium on Linux", "address": "192.0.2.0/24", "created_at": NOON, "seen_at": NOON,
        "proved_at": NOON, "expires_at": NOON + 30 * DAY, "refresh": "r1", "before": "", "rotated_at": NOON,
    }  # fmt: skip
    return Session(**{**usual, "id": name, "user_id": owner, **fields})


def outcomes(*works: Callable[[], Any]) -> list[Any]:
    """Do all at once; an error of the domain is an outcome too."""

    def attempt(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except ParleyError as error:
            return error.code

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(attempt, works))


def test_an_account_comes_back_as_it_was_confirmed(stores: Stores) -> None:
    beijing = timezone(timedelta(hours=8))
    person = user("Жанна", phone="+8613800138000", language="zh", created_at=NOON.astimezone(beijing), id="id-1")
    person = msgspec.structs.replace(person, email="Zhanna@X.org")
    stores.accounts.pend(pending("t1", "Жанна", "Zhanna@X.org"))

    assert stores.accounts.pending("t1", NOON) == pending("t1", "Жанна", "Zhanna@X.org")
    assert stores.accounts.confirm("t1", person, NOON) == person
    assert stores.accounts.get("id-1") == person
    assert stores.accounts.credentials("id-1").password_hash == HASH
    for login in ("Жанна", "жАННА", "zhanna@x.ORG", "+86 138 0013 8000"):
        found = stores.accounts.by_login(login)
        assert found is not None and found.user == person
    for nobody in ("", "\0", "\ud800", "x" * 9_000, "zhanna", "zhanna@x.com", "+861380013800", "%", "' or 1=1 --"):
        assert stores.accounts.by_login(nobody) is None


def test_a_link_confirms_once_and_only_while_it_is_good(stores: Stores) -> None:
    stores.accounts.pend(pending("t1", expires_at=NOON))
    for token in ("t1", "t2", "", "\0", "x" * 9_000):
        assert stores.accounts.pending(token, NOON) is None
        with pytest.raises(NotFound, match="link_gone"):
            stores.accounts.confirm(token, user(), NOON)

    stores.accounts.pend(pending("t3"))
    stores.accounts.confirm("t3", user(), NOON)
    with pytest.raises(NotFound, match="link_gone"):
        stores.accounts.confirm("t3", user("ben"), NOON)


def test_registering_an_address_again_voids_nobodys_link_and_the_first_confirmed_gets_it(stores: Stores) -> None:
    stores.accounts.pend(pending("t1", "anna", "Anna@x.org"))
    stores.accounts.pend(pending("t2", "annie", "anna@X.org"))
    stores.accounts.pend(pending("t3", "ben"))

    assert all(stores.accounts.pending(token, NOON) is not None for token in ("t1", "t2", "t3"))
    assert stores.accounts.confirm("t1", user("anna", email="Anna@x.org"), NOON).username == "anna"
    with pytest.raises(Conflict, match="email_taken"):
        stores.accounts.confirm("t2", user("annie", email="anna@X.org"), NOON)


def test_what_is_taken_shows_at_confirmation_and_the_link_stays_good(stores: Stores) -> None:
    settle(stores, "anna", phone="+15550100200")
    stores.accounts.pend(pending("t1", "ANNA", "other@x.org"))

    with pytest.raises(Conflict, match="username_taken"):
        stores.accounts.confirm("t1", user("ANNA", email="other@x.org", id="id-2"), NOON)
    with pytest.raises(Conflict, match="phone_taken"):
        stores.accounts.confirm("t1", user("ben", email="other@x.org", phone="+15550100200"), NOON)
    with pytest.raises(Conflict, match="email_taken"):
        stores.accounts.confirm("t1", user("ben", email="ANNA@x.org"), NOON)
    assert stores.accounts.confirm("t1", user("ben", email="other@x.org"), NOON).username == "ben"


def test_of_two_who_confirm_one_name_at_once_one_gets_it(stores: Stores) -> None:
    for round_ in range(6):
        name = f"name{round_}"
        people = [user(name, id=f"id-{round_}-{n}", email=f"{name}-{n}@x.org") for n in range(4)]
        for n, person in enumerate(people):
            stores.accounts.pend(pending(f"t{round_}-{n}", name, person.email))

        works = [partial(stores.accounts.confirm, f"t{round_}-{n}", person, NOON) for n, person in enumerate(people)]
        got = outcomes(*works)

        assert got.count("username_taken") == 3
        winner = stores.accounts.by_login(name)
        assert winner is not None and winner.user in got


def test_one_link_clicked_twice_at_once_makes_one_account(stores: Stores) -> None:
    stores.accounts.pend(pending("t1"))
    people = [user(f"anna{n}", email="anna@x.org") for n in range(4)]

    got = outcomes(*(partial(stores.accounts.confirm, "t1", person, NOON) for person in people))

    made = [answer for answer in got if isinstance(answer, User)]
    assert len(made) == 1 and made[0] in people
    assert set(got) - set(made) <= {"link_gone", "email_taken"}
    assert len(stores.accounts.search("")) == 1


def test_registering_one_address_many_times_at_once_keeps_every_link(stores: Stores) -> None:
    works = [partial(stores.accounts.pend, pending(f"t{n}", f"anna{n}", "a@x.org")) for n in range(6)]

    assert outcomes(*works) == [None] * 6
    assert sum(stores.accounts.pending(f"t{n}", NOON) is not None for n in range(6)) == 6


def test_of_many_links_for_one_address_confirmed_at_once_one_makes_the_account(stores: Stores) -> None:
    for n in range(6):
        stores.accounts.pend(pending(f"t{n}", f"anna{n}", "a@x.org"))
    works = [partial(stores.accounts.confirm, f"t{n}", user(f"anna{n}", email="a@x.org"), NOON) for n in range(6)]
    got = outcomes(*works)
    assert sorted("made" if isinstance(each, User) else str(each) for each in got) == ["email_taken"] * 5 + ["made"]


def test_the_guests_chats_become_the_accounts_with_the_confirmation_or_not_at_all(stores: Stores) -> None:
    kept = stores.chats.create("guest-1", "socrates", "en", "Hello", NOON)
    put_away = stores.chats.create("guest-1", "socrates", "en", "", NOON)
    stores.chats.delete("guest-1", put_away.id, NOON)
    others = stores.chats.create("guest-2", "socrates", "en", "", NOON)
    settle(stores, "ben")
    stores.accounts.pend(pending("t1", guest="guest-1"))

    with pytest.raises(Conflict):
        stores.accounts.confirm("t1", user("ben", id="id-x", email="anna@x.org"), NOON)
    assert stores.chats.get("guest-1", kept.id) == kept

    stores.accounts.confirm("t1", user(), NOON)
    assert stores.chats.get("id-anna", kept.id).title == "Hello"
    assert stores.chats.restore("id-anna", put_away.id).id == put_away.id
    assert stores.chats.recent("guest-1") == []
    assert stores.chats.get("guest-2", others.id) == others


def test_who_registers_while_signed_in_takes_no_chats_from_the_other_account(stores: Stores) -> None:
    anna = settle(stores)
    hers = stores.chats.create(anna.id, "socrates", "en", "", NOON)
    stores.accounts.pend(pending("t1", "ben", guest=anna.id))

    stores.accounts.confirm("t1", user("ben"), NOON)

    assert stores.chats.get(anna.id, hers.id) == hers
    assert stores.chats.recent("id-ben") == []


def test_of_two_accounts_of_one_guest_one_gets_all_the_chats(stores: Stores) -> None:
    for n in range(8):
        stores.chats.create("guest-1", "socrates", "en", f"{n}", NOON)
    stores.accounts.pend(pending("t1", "anna"))
    stores.accounts.pend(pending("t2", "ben"))

    got = outcomes(
        partial(stores.accounts.confirm, "t1", user("anna"), NOON),
        partial(stores.accounts.confirm, "t2", user("ben"), NOON),
    )

    assert got == [user("anna"), user("ben")]
    owned = [len(stores.chats.recent(owner)) for owner in ("id-anna", "id-ben", "guest-1")]
    assert sum(owned) == 8 and owned[2] == 0


def test_a_new_password_ends_every_session_and_every_link_but_a_hold(stores: Stores) -> None:
    anna, ben = settle(stores), settle(stores, "ben")
    for owner, name in ((anna.id, "s1"), (anna.id, "s2"), (ben.id, "s3")):
        stores.sessions.open(session(owner, name))
    for kind in ("recover", "email", "browser", "hold"):
        stores.tokens.put(f"t-{kind}", kind, anna.id, "", NOON + DAY)
    stores.tokens.put("t-ben", "recover", ben.id, "", NOON + DAY)
    later = NOON + timedelta(hours=1)

    changed = stores.accounts.set_password(anna.id, "new", later)

    assert changed.password_at == later
    assert stores.accounts.credentials(anna.id).password_hash == "new"
    assert stores.sessions.of(anna.id, later) == []
    revoked = stores.sessions.get("s1")
    assert revoked is not None and revoked.revoked_at == later
    assert [s.id for s in stores.sessions.of(ben.id, later)] == ["s3"]
    assert stores.tokens.peek("t-recover", "recover", later) is None
    assert stores.tokens.peek("t-email", "email", later) is None
    assert stores.tokens.peek("t-browser", "browser", later) is None
    assert stores.tokens.peek("t-hold", "hold", later) == (anna.id, "")
    assert stores.tokens.peek("t-ben", "recover", later) == (ben.id, "")


def test_a_rehash_never_overwrites_a_newer_password(stores: Stores) -> None:
    anna = settle(stores)
    stores.accounts.rehash(anna.id, HASH, "newer parameters")
    assert stores.accounts.credentials(anna.id).password_hash == "newer parameters"

    stores.accounts.set_password(anna.id, "new password", NOON)
    stores.accounts.rehash(anna.id, "newer parameters", "old password again")

    assert stores.accounts.credentials(anna.id).password_hash == "new password"


def test_addresses_numbers_and_roles_change_and_stay_unique(stores: Stores) -> None:
    anna = settle(stores)
    settle(stores, "ben", phone="+15550100200")
    stores.tokens.put("t1", "recover", anna.id, "", NOON + DAY)
    stores.tokens.put("t2", "browser", anna.id, "", NOON + DAY)

    with pytest.raises(Conflict, match="email_taken"):
        stores.accounts.set_email(anna.id, "BEN@x.org")
    with pytest.raises(Conflict, match="phone_taken"):
        stores.accounts.set_phone(anna.id, "+15550100200")
    assert stores.tokens.peek("t1", "recover", NOON) is not None

    assert stores.accounts.set_email(anna.id, "New@x.org").email == "New@x.org"
    assert stores.tokens.peek("t1", "recover", NOON) is None  # it was mailed to the old address
    assert stores.tokens.peek("t2", "browser", NOON) is not None
    assert stores.accounts.by_login("anna@x.org") is None
    assert stores.accounts.by_login("new@x.org") is not None
    assert stores.accounts.set_phone(anna.id, "+15550100201").phone == "+15550100201"
    assert stores.accounts.set_phone(anna.id, None).phone is None
    assert stores.accounts.set_role(anna.id, "admin").role == "admin"
    assert stores.accounts.get(anna.id).role == "admin"


def test_of_two_who_take_one_address_at_once_one_gets_it(stores: Stores) -> None:
    people = [settle(stores, f"p{n}") for n in range(4)]

    got = outcomes(*(partial(stores.accounts.set_email, person.id, "wanted@x.org") for person in people))

    assert got.count("email_taken") == 3


def test_suspending_ends_every_session(stores: Stores) -> None:
    anna = settle(stores)
    stores.sessions.open(session(anna.id, "s1"))

    assert stores.accounts.suspend(anna.id, NOON).suspended_at == NOON
    assert stores.sessions.of(anna.id, NOON) == []
    assert stores.accounts.suspend(anna.id, None).suspended_at is None
    assert stores.sessions.of(anna.id, NOON) == []


def test_asking_to_be_erased_ends_every_session_and_coming_back_brings_none_back(stores: Stores) -> None:
    anna, ben = settle(stores), settle(stores, "ben")
    for owner in (anna, ben):
        stores.sessions.open(session(owner.id, f"s-{owner.id}"))

    assert stores.accounts.delete(anna.id, NOON).deleted_at == NOON
    assert stores.sessions.of(anna.id, NOON) == []
    assert stores.accounts.delete(anna.id, None).deleted_at is None
    assert stores.sessions.of(anna.id, NOON) == []
    assert len(stores.sessions.of(ben.id, NOON)) == 1


def test_of_an_account_that_is_purged_nothing_is_left(stores: Stores) -> None:
    anna, ben, eve = settle(stores), settle(stores, "ben"), settle(stores, "eve")
    for owner in (anna, ben, eve):
        stores.chats.create(owner.id, "socrates", "en", "", NOON)
        stores.sessions.open(session(owner.id, f"s-{owner.id}"))
        stores.tokens.put(f"t-{owner.id}", "recover", owner.id, "", NOON + DAY)
        stores.keys.set_codes(owner.id, [f"c-{owner.id}"])
        stores.keys.add_passkey(
            Passkey(id=f"k-{owner.id}", user_id=owner.id, public_key=b"k", sign_count=0, name="", created_at=NOON)
        )
        stores.keys.set_question(owner.id, "Which?", HASH)
    stores.accounts.delete(anna.id, NOON)
    stores.accounts.delete(ben.id, NOON + timedelta(seconds=1))
    stores.accounts.delete(eve.id, NOON)
    assert stores.accounts.delete(eve.id, None).deleted_at is None

    assert stores.accounts.purge(NOON) == []
    assert stores.accounts.purge(NOON + timedelta(milliseconds=1)) == [anna.id]

    with pytest.raises(NotFound, match="account_gone"):
        stores.accounts.get(anna.id)
    assert stores.chats.recent(anna.id) == []
    assert stores.sessions.get(f"s-{anna.id}") is None
    assert stores.tokens.peek(f"t-{anna.id}", "recover", NOON) is None
    assert stores.keys.codes_left(anna.id) == 0
    assert stores.keys.passkeys(anna.id) == [] and stores.keys.passkey(f"k-{anna.id}") is None
    assert stores.keys.question(anna.id) is None
    for other in (ben, eve):
        assert len(stores.chats.recent(other.id)) == 1 and stores.keys.codes_left(other.id) == 1
    assert settle(stores).id == anna.id  # the name and the address are free again


def test_somebody_who_comes_back_while_the_purge_runs_is_either_whole_or_gone(stores: Stores) -> None:
    for n in range(5):
        person = settle(stores, f"p{n}")
        stores.chats.create(person.id, "socrates", "en", "", NOON)
        stores.accounts.delete(person.id, NOON)

        back, gone = outcomes(
            partial(stores.accounts.delete, person.id, None), partial(stores.accounts.purge, NOON + DAY)
        )

        if gone:
            assert back == "account_gone"
            assert stores.chats.recent(person.id) == []
        else:
            assert back == person
            assert len(stores.chats.recent(person.id)) == 1


def test_people_are_found_by_parts_of_names_and_read_page_by_page(stores: Stores) -> None:
    dice = random.Random(3)
    names = [f"person{n:02}" for n in range(25)]
    moments = [NOON + timedelta(minutes=dice.randrange(8)) for _ in names]
    for name, at in zip(names, moments, strict=True):
        settle(stores, name, created_at=at)
    settle(stores, "a_b", phone="+15550100200")
    settle(stores, "axb")

    assert [u.username for u in stores.accounts.search("A_B")] == ["a_b"]
    assert [u.username for u in stores.accounts.search("+15550100200")] == ["a_b"]
    assert [u.username for u in stores.accounts.search("id-axb")] == ["axb"]
    assert [u.username for u in stores.accounts.search(" Person07@X ")] == ["person07"]
    for nothing in ("%", "\\", "\0", "\ud800", "x" * 9_000, "' or 1=1 --"):
        assert stores.accounts.search(nothing) == []

    read: list[User] = []
    while page := stores.accounts.search("person", 7, read[-1].id if read else ""):
        assert len(page) <= 7
        read += page
    assert sorted(u.username for u in read) == names
    assert [u.created_at for u in read] == sorted(moments, reverse=True)
    assert stores.accounts.search("person", 7, "nobody") == []


def test_hostile_ids_and_texts_are_refused_alike(stores: Stores) -> None:
    anna = settle(stores)
    for hostile in ("", "\0", "\ud800", "id anna", "x" * 65, "容器"):
        for ask in (stores.accounts.get, stores.accounts.credentials):
            with pytest.raises(NotFound, match="account_gone"):
                ask(hostile)
        with pytest.raises(NotFound, match="account_gone"):
            stores.accounts.set_password(hostile, HASH, NOON)
        with pytest.raises(BadInput):
            stores.accounts.pend(pending(hostile))
    for text in ("a\0b@x.org", "\ud800@x.org"):
        with pytest.raises(BadInput):
            stores.accounts.pend(pending("t1", email=text))
        with pytest.raises(BadInput):
            stores.accounts.set_email(anna.id, text)
