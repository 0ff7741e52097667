"""Who is who: a signed cookie on first need, and nobody sees another's conversations."""

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.web.house import HTTPS, House, key, new_chat


def test_reading_public_pages_makes_nobody_a_guest(house: House) -> None:
    with house.open() as client:
        for path in ("/", "/about", "/characters/socrates", "/recent", "/chats", "/health"):
            assert "set-cookie" not in client.get(path).headers, path


def test_the_first_chat_brings_a_cookie_that_scripts_cannot_read(house: House) -> None:
    with house.open() as client:
        answer = client.post("/characters/socrates/chats", data={"language": "en"}, follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("guest=")
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Path=/" in cookie
    assert "secure" not in cookie.lower()  # plain http on loopback: it would not come back


def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Path, database: Path) -> None:
    with House(tmp_path, database, **HTTPS).open() as client:
        answer = client.post("/characters/socrates/chats", data={"language": "en"}, follow_redirects=False)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-guest=")
        assert "Secure" in cookie
        assert "domain" not in cookie.lower()
        assert client.get(answer.headers["location"]).status_code == 200


def test_a_second_chat_belongs_to_the_same_guest(house: House) -> None:
    with house.open() as client:
        first, second = new_chat(client), new_chat(client, "tutor")
        assert client.get(f"/chats/{first}").status_code == 200
        assert client.get(f"/chats/{second}").status_code == 200


def test_another_guest_finds_none_of_it(house: House) -> None:
    with house.open() as client:
        chat = new_chat(client)
        stream = client.post(f"/chats/{chat}/turns", data={"text": "Hello", "key": key()})
        turn = stream.text.partition('"turn":"')[2].partition('"')[0]
        heard, said = house.chats.turn(_guest_of(house, chat), chat, turn)
        assert heard is not None
        assert said is not None
        client.cookies.clear()
        new_chat(client)  # somebody else, with a conversation of their own
        mine = f"/chats/{chat}"
        for method, path in [
            ("GET", mine),
            ("GET", f"{mine}/export.md"),
            ("GET", f"{mine}/export.json"),
            ("GET", f"{mine}/turns/{turn}/events"),
            ("GET", f"{mine}/turns/{turn}/receipt"),
            ("GET", f"{mine}/messages/{said.id}/sound.wav"),
            ("POST", f"{mine}/turns"),
            ("POST", f"{mine}/turns/{turn}/stop"),
            ("POST", f"{mine}/utterances/utterance-1?seq=0"),
            ("POST", f"{mine}/prepare"),
            ("POST", f"{mine}/rename"),
            ("POST", f"{mine}/delete"),
            ("POST", f"{mine}/restore"),
        ]:
            data = {"text": "mine", "key": key(2), "title": "mine"} if method == "POST" else None
            assert client.request(method, path, data=data).status_code == 404, path
        assert "Hello" not in client.get("/chats").text + client.get("/recent").text
    assert len(house.chats.messages(_guest_of(house, chat), chat)) == 2


@pytest.mark.parametrize("change", ["", "x", ".", "a" * 5000, "a" * 24 + ".b", "%00", "é", '"quoted"', "a.b.c.d"])
def test_a_cookie_that_we_did_not_sign_is_nobody(reader: TestClient[Any], change: str) -> None:
    chat = new_chat(reader)
    reader.cookies.clear()
    answer = reader.get(f"/chats/{chat}", headers={b"cookie": f"guest={change}".encode()})
    assert answer.status_code == 404


def test_a_cookie_with_another_guest_in_it_is_nobody(house: House) -> None:
    with house.open() as client:
        chat = new_chat(client)
        cookie = client.cookies["guest"]
        guest, _, signature = cookie.rpartition(".")
        forged = guest[:-1] + ("A" if guest[-1] != "A" else "B") + "." + signature
        client.cookies["guest"] = forged
        assert client.get(f"/chats/{chat}").status_code == 404
        client.cookies["guest"] = cookie
        assert client.get(f"/chats/{chat}").status_code == 200


def _guest_of(house: House, chat: str) -> str:
    with house.chats._engine.connect() as connection:
        row = connection.exec_driver_sql("select guest from chats where id = ?", (chat,)).one()
    return str(row[0])
