"""Passkeys over HTTP: added, used, removed; and what comes of answers that nobody's browser would send."""

import json
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import anyio
import pytest
from litestar.testing import TestClient

from domain.desk import hashed
from domain.people import Pending, User
from domain.places import Place
from tests.authenticator import PRESENT, Authenticator, text
from tests.web.hostile import JSONS, TEXTS
from tests.web.house import HTTPS, House

HERE = "http://localhost:7210"
PAGE = "/account/passkeys"
JSON = {"accept": "application/json"}
Client = TestClient[Any]


class Door:
    """A browser of somebody who has an account, and may be signed in."""

    def __init__(self, house: House, client: Client) -> None:
        self.house, self.client = house, client
        self.csrf = ""

    def settle(self, name: str = "anna") -> User:
        members, now = self.house.services.members, self.house.clock.now()
        told: dict[str, Any] = {"username": name, "email": f"{name}@example.org", "phone": None, "language": "en"}
        until = now + timedelta(days=1)
        members.accounts.pend(Pending(token_hash=name, password_hash="-", guest="", expires_at=until, **told))
        user = User(id=secrets.token_urlsafe(18), created_at=now, password_at=now, **told)
        return members.accounts.confirm(name, user, now)

    def let_in(self, user: User) -> None:
        signed = anyio.run(self.house.services.people.open_session, user, Place("?", "127.0.0.1", None), "confirmed")
        self.client.cookies.set("at", signed.fresh.access)
        self.csrf = self.house.services.sign_ins.csrf(signed.fresh.signed.session)

    def post(self, path: str, body: Any = None) -> Any:
        return self.send(path, json.dumps(body or {}).encode())  # lone surrogates too, as JSON can say them

    def send(self, path: str, body: bytes) -> Any:
        headers = {**JSON, "x-csrf-token": self.csrf, "content-type": "application/json"}
        return self.client.post(path, content=body, headers=headers)

    def form(self, path: str, **fields: str) -> Any:
        return self.client.post(path, data={"csrf": self.csrf, **fields}, follow_redirects=False)

    def add(self, device: Authenticator, name: str = "My phone") -> Any:
        asked = self.post(PAGE + "/options").json()
        assert asked["origin"] == HERE
        return self.post(PAGE + "/add", {"key": device.create(asked["publicKey"]), "name": name})

    def enter(self, device: Authenticator, onward: str = "/chats", **lies: Any) -> Any:
        asked = self.post("/sign-in/passkey/options").json()
        return self.post("/sign-in/passkey", {"key": device.get(asked["publicKey"], **lies), "next": onward})

    def forgive(self) -> None:
        """Forget what was counted: a test of a thousand requests is no attack."""
        with closing(sqlite3.connect(self.house.config.data_dir / "core.db")) as core, core:
            core.execute("DELETE FROM limits")

    def leave(self) -> None:
        self.client.cookies.clear()
        self.csrf = ""


@pytest.fixture
def door(house: House) -> Iterator[Door]:
    with house.open() as client:
        yield Door(house, client)


def test_a_passkey_is_added_signs_in_and_is_removed(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    assert door.add(device).json() == {"next": PAGE + "?done=added"}
    assert 'value="My phone"' in door.client.get(PAGE + "?done=added").text
    door.leave()

    answer = door.enter(device)

    assert (answer.status_code, answer.json()) == (200, {"next": "/chats"})
    assert {"at", "rt", "browser"} <= set(door.client.cookies)
    assert door.client.get("/account").status_code == 200
    csrf = re.search(r'<meta name="csrf" content="([^"]+)"', door.client.get(PAGE).text)
    assert csrf is not None
    door.csrf = csrf[1]
    assert (
        door.form(PAGE + "/rename", id=text(device.id), name="<b>老手机").headers["location"].endswith("=renamed")
    )
    assert "&lt;b&gt;老手机" in door.client.get(PAGE).text
    assert door.form(PAGE + "/remove", id=text(device.id)).headers["location"].endswith("=removed")
    door.leave()
    refused = door.enter(device)
    assert (refused.status_code, refused.json()["code"]) == (403, "passkey_bad")


def test_a_new_browser_is_told_by_mail(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    door.add(device)
    door.leave()
    door.enter(device)
    way = [row.event.detail["way"] for row in door.house.services.members.audit.find("signed_in", anna.id)]
    assert way[0] == "passkey"
    assert [(mail.kind, mail.to) for mail in door.house.services.members.mailer.newest()] == [
        ("new_sign_in", anna.email),
        ("passkey_added", anna.email),
    ]


def test_a_challenge_is_good_in_the_browser_that_asked_for_it(door: Door, house: House) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    door.add(device)
    door.leave()
    asked = door.post("/sign-in/passkey/options")
    cookie = asked.headers["set-cookie"].lower()
    assert "passkey=" in cookie and "httponly" in cookie and "samesite=strict" in cookie and "max-age=300" in cookie
    door.leave()
    answer = {"key": device.get(asked.json()["publicKey"])}
    assert door.post("/sign-in/passkey", answer).json()["code"] == "passkey_bad"
    assert "at" not in door.client.cookies


def test_two_pages_of_a_browser_that_ask_do_not_spoil_each_other(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    door.add(device)
    door.leave()
    first = door.post("/sign-in/passkey/options").json()["publicKey"]
    door.post("/sign-in/passkey/options")
    assert door.post("/sign-in/passkey", {"key": device.get(first)}).json() == {"next": "/"}


def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Any, database: Any) -> None:
    with House(tmp_path, database, **HTTPS).open() as client:
        answer = client.post("/sign-in/passkey/options", headers=JSON)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-passkey=") and "Secure" in cookie and "Path=/" in cookie
        assert answer.json()["origin"] == HTTPS["public_url"]
        assert answer.json()["publicKey"]["rpId"] == "parley.example"


def test_nobody_is_led_away_after_signing_in(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    door.add(device)
    for onward in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        door.leave()
        assert door.enter(device, onward).json() == {"next": "/"}


def test_a_passkey_proves_instead_of_the_password(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    door.add(device)
    asked = door.post("/account/prove/passkey/options").json()["publicKey"]
    assert [one["id"] for one in asked["allowCredentials"]] == [text(device.id)]
    answer = door.post("/account/prove/passkey", {"key": device.get(asked), "next": PAGE})
    assert answer.json() == {"next": PAGE}
    again = door.post("/account/prove/passkey", {"key": device.get(asked), "next": PAGE})
    assert (again.status_code, again.json()["code"]) == (403, "passkey_late")


def test_for_a_day_after_a_recovery_no_passkey_is_added_that_would_outlive_the_next(door: Door, house: House) -> None:
    user, device = door.settle(), Authenticator(HERE)
    door.let_in(user)
    asked = door.post(PAGE + "/options").json()
    until = house.clock.now() + timedelta(hours=1)
    house.services.members.people._tokens.put(hashed("hold", user.id), "hold", user.id, "", until)
    for answer in (
        door.post(PAGE + "/options"),
        door.post(PAGE + "/add", {"key": device.create(asked["publicKey"]), "name": "My phone"}),
    ):
        assert answer.status_code == 403
        assert "less than a day ago" in answer.text
    assert house.services.passkeys.of(user.id) == []


def test_guests_and_other_sites_change_no_passkeys(door: Door) -> None:
    for path in ("/options", "/add", "/rename", "/remove"):
        assert door.post(PAGE + path).json()["code"] == "sign_in_first"
    anna = door.settle()
    door.let_in(anna)
    for path in ("/options", "/add", "/rename", "/remove"):
        assert door.client.post(PAGE + path, json={}, headers=JSON).json()["code"] == "csrf_bad"
        foreign = {**JSON, "sec-fetch-site": "cross-site", "x-csrf-token": door.csrf}
        assert door.client.post(PAGE + path, json={}, headers=foreign).json()["code"] == "cross_site"


def test_another_persons_passkey_is_not_there(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    door.add(device)
    door.leave()
    door.let_in(door.settle("ben"))
    for path in ("/rename", "/remove"):
        assert door.form(PAGE + path, id=text(device.id), name="mine").status_code == 404
    assert door.post("/account/prove/passkey/options").json() == {"origin": "", "publicKey": None}


def test_where_browsers_have_no_passkeys_nothing_is_asked(tmp_path: Any, database: Any) -> None:
    with House(tmp_path, database, public_url="https://192.0.2.1").open() as client:
        asked = client.post("/sign-in/passkey/options", headers=JSON)
        assert (asked.status_code, asked.json()) == (200, {"origin": "", "publicKey": None})


def test_the_words_of_a_refusal_are_the_readers(door: Door) -> None:
    device = Authenticator(HERE)
    device.site, device.user = "localhost", b"nobody"
    door.client.headers["accept-language"] = "zh-CN"
    assert "通行密钥" in door.enter(device).json()["message"]


def test_hostile_json_is_refused(door: Door) -> None:
    door.let_in(door.settle())
    for path in (PAGE + "/add", "/sign-in/passkey", "/account/prove/passkey"):
        for name, body in JSONS.items():
            assert (name, door.send(path, body).status_code) in ((name, 400), (name, 413))


def test_hostile_text_in_every_field_is_refused(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    seen = set()
    for hostile in TEXTS.values():
        asked = door.post(PAGE + "/options").json()["publicKey"]
        made, signed = Authenticator(HERE).create(asked), device.get(asked, site="localhost")
        for answer, path in ((made, PAGE + "/add"), (signed, "/sign-in/passkey")):
            for field in ("id", "rawId", "type", *answer["response"]):
                place = {**answer, "response": dict(answer["response"])}
                (place if field in answer else place["response"])[field] = hostile
                seen.add(door.post(path, {"key": place, "name": "x"}).status_code)
        door.forgive()
    assert seen <= {400, 403, 413}


def test_a_hostile_name_is_kept_as_it_is_or_refused(door: Door) -> None:
    anna = door.settle()
    door.let_in(anna)
    kept = set()
    for name in TEXTS.values():
        device = Authenticator(HERE)
        asked = door.post(PAGE + "/options").json()["publicKey"]
        answer = door.post(PAGE + "/add", {"key": device.create(asked), "name": name})
        assert answer.status_code in (200, 400, 413)
        if answer.status_code == 200:
            shown = door.client.get(PAGE)
            assert (shown.status_code, "<script>alert" in shown.text) == (200, False)
            kept |= {one.name for one in door.house.services.passkeys.of(anna.id)}
            assert door.form(PAGE + "/remove", id=text(device.id)).status_code == 303
        door.forgive()
    assert {"'; DROP TABLE users; --", "null", "//evil.example/\\evil.example"} <= kept


def test_a_verified_person_is_wanted(door: Door) -> None:
    anna, device = door.settle(), Authenticator(HERE)
    door.let_in(anna)
    door.add(device)
    door.leave()
    assert door.enter(device, flags=PRESENT).json()["code"] == "passkey_bad"
