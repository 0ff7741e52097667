"""What an intruder could have had of accounts: an account locked for its owner, a session left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.limits import LIMITS
from tests.web.accounts import NEWER, PASSWORD, Home, csrf, register, send, sign_in, signed_in


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Iterator[Home]:
    with Home(tmp_path, database).running() as home:
        yield home


def spend_all_tries(home: Home, login: str) -> None:
    """What strangers at a hundred addresses do; the counter is the account's, not theirs."""
    found = home.people._accounts.by_login(login)
    assert found is not None
    for _ in range(LIMITS["sign_in_account"].most):
        home.people._gate.check_now("sign_in_account", found.user.id)


@pytest.mark.parametrize("way", ["link", "code"])
def test_who_recovers_signs_in_though_strangers_have_spent_all_tries(home: Home, way: str) -> None:
    mine, elsewhere = home.browser(), home.browser()
    register(home, mine)
    code = send(mine, "/account/codes").text.partition("<code>")[2].partition("</code>")[0]
    spend_all_tries(home, "anna")
    assert sign_in(elsewhere).status_code == 429
    if way == "link":
        elsewhere.post("/recover", data={"email": "anna@example.org"})
        answer = elsewhere.post(home.link(), data={"password": NEWER}, follow_redirects=False)
    else:
        said = {"login": "anna", "code": code, "password": NEWER}
        answer = elsewhere.post("/recover/code", data=said, follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?done=recovered", answer.text

    assert not signed_in(elsewhere)  # the new password is still to be given
    assert sign_in(home.browser(), password=NEWER).status_code == 429
    assert sign_in(elsewhere, password=NEWER).status_code == 303
    assert signed_in(elsewhere)


def test_signing_in_as_somebody_else_ends_the_session_that_this_browser_had(home: Home) -> None:
    ours, copied = home.browser(), home.browser()
    register(home, ours)
    register(home, copied, username="ben", email="ben@example.org")
    copied.cookies.clear()
    for name in ("at", "rt"):
        copied.cookies.set(name, ours.cookies[name], domain="testserver.local")
    assert signed_in(copied)

    assert sign_in(ours, "ben", PASSWORD).status_code == 403  # nobody is signed in as another by a strange form
    assert signed_in(copied)
    assert sign_in(ours, "ben", "wrong words here", csrf=csrf(ours)).status_code == 403
    assert signed_in(copied)
    assert sign_in(ours, "ben", PASSWORD, csrf=csrf(ours)).status_code == 303
    assert "ben" in ours.get("/account").text
    assert not signed_in(copied)


def test_a_program_renews_though_it_still_sends_the_token_that_ran_out(home: Home) -> None:
    program = home.browser()
    register(home, program)
    pair = program.post("/api/auth/sign-in", json={"login": "anna", "password": PASSWORD}).json()
    home.time.seconds = 700
    program.headers["authorization"] = f"Bearer {pair['access']}"
    for path in ("sign-out", "prove", "codes", "sessions/end-others"):
        answer = program.post(f"/api/auth/{path}", json={"password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_bad"), path
    answer = program.post("/api/auth/refresh", json={"refresh": pair["refresh"]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("address", ["/recover/", "/confirm/"])
def test_a_fault_of_ours_writes_no_link_into_the_log(
    home: Home, address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    for name in ("recovering", "waiting"):
        monkeypatch.setattr(home.people, name, broken)
    assert home.browser().get(address + "a-link-as-good-as-a-password").status_code == 500
    assert f"unexpected error at {address}{{token" in caplog.text
    assert "as-good-as" not in caplog.text
