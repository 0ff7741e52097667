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
    limit = LIMITS["sign_in_account"]
    for _ in range(limit.most):
        home.people._gate.check_now("sign_in_account", f"username:{login}")


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
