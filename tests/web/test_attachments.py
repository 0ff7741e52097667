"""Attachments over HTTP: thrown in, watched, taken back, looked at, and talked about."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.errors import BadInput, ParleyError
from domain.filing.attaching import MOST_BYTES, MOST_WAITING
from domain.filing.model import Read
from infra.readers.heif import MOST_PIXELS
from tests.web.events import parse
from tests.web.house import HTMX, House, key, new_chat
from tests.web.objects import guest_cookie
from tests.web.test_knowledge import sign_in
from tests.web.visitors import account
from web import attachments

Client = TestClient[Any]
LAMP = "The lamp stands forty metres above the sea."
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
JSON = {"accept": "application/json"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}"


def throw(client: Client, chat: str, name: str = "lamp.txt", data: bytes = LAMP.encode(), **headers: str) -> Any:
    return client.post(f"/chats/{chat}/attachments", files={"file": (name, data)}, headers={**JSON, **headers})


def read(client: Client, chat: str) -> str:
    """Wait until everything has been read, and return the fragment."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        html = client.get(f"/chats/{chat}/attachments").text
        if 'data-state="reading"' not in html:
            return html
        time.sleep(0.02)
    raise AssertionError(html)


def id_of(html: str) -> str:
    return html.split('data-attachment="')[1].split('"')[0]


def ready(client: Client, chat: str, *thrown: Any) -> str:
    answer = throw(client, chat, *thrown)
    assert answer.status_code == 201, answer.text
    return id_of(read(client, chat))


def ask(client: Client, chat: str, text: str, ids: str = "", number: int = 1) -> list[Any]:
    data = {"key": key(number), "text": text, "attachments": ids}
    return parse(client.post(f"/chats/{chat}/turns", data=data).text)


def test_a_file_is_taken_read_and_shown_as_a_chip(house: House, client: Client) -> None:
    chat = new_chat(client)
    answer = throw(client, chat, "../../la<b>mp.txt")
    assert answer.status_code == 201
    assert answer.text.count("<li") == 1
    html = read(client, chat)
    assert 'data-state="ready"' in html
    assert "la_b_mp.txt" in html and "<b>" not in html
    assert "1 KB" in html
    page = client.get(f"/chats/{chat}").text
    assert 'data-state="ready"' in page, "the room shows what waits"


def test_it_goes_along_with_the_words_stands_under_them_and_is_cited(house: House, client: Client) -> None:
    chat = new_chat(client)
    one = ready(client, chat)
    events = ask(client, chat, "How high is the lamp?", one)
    assert LAMP in house.mind.prompts[-1].lines[-1].text
    heard = events[1].data
    assert f'href="/chats/{chat}/attachments/{one}"' in heard and "lamp.txt" in heard
    cited = next(event.data for event in events if 'hx-target="#sources"' in event.data)
    assert LAMP in cited and f'href="/chats/{chat}/attachments/{one}"' in cited
    room = client.get(f"/chats/{chat}").text
    assert room.count(f'href="/chats/{chat}/attachments/{one}"') == 2, "under the line and under the reply"
    assert f'id="a-{one}"' not in room, "it waits no more"
    ask(client, chat, "Does the document say more?", number=2)
    assert LAMP in house.mind.prompts[-1].lines[-1].text


def test_something_alone_is_a_turn_too(house: House, client: Client) -> None:
    chat = new_chat(client)
    events = ask(client, chat, "", ready(client, chat))
    assert "What is this?" in events[1].data


def test_what_was_read_can_be_opened_as_a_page_and_in_the_room(house: House, client: Client) -> None:
    chat = new_chat(client)
    text = f"# {EVIL}\n\n{LAMP}"
    house.reader.found["a.pdf"] = Read(kind="pdf", media_type="application/pdf", text=text, pages=3, cut=True)
    place = f"/chats/{chat}/attachments/{ready(client, chat, 'a.pdf', b'%PDF-1.7 ' + bytes(40))}"
    page, part = client.get(place), client.get(place, headers=HTMX)
    for answer in (page, part):
        assert answer.status_code == 200
        assert LAMP in answer.text and "3 pages" in answer.text
        assert "<script>alert" not in answer.text and "<img src=x" not in answer.text
        assert answer.headers["cache-control"].startswith("private")
    assert "<html" in page.text and "<html" not in part.text


def test_a_picture_is_sent_as_it_was_made_anew_and_can_do_nothing(house: House, client: Client) -> None:
    chat = new_chat(client)
    house.reader.found["sea.png"] = Read(kind="image", media_type="image/png", image=JPEG, width=640, height=480)
    one = ready(client, chat, "sea.png", PNG)
    answer = client.get(f"/chats/{chat}/attachments/{one}/picture")
    assert answer.content == JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"].startswith("private")
    assert "/picture" in client.get(f"/chats/{chat}/attachments/{one}").text
    other = new_chat(client)
    text = ready(client, other)
    assert client.get(f"/chats/{other}/attachments/{text}/picture").status_code == 404


def test_what_failed_says_why_and_is_read_again(house: House, client: Client) -> None:
    chat = new_chat(client)
    house.reader.found["lamp.txt"] = BadInput("file_broken")
    throw(client, chat)
    html = read(client, chat)
    assert "could not be read" in html and "data-again" in html
    del house.reader.found["lamp.txt"]
    again = client.post(f"/chats/{chat}/attachments/{id_of(html)}/again")
    assert again.status_code == 200
    assert 'data-state="ready"' in read(client, chat)
    assert client.post(f"/chats/{chat}/attachments/{id_of(html)}/again").status_code == 409


def test_what_would_fail_again_is_not_offered_to_be_read_again(house: House, client: Client) -> None:
    chat = new_chat(client)
    house.reader.found["lamp.txt"] = BadInput("file_locked")
    throw(client, chat)
    html = read(client, chat)
    assert "locked with a password" in html and "data-remove" in html and "data-again" not in html


def test_a_picture_that_was_removed_from_the_files_is_said_to_be(house: House, client: Client) -> None:
    anna = account(house)
    sign_in(house, client, anna)
    chat = new_chat(client)
    house.reader.found["sea.png"] = Read(kind="image", media_type="image/png", image=JPEG, width=640, height=480)
    place = f"/chats/{chat}/attachments/{ready(client, chat, 'sea.png', PNG)}"
    assert "read__picture" in client.get(place).text
    for file in house.filing.cabinet.owned(anna.id):
        client.post(f"/files/{file.id}/remove")
    told = client.get(place).text
    assert "The picture was removed from your files." in told and "read__picture" not in told


def test_what_is_taken_back_is_gone(house: House, client: Client) -> None:
    chat = new_chat(client)
    one = ready(client, chat)
    answer = client.post(f"/chats/{chat}/attachments/{one}/remove")
    assert answer.status_code == 200 and "<li" not in answer.text
    for path in ("", "/picture"):
        assert client.get(f"/chats/{chat}/attachments/{one}{path}").status_code == 404
    assert client.post(f"/chats/{chat}/attachments/{one}/remove").status_code == 404


def test_what_was_sent_stays(house: House, client: Client) -> None:
    chat = new_chat(client)
    one = ready(client, chat)
    ask(client, chat, "How high?", one)
    assert client.post(f"/chats/{chat}/attachments/{one}/remove", headers=JSON).json()["code"] == "attachment_sent"


def test_only_so_many_wait(house: House, client: Client) -> None:
    chat = new_chat(client)
    for number in range(MOST_WAITING):
        assert throw(client, chat, f"{number}.txt").status_code == 201
    refused = throw(client, chat, "more.txt")
    assert (refused.status_code, refused.json()["code"]) == (409, "attachments_waiting")
    assert f"At most {MOST_WAITING} " in refused.json()["message"]


def test_nobody_gets_at_anothers(house: House, client: Client) -> None:
    chat = new_chat(client)
    one = ready(client, chat)
    client.cookies.clear()
    client.cookies.set("guest", guest_cookie("somebody-else-entirely"))
    place = f"/chats/{chat}/attachments"
    for method, path in (
        ("GET", place), ("GET", f"{place}/{one}"), ("GET", f"{place}/{one}/picture"),
        ("POST", f"{place}/{one}/remove"), ("POST", f"{place}/{one}/again"),
    ):  # fmt: skip
        assert client.request(method, path).status_code == 404, path
    assert throw(client, chat).status_code == 404
    other = new_chat(client)
    for path in (f"/chats/{other}/attachments/{one}", f"/chats/{other}/attachments/{one}/picture"):
        assert client.get(path).status_code == 404
    ask(client, other, "How high is the lamp above the sea?", one)
    assert LAMP not in house.mind.prompts[-1].lines[-1].text


def test_without_the_membership_it_is_refused_with_what_gives_it(house: House, client: Client) -> None:
    chat = new_chat(client)
    house.allowances.limits["attachments"] = 0
    for answer in (
        throw(client, chat),
        client.post(f"/chats/{chat}/attachments", data={"url": "coast.example"}, headers=JSON),
        throw(client, chat, "big.txt", bytes(3_000_000)),
    ):
        assert answer.status_code == 402
        told = answer.json()
        assert (told["code"], told["feature"], told["better"]) == ("attachments_not_given", "attachments", "plus")
        assert "/membership" in told["html"]
    assert house.reader.asked == []
    room = client.get(f"/chats/{chat}").text
    assert 'data-attach="no"' in room and 'id="attach-offer"' in room and 'id="attach"' in room
    assert "is not part of your plan" in room
    house.allowances.limits["attachments"] = 5
    assert 'data-attach="yes"' in client.get(f"/chats/{chat}").text


def test_when_they_are_used_up_it_is_said(house: House, client: Client) -> None:
    chat = new_chat(client)
    house.allowances.limits["attachments"] = 1
    ready(client, chat)
    refused = throw(client, chat, "more.txt")
    assert (refused.status_code, refused.json()["code"]) == (402, "attachments_spent")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "file_empty"),
        (b"MZ\x90\0\x03" + bytes(range(200)), 400, "file_unknown"),
        (b"a" * (MOST_BYTES + 1), 413, "file_large"),
        (bytes(MOST_BYTES + 100_000), 413, "too_large"),
    ],
    ids=["nothing", "a program", "a byte too large", "far too large"],
)
def test_what_is_no_attachment_is_refused_and_leaves_nothing(
    house: House, client: Client, data: bytes, status: int, code: str
) -> None:
    chat = new_chat(client)
    answer = throw(client, chat, "file.bin", data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "<li" not in client.get(f"/chats/{chat}/attachments").text


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n", b"\xff\xfe" * 400, b"file=text", b"url="])
@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded", "text/plain"],
)
def test_no_form_breaks_it(client: Client, body: bytes, kind: str) -> None:
    chat = new_chat(client)
    answer = client.post(f"/chats/{chat}/attachments", content=body, headers={**JSON, "content-type": kind})
    assert 400 <= answer.status_code < 500


def test_a_link_comes_in_any_form_and_a_form_that_is_far_too_much_is_none(client: Client) -> None:
    chat, place = new_chat(client), "/chats/{}/attachments"
    many = client.post(place.format(chat), files={"url": (None, "coast.example")}, headers=JSON)
    assert many.status_code == 201 and "coast.example" in many.text
    huge = client.post(place.format(chat), data={"url": "a" * 40_000}, headers=JSON)
    assert (huge.status_code, huge.json()["code"]) == (400, "form_unreadable")
    other = client.post(place.format(chat), files={"other": (None, "x")}, headers=JSON)
    assert (other.status_code, other.json()["code"]) == (400, "nothing_attached")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://a.example", "https://u:p@a.example/", "", "\0", "a" * 5_000]
)
def test_what_is_no_address_is_refused(client: Client, url: str) -> None:
    chat = new_chat(client)
    answer = client.post(f"/chats/{chat}/attachments", data={"url": url}, headers=JSON)
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    "ids", ["nobody", ",,,", "\0", "a" * 300, "x," * 5_000, "'; DROP TABLE attachments; --", "\u202e"]
)
def test_whatever_a_turn_names_it_goes_on(house: House, client: Client, ids: str) -> None:
    chat = new_chat(client)
    assert ask(client, chat, "Who are you?", ids)[-1].name == "done"


def test_what_came_along_is_named_in_what_is_taken_away(house: House, client: Client) -> None:
    chat = new_chat(client)
    one = ready(client, chat, "la*mp* [x](y).txt", LAMP.encode())
    ask(client, chat, "How high?", one)
    told = client.get(f"/chats/{chat}/export.json").json()["messages"]
    came = {"kind": "text", "name": "la_mp_ [x](y).txt", "media_type": "text/plain", "url": ""}
    assert told[0]["attachments"] == [came]
    assert "attachments" not in told[1]
    assert told[1]["sources"][0]["title"] == "la_mp_ [x](y).txt"
    text = client.get(f"/chats/{chat}/export.md").text
    assert "Attached:" in text and r"la\_mp\_ \[x\](y).txt" in text


def test_reasons_are_told_in_the_readers_language(house: House, client: Client) -> None:
    chat = new_chat(client)
    failures: list[ParleyError] = [BadInput("picture_large", most=25), BadInput("attachment_empty")]
    for number, failure in enumerate(failures):
        house.reader.found[f"{number}.txt"] = failure
        throw(client, chat, f"{number}.txt")
    client.cookies.set("language", "zh")
    html = read(client, chat)
    assert "2500" in html or "25" in html
    assert "里面没有可以讨论的内容" in html
    assert "{" not in html


def test_the_files_of_a_chat_that_is_erased_are_gone_from_the_disk(house: House, tmp_path: Path) -> None:
    house.reader.found["sea.png"] = Read(kind="image", media_type="image/png", image=JPEG)

    def on_disk() -> list[Path]:
        return [file for file in (tmp_path / "files").rglob("*") if file.is_file()]

    with house.open() as client:
        chat = new_chat(client)
        ready(client, chat, "sea.png", PNG)
        assert len(on_disk()) == 2, "as it came, and as it was made anew"
        client.post(f"/chats/{chat}/delete")
    later = house.clock.now() + timedelta(days=8)
    assert asyncio.run(house.attaching.purge(later)) == 1
    assert on_disk() == []
    assert house.chats.purge(later) == 1


def test_the_numbers_in_the_words_of_readers_are_those_of_the_readers() -> None:
    assert attachments.NUMBERS == {"file_large": MOST_BYTES >> 20, "picture_large": MOST_PIXELS // 1_000_000}
