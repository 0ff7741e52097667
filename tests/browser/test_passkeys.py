"""Passkeys in a real browser, with Chromium's virtual authenticator: added, used to sign in, renamed, removed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, CDPSession, Page, expect

from tests.bench.server import Server
from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import faults

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
PASSWORD = "a tin whistle at noon"
FORM = {"sec-fetch-site": "same-origin", "accept": "application/json"}
# What a laptop with a fingerprint reader is to a browser; the finger is always there.
LAPTOP = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
# Chromium's authenticator answers at once what waits below the field: then nobody gets to press the button.
NOTHING_BELOW_THE_FIELD = "PublicKeyCredential.isConditionalMediationAvailable = async () => false;"


class Reader:
    """The authenticator of one page's browser."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        self.id: str = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": LAPTOP})["authenticatorId"]

    def held(self) -> list[dict[str, Any]]:
        found = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])

    def finger(self, right: bool) -> None:
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": right})


def local(server: Server) -> str:
    """Browsers have passkeys for names; for 127.0.0.1 they have none."""
    return server.url.replace("127.0.0.1", "localhost")


def at(path: str) -> re.Pattern[str]:
    return re.compile(rf":\d+{path}(\?|$)")


def settle(requests: APIRequestContext, server: Server, name: str) -> None:
    """Make an account as a program would; its mail is in the outbox."""
    wish = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    assert requests.post(f"{server.url}/api/auth/register", data=wish, headers=FORM).status == 202
    links = re.findall(r"href=\"[^\"]+/confirm/([^\"]+)\"", requests.get(f"{server.url}/outbox").text())
    confirmed = requests.post(
        f"{server.url}/api/auth/confirm", data={"token": links[0], "password": PASSWORD}, headers=FORM
    )
    assert confirmed.status == 201, confirmed.text()


def sign_in(page: Page, name: str, onward: str = "/account") -> None:
    page.goto(f"/sign-in?next={onward}")
    page.get_by_label(re.compile("User name")).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(at(onward))


def add(page: Page, name: str) -> None:
    page.goto("/account/passkeys")
    page.get_by_label("What to call it").fill(name)
    page.get_by_role("button", name="Add a passkey").click()


def test_a_passkey_is_added_signs_in_and_is_removed(visitor: Visitors, server: Server) -> None:
    someone = visitor(url=local(server))
    page = someone.page
    settle(someone.context.request, server, "anna")
    sign_in(page, "anna")
    reader = Reader(page)

    add(page, "Laptop")
    expect(page.get_by_role("status").filter(has_text="The passkey is added")).to_be_visible()
    expect(page.get_by_label("Name of this passkey")).to_have_value("Laptop")
    assert [key["isResidentCredential"] for key in reader.held()] == [True]
    assert list(faults(page)) == []

    page.get_by_label("Name of this passkey").fill("Old laptop")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_label("Name of this passkey")).to_have_value("Old laptop")

    page.context.clear_cookies()
    page.add_init_script(NOTHING_BELOW_THE_FIELD)
    page.goto("/sign-in?next=/account/sessions")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(at("/account/sessions"))
    assert reader.held()[0]["signCount"] > 1

    page.goto("/account/passkeys")
    page.get_by_role("button", name="Remove the passkey Old laptop").click()
    expect(page.get_by_role("status").filter(has_text="The passkey is removed")).to_be_visible()
    expect(page.get_by_label("Name of this passkey")).to_have_count(0)


def test_the_field_for_the_name_offers_passkeys(visitor: Visitors, server: Server) -> None:
    someone = visitor(url=local(server))
    page = someone.page
    settle(someone.context.request, server, "emma")
    sign_in(page, "emma", "/account/passkeys")
    Reader(page)
    add(page, "Laptop")
    expect(page.get_by_label("Name of this passkey")).to_have_count(1)
    page.context.clear_cookies()
    page.goto("/sign-in?next=/account/sessions")
    page.wait_for_url(at("/account/sessions"))


def test_a_passkey_proves_instead_of_the_password(visitor: Visitors, server: Server) -> None:
    someone = visitor(url=local(server))
    page = someone.page
    settle(someone.context.request, server, "fay")
    sign_in(page, "fay", "/account/passkeys")
    page.goto("/account/prove?next=/account/passkeys")
    expect(page.get_by_role("button", name="Use a passkey instead")).to_be_hidden()
    Reader(page)
    add(page, "Laptop")
    expect(page.get_by_label("Name of this passkey")).to_have_count(1)
    page.goto("/account/prove?next=/account/passkeys")
    page.get_by_role("button", name="Use a passkey instead").click()
    page.wait_for_url(at("/account/passkeys"))


def test_a_wrong_finger_is_told_in_the_language_of_the_page(visitor: Visitors, server: Server) -> None:
    someone = visitor(url=local(server), may_say="403", locale="zh-CN")
    page = someone.page
    settle(someone.context.request, server, "berta")
    page.goto("/sign-in?next=/account/passkeys")
    page.locator("input[name=login]").fill("berta")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(at("/account/passkeys"))
    reader = Reader(page)
    page.get_by_role("button", name="添加通行密钥").click()
    expect(page.get_by_label("通行密钥的名称")).to_have_value("我的通行密钥")

    reader.finger(False)
    page.context.clear_cookies()
    page.add_init_script(NOTHING_BELOW_THE_FIELD)
    page.goto("/sign-in")
    page.get_by_role("button", name="用通行密钥登录").click()
    expect(page.get_by_role("alert").filter(has_text="没有使用通行密钥")).to_be_visible()
    assert page.url.endswith("/sign-in")


def test_the_same_device_is_not_added_twice(visitor: Visitors, server: Server) -> None:
    someone = visitor(url=local(server))
    page = someone.page
    settle(someone.context.request, server, "carla")
    sign_in(page, "carla", "/account/passkeys")
    Reader(page)
    add(page, "First")
    expect(page.get_by_label("Name of this passkey")).to_have_count(1)
    add(page, "Second")
    expect(page.get_by_role("alert").filter(has_text="holds a passkey of this account already")).to_be_visible()


def test_where_passkeys_are_not_good_their_page_says_where_and_offers_none(
    visitor: Visitors, server: Server
) -> None:
    someone = visitor()
    page = someone.page
    settle(someone.context.request, server, "dora")
    page.goto("/sign-in")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    sign_in(page, "dora", "/account/passkeys")
    expect(page.get_by_text(f"Passkeys work at {local(server)} only.")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    expect(page.get_by_label("What to call it")).to_be_hidden()
