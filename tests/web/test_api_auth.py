"""/api/auth from outside, with the real stores: bearer tokens, the same rules as the pages, and JSON throughout."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar.testing import TestClient

from tests.web.house import House

API = "/api/auth"
PASSWORD = "a tin whistle at noon"
WISH = {"username": "anna", "email": "anna@parley.example", "password": PASSWORD}


@pytest.fixture
def house(tmp_path: Path, database: Path) -> House:
    house = House(tmp_path, database, argon2=(64, 1, 1))
    people = house.services.people
    people.rules = msgspec.structs.replace(people.rules, floor_s=0.0)
    return house


@pytest.fixture
def client(house: House) -> Iterator[TestClient[Any]]:
    with house.open() as client:
        client.headers.clear()
        client.headers["user-agent"] = "parley-client/1.0"
        yield client


def call(client: httpx.Client, path: str, bearer: str = "", **body: Any) -> httpx.Response:
    head = {"authorization": f"Bearer {bearer}"} if bearer else {}
    return client.post(API + path, json=body, headers=head)


def mailed(house: House) -> str:
    """Return the token of the newest mail's link."""
    text = house.services.members.mailer.newest(1)[0].body
    return str(re.findall(r"https?://\S+/([A-Za-z0-9_.-]+)", text)[0])


def member(client: httpx.Client, house: House) -> dict[str, Any]:
    """Register, follow the link, and return the pair."""
    assert call(client, "/register", **WISH).status_code == 202
    answer = call(client, "/confirm", token=mailed(house), password=PASSWORD)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, code: str) -> bool:
    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)
    return "set-cookie" not in answer.headers


def test_a_program_registers_confirms_and_is_known(client: TestClient[Any], house: House) -> None:
    pair = member(client, house)
    assert pair["expires_in"] == 600
    answer = client.get(f"{API}/me", headers={"authorization": f"Bearer {pair['access']}"})
    assert (answer.json()["username"], answer.json()["role"]) == ("anna", "user")
    assert dict(client.cookies) == {}


def test_signing_in_brings_a_pair_and_says_no_secret(client: TestClient[Any], house: House) -> None:
    member(client, house)
    answer = call(client, "/sign-in", login="anna", password=PASSWORD)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh", "expires_in", "user", "restored"}
    assert "argon2" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/register", WISH),
        ("/confirm", {"token": "x", "password": PASSWORD}),
        ("/sign-in", {"login": "anna", "password": PASSWORD}),
        ("/refresh", {"refresh": "x"}),
        ("/email/confirm", {"token": "x"}),
        ("/recover", {"email": "anna@parley.example"}),
        ("/recover/finish", {"token": "x", "password": PASSWORD}),
        ("/recover/code", {"login": "anna", "code": "x", "password": PASSWORD}),
    ],
)
def test_on_http_that_is_not_loopback_no_program_sends_a_password(
    tmp_path: Path, database: Path, path: str, body: dict[str, str]
) -> None:
    """It would be read on the way, as a browser's would."""
    house = House(tmp_path, database, argon2=(64, 1, 1), host="192.0.2.7")
    with house.open() as client:
        client.headers["host"] = "192.0.2.7:7210"
        assert refused(call(client, path, **body), 403, "https_needed")
        client.headers["host"] = "127.0.0.1:7210"
        assert "https_needed" not in call(client, path, **body).text


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(client: TestClient[Any], house: House) -> None:
    member(client, house)
    wrong = call(client, "/sign-in", login="anna", password="not this one at all")
    unknown = call(client, "/sign-in", login="nobody", password="not this one at all")
    assert refused(wrong, 401, "sign_in_failed")
    assert wrong.content == unknown.content


def test_a_refresh_token_is_good_once_and_the_grandparent_ends_it_all(client: TestClient[Any], house: House) -> None:
    first = member(client, house)
    second = call(client, "/refresh", refresh=first["refresh"]).json()
    third = call(client, "/refresh", refresh=second["refresh"]).json()
    assert refused(call(client, "/refresh", refresh=first["refresh"]), 401, "token_bad")
    for pair in (first, second, third):
        assert refused(client.get(f"{API}/me", headers={"authorization": f"Bearer {pair['access']}"}), 401, "token_bad")
    assert refused(call(client, "/refresh", refresh=third["refresh"]), 401, "token_bad")
    [row] = house.services.members.audit.find("token_reused")
    assert row.event.actor == first["user"]["id"]


def test_after_signing_out_no_token_is_good(client: TestClient[Any], house: House) -> None:
    pair = member(client, house)
    assert call(client, "/sign-out", pair["access"]).status_code == 204
    assert refused(call(client, "/sign-out", pair["access"]), 401, "token_bad")
    assert refused(call(client, "/refresh", refresh=pair["refresh"]), 401, "token_bad")


def test_sessions_are_listed_and_ended_one_by_one_or_all(client: TestClient[Any], house: House) -> None:
    member(client, house)
    mine, other, third = (call(client, "/sign-in", login="anna", password=PASSWORD).json() for _ in range(3))
    head = {"authorization": f"Bearer {mine['access']}"}
    listed = client.get(f"{API}/sessions", headers=head).json()["sessions"]
    assert len(listed) == 4
    assert [each["device"] for each in listed] == ["parley-client"] * 4
    assert [each["current"] for each in listed].count(True) == 1
    assert not set(listed[0]) & {"refresh", "before", "user_id"}
    ended = next(each["id"] for each in listed if not each["current"])
    assert call(client, f"/sessions/{ended}/end", mine["access"]).status_code == 204
    assert refused(call(client, f"/sessions/{ended}/end", mine["access"]), 404, "session_gone")
    assert call(client, "/sessions/end-others", mine["access"]).json() == {"ended": 2}
    for pair in (other, third):
        assert client.get(f"{API}/me", headers={"authorization": f"Bearer {pair['access']}"}).status_code == 401
    assert client.get(f"{API}/me", headers=head).status_code == 200


def test_nobody_ends_somebody_elses_session(client: TestClient[Any], house: House) -> None:
    anna = member(client, house)
    call(client, "/register", username="bert", email="bert@parley.example", password=PASSWORD)
    bert = call(client, "/confirm", token=mailed(house), password=PASSWORD).json()
    head = {"authorization": f"Bearer {anna['access']}"}
    [session] = client.get(f"{API}/sessions", headers=head).json()["sessions"]
    assert refused(call(client, f"/sessions/{session['id']}/end", bert["access"]), 404, "session_gone")
    assert client.get(f"{API}/me", headers=head).status_code == 200


def test_a_new_password_ends_every_session_and_brings_a_new_pair(client: TestClient[Any], house: House) -> None:
    old = member(client, house)
    new = call(client, "/password", old["access"], current=PASSWORD, password="eleven herons in the reeds")
    assert new.status_code == 200, new.text
    assert call(client, "/prove", old["access"], password=PASSWORD).status_code == 401
    assert call(client, "/prove", new.json()["access"], password="eleven herons in the reeds").status_code == 200
    assert refused(call(client, "/prove", new.json()["access"], password=PASSWORD), 403, "password_wrong")


def test_a_lost_password_is_recovered_by_mail_and_unknown_addresses_hear_the_same(
    client: TestClient[Any], house: House
) -> None:
    pair = member(client, house)
    known = call(client, "/recover", email="anna@parley.example")
    token = mailed(house)
    unknown = call(client, "/recover", email="nobody@parley.example")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, b"")
    finish = {"token": token, "password": "eleven herons in the reeds"}
    assert call(client, "/recover/finish", **finish).status_code == 204
    assert refused(call(client, "/recover/finish", **finish), 404, "link_gone")
    assert call(client, "/prove", pair["access"], password=PASSWORD).status_code == 401
    answer = call(client, "/sign-in", login="anna", password="eleven herons in the reeds")
    assert answer.status_code == 200


def test_a_recovery_code_sets_a_new_password_once(client: TestClient[Any], house: House) -> None:
    pair = member(client, house)
    codes = call(client, "/codes", pair["access"]).json()["codes"]
    assert len(codes) == 10
    body = {"login": "anna", "code": codes[0], "password": "eleven herons in the reeds"}
    assert call(client, "/recover/code", **body).status_code == 204
    assert refused(call(client, "/recover/code", **body), 403, "code_wrong")


def test_an_account_that_was_deleted_comes_back_by_signing_in(client: TestClient[Any], house: House) -> None:
    pair = member(client, house)
    assert call(client, "/delete", pair["access"]).status_code == 202
    assert call(client, "/delete", pair["access"]).status_code == 401
    assert call(client, "/sign-in", login="anna", password=PASSWORD).json()["restored"] is True


def test_what_is_wrong_with_a_field_names_the_field(client: TestClient[Any]) -> None:
    answer = call(client, "/register", **{**WISH, "password": "short"})
    assert refused(answer, 400, "password_short")
    assert answer.json()["field"] == "password"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"login":"a"}', b'{"login":1,"password":"x"}', b"\xff", b"[" * 50_000,
     b'{"login":"a","password":"b","role":"admin"}', b'{"login":"a","login":"b","password":"c"}',
     b'{"login":"\\ud800","password":"b"}', b'{"login":"\\u0000","password":"b"}'],
)  # fmt: skip
def test_json_that_cannot_be_read_is_told_so(client: TestClient[Any], content: bytes) -> None:
    head = {"content-type": "application/json"}
    assert refused(client.post(f"{API}/sign-in", content=content, headers=head), 400, "json_bad")


@pytest.mark.parametrize("path", ["/sign-out", "/prove", "/password", "/email", "/phone", "/codes", "/delete"])
def test_without_a_token_nothing_is_done(client: TestClient[Any], path: str) -> None:
    assert refused(call(client, path), 401, "sign_in_first")


def test_cookies_are_no_token(client: TestClient[Any], house: House) -> None:
    pair = member(client, house)
    client.cookies["at"], client.cookies["rt"] = pair["access"], pair["refresh"]
    assert refused(client.get(f"{API}/me"), 401, "sign_in_first")


def test_another_website_gets_nothing_done_even_with_a_token(client: TestClient[Any], house: House) -> None:
    pair = member(client, house)
    head = {"authorization": f"Bearer {pair['access']}", "sec-fetch-site": "cross-site"}
    answer = client.post(f"{API}/sign-out", headers=head)
    assert refused(answer, 403, "cross_site")


def test_errors_are_in_the_readers_language_and_json_whatever_is_asked_for(client: TestClient[Any]) -> None:
    head = {"accept-language": "zh-CN", "accept": "text/html"}
    answer = client.get(f"{API}/me", headers=head)
    assert refused(answer, 401, "sign_in_first")
    assert re.search(r"[\u4e00-\u9fff]", json.loads(answer.content)["message"])


def test_too_many_tries_are_slowed_down_and_told_when_to_come_back(client: TestClient[Any], house: House) -> None:
    member(client, house)
    answers = [call(client, "/sign-in", login="anna", password="not this one at all") for _ in range(12)]
    assert [answer.status_code for answer in answers].count(401) == 10
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
