"""Sign-ins: the session's row is the truth, refresh tokens go round once, and a copied one ends the session."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from domain.errors import NotAllowed
from domain.people import Credentials, User
from tests.club import DEVICE, Club


@pytest.fixture
def club() -> Club:
    return Club()


def test_an_access_token_names_its_person_and_session(club: Club) -> None:
    signed = club.sign_ins.current(club.first.access)
    assert (signed.user.username, signed.session.id) == ("Anna", "s" * 24)


def test_a_token_is_refused_at_once_when_its_session_has_ended(club: Club) -> None:
    club.sign_ins.current(club.first.access)
    club.sessions.revoke("s" * 24, club.clock.now())
    assert club.out(club.first.access)
    assert club.refused(club.first)
    assert club.diary.events == []  # nobody copied anything: somebody signed out


def test_a_token_of_a_session_that_is_gone_or_somebody_elses_is_refused(club: Club) -> None:
    stranger = msgspec.structs.replace(club.user, id="v" * 24)
    assert club.out(club.issuer.access(club.session(), stranger))
    club.town.sessions.clear()
    assert club.out(club.first.access)


def test_nobody_is_signed_in_longer_than_the_session(club: Club) -> None:
    club.clock.seconds = 30 * 86_400
    access = club.issuer.access(club.session(), club.user)  # fresh, for a session that has just expired
    assert club.out(access)


def test_a_new_password_ends_what_was_signed_in_with_the_old_one(club: Club) -> None:
    club.clock.seconds = 5
    club.town.users[club.user.id] = Credentials(
        msgspec.structs.replace(club.user, password_at=club.clock.now()), "new hash"
    )  # and the sessions were not ended, as if the process had been killed in between
    assert club.out(club.first.access)
    club.sign_ins.current(club.open("t" * 24).access)


def test_a_suspended_account_is_out_even_if_its_sessions_were_not_ended(club: Club) -> None:
    club.town.users[club.user.id] = Credentials(
        msgspec.structs.replace(club.user, suspended_at=club.clock.now()), "hash"
    )
    assert club.out(club.first.access)


def test_a_changed_role_holds_after_a_second_at_most(club: Club) -> None:
    assert club.sign_ins.current(club.first.access).user.role == "user"
    club.accounts.set_role(club.user.id, "admin")
    club.clock.seconds = 1
    assert club.sign_ins.current(club.first.access).user.role == "admin"


def test_what_was_changed_here_is_seen_at_once(club: Club) -> None:
    club.sign_ins.current(club.first.access)
    club.accounts.set_role(club.user.id, "admin")
    club.sign_ins.forget(club.user.id)
    assert club.sign_ins.current(club.first.access).user.role == "admin"


def test_what_was_read_just_before_a_change_is_not_remembered_after_it(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request reads the row of an admin, who stops being one before the request is done with it."""
    read = club.accounts.get

    def slowly(user_id: str) -> User:
        user = read(user_id)
        monkeypatch.undo()
        club.accounts.set_role(user_id, "member")
        club.sign_ins.forget(user_id)
        return user

    club.accounts.set_role(club.user.id, "admin")
    monkeypatch.setattr(club.accounts, "get", slowly)
    assert club.sign_ins.current(club.first.access).user.role == "admin"
    assert club.sign_ins.current(club.first.access).user.role == "member"


def test_when_a_session_was_last_used_is_written_down_once_a_minute(club: Club) -> None:
    club.clock.seconds = 60
    club.sign_ins.current(club.first.access)
    assert club.session().seen_at < club.clock.now()
    club.clock.seconds = 61
    club.sign_ins.current(club.first.access)
    assert club.session().seen_at == club.clock.now()


# -- rotation ------------------------------------------------------------------------------------------


def test_a_refresh_token_brings_a_new_pair_and_goes_out_of_use(club: Club) -> None:
    club.clock.seconds = 700
    second = club.renew(club.first)
    assert club.sign_ins.current(second.access).session.id == "s" * 24
    assert club.issuer.read_refresh(second.refresh).id != "first-jti"
    club.clock.seconds += 11
    assert club.refused(club.first)


def test_a_token_that_comes_a_second_time_ends_the_session_and_is_written_down(club: Club) -> None:
    second = club.renew(club.first)
    club.clock.seconds = 11
    assert club.refused(club.first)
    assert club.out(second.access)
    assert club.refused(second)
    [event] = club.diary.events
    assert (event.action, event.actor, event.target) == ("token_reused", club.user.id, "s" * 24)
    assert second.refresh not in str(event)


def test_within_the_grace_the_parent_brings_the_same_successor(club: Club) -> None:
    second = club.renew(club.first)
    club.clock.seconds = 10
    twin = club.renew(club.first)
    assert club.issuer.read_refresh(twin.refresh).id == club.issuer.read_refresh(second.refresh).id
    club.renew(second)
    assert club.diary.events == []


def test_the_grandparent_is_refused_even_within_the_grace_and_ends_the_session(club: Club) -> None:
    second = club.renew(club.first)
    third = club.renew(second)
    assert club.refused(club.first)
    assert club.out(third.access)
    assert club.refused(third)
    assert [event.action for event in club.diary.events] == ["token_reused"]


def test_the_grace_is_not_for_another_kind_of_browser(club: Club) -> None:
    second = club.renew(club.first)
    assert club.refused(club.first, "Firefox on Windows")
    assert club.out(second.access)
    assert [event.action for event in club.diary.events] == ["token_reused"]


def test_a_browser_that_changed_its_name_may_still_bring_the_token_that_is_good_now(club: Club) -> None:
    club.renew(club.first, "Chromium on Android")


def test_many_at_once_with_one_token_all_get_the_same_successor(club: Club) -> None:
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: club.renew(club.first), range(64)))
    assert len({club.issuer.read_refresh(fresh.refresh).id for fresh in found}) == 1
    assert club.diary.events == []
    assert club.session().revoked_at is None


def test_a_refresh_token_opens_no_page_and_an_access_token_brings_no_new_pair(club: Club) -> None:
    assert club.out(club.first.refresh)
    with pytest.raises(NotAllowed, match="token_bad"):
        club.sign_ins.renew(club.first.access, DEVICE, "192.0.2.0")
    assert club.session().revoked_at is None
