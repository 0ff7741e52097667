"""Pages of admins: who is found, what can be done to them, and that nobody raises or locks out themselves."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from db.sessions import SqlSessions
from domain.audit import ACTIONS, happened
from domain.errors import Unavailable
from domain.people import User
from tests.docs.test_docs import ROOT
from tests.web.house import awake
from tests.web.real import Real, copied
from tests.web.test_templates import Tags
from tests.web.visitors import Asking, account, session_of, signed
from web.admin_words import ACTION_WORDS

Client = TestClient[Any]
PAGES = ("/admin/users", "/admin/audit", "/admin/health")


@pytest.fixture
def real(tmp_path: Path, database: Path) -> Iterator[Real]:
    with closing(Real(copied(database, tmp_path), tmp_path)) as real:
        yield real


@pytest.fixture
def admin(real: Real) -> User:
    return account(real, "admin")


@pytest.fixture
def client(real: Real, admin: User) -> Iterator[Client]:
    with real.open() as client:
        enter(client, signed(real, admin, session_of(real, admin), {}))
        yield client


def enter(client: Client, who: Asking) -> None:
    client.cookies.clear()
    for name, value in who.cookies.items():
        client.cookies.set(name, value)
    client.headers["x-csrf-token"] = who.headers["x-csrf-token"]


def change(client: Client, user: User, what: str, **fields: str) -> httpx.Response:
    return client.post(f"/admin/users/{user.id}/{what}", data=fields, follow_redirects=False)


def actions(real: Real) -> list[tuple[str, str]]:
    return [(row.event.action, row.event.target) for row in real.services.members.audit.find()]


def test_every_action_of_the_log_is_written_by_something() -> None:
    """A list of what is worth a row is worth nothing where no row is ever made."""
    told = "\n".join(
        file.read_text("utf-8")
        for package in ("domain", "infra", "web")
        for file in (ROOT / package).rglob("*.py")
        if file.name not in ("audit.py", "admin_words.py")
    )
    assert [action for action in ACTIONS if f'"{action}"' not in told] == []


def test_people_are_found_by_parts_of_names_and_addresses(real: Real, client: Client) -> None:
    anna, berta = account(real), account(real)
    everybody = client.get("/admin/users").text
    assert anna.username in everybody and berta.email in everybody
    for asked in (anna.username, anna.email, anna.id, anna.username[4:].upper()):
        page = client.get("/admin/users", params={"q": asked}).text
        assert anna.email in page
        assert berta.email not in page
    assert "Nobody is called that." in client.get("/admin/users?q=nobody-at-all").text
    assert ("admin_read", "users") in actions(real)


def test_people_are_told_page_by_page(real: Real, client: Client) -> None:
    known = {account(real).email for _ in range(60)}
    first = client.get("/admin/users").text
    more = re.search(r'href="(/admin/users\?[^"]*after=[^"]+)"', first)
    assert more
    second = client.get(more[1].replace("&amp;", "&")).text
    assert all((email in first) != (email in second) for email in known)
    assert "Newest" in second and "Older" not in second


def test_an_admin_suspends_and_brings_back_an_account(real: Real, client: Client) -> None:
    user = account(real)
    theirs = signed(real, user, session_of(real, user), {})
    answer = change(client, user, "suspend", on="1", q="some body")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/users?q=some+body&done=suspended")
    assert real.services.members.accounts.get(user.id).suspended_at is not None
    assert SqlSessions(real.database).of(user.id, real.services.clock.now()) == []
    assert "signed out everywhere" in client.get("/admin/users?done=suspended").text
    assert change(client, user, "suspend", on="0").status_code == 303
    assert real.services.members.accounts.get(user.id).suspended_at is None
    assert [action for action, target in actions(real) if target == user.id] == ["unsuspended", "suspended"]
    enter(client, theirs)
    assert client.get("/account", headers={"accept": "application/json"}).status_code == 403  # that session is over


def test_an_admin_gives_and_takes_roles(real: Real, client: Client) -> None:
    user = account(real)
    for role in ("member", "admin", "user"):
        assert change(client, user, "role", role=role).status_code == 303
        assert real.services.members.accounts.get(user.id).role == role
    assert [action for action, target in actions(real) if target == user.id] == ["role_changed"] * 3
    for wrong in ("guest", "root", "", "ADMIN"):
        assert change(client, user, "role", role=wrong).status_code == 400


def test_nobody_takes_the_rights_of_an_admin_from_themselves(real: Real, client: Client, admin: User) -> None:
    for what, fields in (("role", {"role": "user"}), ("suspend", {"on": "1"})):
        assert change(client, admin, what, **fields).status_code == 403
    still = real.services.members.accounts.get(admin.id)
    assert (still.role, still.suspended_at) == ("admin", None)
    page = client.get("/admin/users").text
    assert f"/admin/users/{admin.id}/" not in page


def test_a_change_wants_the_password_of_the_last_minutes(real: Real, client: Client, admin: User) -> None:
    session = session_of(real, admin)
    SqlSessions(real.database).prove(session.id, real.services.clock.now() - timedelta(minutes=11))
    enter(client, signed(real, admin, session, {}))
    user = account(real)
    for what, fields in (("role", {"role": "admin"}), ("suspend", {"on": "1"})):
        answer = change(client, user, what, **fields)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/account/prove?next=/admin/users")
    assert real.services.members.accounts.get(user.id) == user


def test_a_change_wants_the_word_of_the_session(real: Real, client: Client) -> None:
    user = account(real)
    del client.headers["x-csrf-token"]
    assert change(client, user, "role", role="admin").status_code == 403
    form = re.search(r'name="csrf" value="([^"]+)"', client.get("/admin/users").text)
    assert form
    assert change(client, user, "role", role="member", csrf=form[1]).status_code == 303


def test_the_log_is_filtered_and_told_page_by_page(real: Real, client: Client) -> None:
    now, log = real.services.clock.now(), real.services.members.audit
    log.add([happened("signed_in", now - timedelta(days=3), "anna", f"number-{n}", "192.0.2.0") for n in range(120)])
    log.add([happened("sign_in_failed", now, "berta", "<b>bold</b>", with_="password")])
    page = client.get("/admin/audit").text
    assert "with_: password" in page, "what has no words stays as it is"
    assert "Sign-in failed" in page and "&lt;b&gt;bold" in page and "<b>bold" not in page
    assert "number-" not in client.get("/admin/audit?action=sign_in_failed").text
    assert "number-" not in client.get("/admin/audit?days=1").text
    assert "number-" not in client.get("/admin/audit?about=berta").text
    mine = client.get("/admin/audit?about=anna&action=signed_in&days=7").text
    assert "number-119" in mine
    more = re.search(r'href="(/admin/audit\?[^"]*before=\d+)"', mine)
    assert more
    rest = client.get(more[1].replace("&amp;", "&")).text
    assert len(re.findall(r"number-\d+", rest)) == 20
    log.add([happened("suspended", now, "carl", "berta")])
    assert "carl" in client.get("/admin/audit?about=berta").text  # what was done to somebody, not only what they did
    assert "No row fits." in client.get("/admin/audit?about=nobody").text
    assert ("admin_read", "audit") in actions(real)


@pytest.mark.parametrize(
    "query", ["action=x", "days=2", "days=x", "before=-1", "before=x", "about=%00", "about=a b", "q=" + "x" * 300]
)
def test_filters_that_are_none_are_refused(client: Client, query: str) -> None:
    path = "/admin/users" if query.startswith("q=") else "/admin/audit"
    assert client.get(f"{path}?{query}").status_code == 400


def test_health_tells_what_waits_and_what_is_broken(
    real: Real, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    account(real)
    awake(client)
    page = client.get("/admin/health").text
    assert "SQLite" in page and "answered in" in page
    assert "counted in the database" in page
    assert "0 rows wait, 0 lost" in page
    assert "not well" not in page
    assert "kept on this machine" in page and "0 mails" not in page  # there may be any number of them

    def away(*_: object) -> Any:
        raise Unavailable("store_unavailable")

    monkeypatch.setattr("db.vitals.SqlVitals.look", away)
    real.services.writer.lost = 7
    answer = client.get("/admin/health")
    assert answer.status_code == 200
    assert "does not answer" in answer.text and "7 lost" in answer.text and "not well" in answer.text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_well_formed_in_both_languages_and_kept_by_nobody(
    real: Real, client: Client, language: str
) -> None:
    change(client, account(real), "suspend", on="1")
    for path in PAGES:
        answer = client.get(path, headers={"accept-language": language})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        Tags(answer.text)
        assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text
    assert ("运行状况" in answer.text) == (language == "zh")


def test_every_event_of_the_log_has_its_words() -> None:
    assert set(ACTION_WORDS) == set(ACTIONS)


def test_admins_see_what_things_cost(real: Real, client: Client) -> None:
    assert client.get("/operator", follow_redirects=False).status_code == 200
    enter(client, signed(real, user := account(real), session_of(real, user), {}))
    assert client.get("/operator", follow_redirects=False).status_code == 404


def test_the_first_admin_is_who_the_setting_names_and_nobody_else(real: Real) -> None:
    user, other = account(real), account(real)
    real.services.members.promote(user.username)
    assert real.services.members.accounts.get(user.id).role == "admin"
    assert real.services.members.accounts.get(other.id).role == "user"
    real.services.members.promote("nobody-of-this-name")
    assert len(real.services.members.accounts.search("nobody-of-this-name")) == 0
    assert ("role_changed", user.id) in actions(real)
