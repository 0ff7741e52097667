"""Somebody signed in among the pages of the application: whose chats, which word, and what caches see of it."""

import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.people import User
from domain.sign_ins import Fresh
from tests.web.house import HTTPS, House, key, new_chat
from tests.web.test_api_auth import PASSWORD, call, mailed


def sign_up(client: TestClient[Any], house: House, name: str = "anna") -> Fresh:
    """Make an account by the API, and take its session into the browser's cookies."""
    call(client, "/register", username=name, email=f"{name}@parley.example", password=PASSWORD)
    pair = call(client, "/confirm", token=mailed(house), password=PASSWORD).json()
    signed = house.services.sign_ins.current(pair["access"])
    sign_in(client, pair["access"], pair["refresh"])
    return Fresh(signed, pair["access"], pair["refresh"])


def sign_in(client: TestClient[Any], access: str, refresh: str) -> None:
    client.cookies.clear()
    prefix = "__Host-" if client.base_url.scheme == "https" else ""
    for name, value in (("at", access), ("rt", refresh)):
        client.cookies.set(prefix + name, value, domain=client.base_url.host, path="/")


@pytest.fixture
def house(tmp_path: Path, database: Path) -> House:
    return House(tmp_path, database, argon2=(64, 1, 1))


def word(client: TestClient[Any]) -> str:
    [found] = re.findall(r'<meta name="csrf" content="([\w-]*)">', client.get("/chats").text)
    return str(found)


def test_a_guest_is_shown_the_ways_in_and_no_word(house: House) -> None:
    with house.open() as client:
        answer = client.get("/me")
    assert 'href="/sign-in"' in answer.text
    assert 'href="/register"' in answer.text
    assert "data-csrf" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def test_who_is_signed_in_is_shown_the_way_out_and_the_word(house: House) -> None:
    with house.open() as client:
        sign_up(client, house)
        text = client.get("/me").text
        assert "anna" in text
        assert f'data-csrf="{word(client)}"' in text
        assert 'action="/sign-out"' in text


def test_a_public_page_is_the_same_for_everybody(house: House) -> None:
    with house.open() as client:
        paths = ("/", "/about", "/characters/socrates")
        before = [client.get(path).content for path in paths]
        sign_up(client, house)
        after = [client.get(path) for path in paths]
    assert [answer.content for answer in after] == before
    assert all("set-cookie" not in answer.headers for answer in after)


def test_no_change_without_the_word(house: House) -> None:
    with house.open() as client:
        sign_up(client, house)
        answer = client.post("/characters/socrates/chats", data={"language": "en"}, follow_redirects=False)
        assert answer.status_code == 403
        data = {"language": "en", "csrf": word(client)}
        answer = client.post("/characters/socrates/chats", data=data, follow_redirects=False)
        assert answer.status_code == 303
        room = answer.headers["location"]
        assert client.post(f"{room}/delete").status_code == 403
        assert client.post(f"{room}/delete", headers={"x-csrf-token": word(client)}).status_code == 200


def test_a_turn_wants_the_word_too_and_streams_with_it(house: House) -> None:
    with house.open() as client:
        sign_up(client, house)
        client.headers["x-csrf-token"] = word(client)
        chat = new_chat(client)
        assert "event: done" in client.post(f"/chats/{chat}/turns", data={"text": "Hello", "key": key()}).text
        del client.headers["x-csrf-token"]
        assert client.post(f"/chats/{chat}/turns", data={"text": "Hello", "key": key(2)}).status_code == 403


def test_chats_belong_to_the_account_and_no_guest_cookie_outlasts_signing_out(house: House) -> None:
    with house.open() as client:
        fresh = sign_up(client, house)
        client.headers["x-csrf-token"] = word(client)
        chat = new_chat(client)
        assert "guest" not in dict(client.cookies)
        assert house.chats.get(fresh.signed.user.id, chat).id == chat
        house.services.members.people._sessions.revoke(fresh.signed.session.id, house.clock.now())
        assert client.get(f"/chats/{chat}").status_code == 404


def test_another_person_finds_none_of_it(house: House) -> None:
    with house.open() as client:
        sign_up(client, house)
        client.headers["x-csrf-token"] = word(client)
        chat = new_chat(client)
        del client.headers["x-csrf-token"]
        client.cookies.clear()
        sign_up(client, house, "bert")
        assert client.get(f"/chats/{chat}").status_code == 404


def test_over_https_the_application_takes_the_bound_cookies_only(tmp_path: Path, database: Path) -> None:
    house = House(tmp_path, database, argon2=(64, 1, 1), **HTTPS)
    with house.open() as client:
        fresh = sign_up(client, house)
        assert "anna" in client.get("/me").text
        client.cookies.clear()
        for name, value in (("at", fresh.access), ("rt", fresh.refresh)):
            client.cookies.set(name, value, domain=client.base_url.host, path="/")
        assert "anna" not in client.get("/me").text


def test_the_operators_choice_becomes_an_administrator_and_it_is_written_down(house: House) -> None:
    members = house.services.members
    with house.open() as client:
        fresh = sign_up(client, house)
        members.promote("nobody")
        members.promote("anna")
        members.promote("anna")
        assert house.services.sign_ins.current(fresh.access).user.role == "admin"
    [row] = members.audit.find("role_changed")
    user: User = fresh.signed.user
    assert (row.event.actor, row.event.target, row.event.detail) == (
        "system", user.id, {"from": "user", "to": "admin"}
    )  # fmt: skip
