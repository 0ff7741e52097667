"""The pages people read: in their language and theme, cacheable where public."""

import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.errors import NotFound
from tests.web.house import HTMX, House, awake, key, new_chat

Client = TestClient[Any]


def say(client: Client, chat: str, text: str, number: int = 1) -> None:
    answer = client.post(f"/chats/{chat}/turns", data={"text": text, "key": key(number)})
    assert answer.status_code == 200, answer.text


def titled(house: House, client: Client, chat: str, title: str) -> None:
    answer = client.post(f"/chats/{chat}/rename", data={"title": title}, headers=HTMX)
    assert answer.status_code == 200, answer.text


def test_the_gallery_shows_every_character(house: House, client: Client) -> None:
    page = client.get("/").text
    for persona in house.personas.all():
        assert f'href="/characters/{persona.id}"' in page
        assert persona.card("en").name in page


@pytest.mark.parametrize("path", ["/", "/about", "/characters/socrates"])
def test_public_pages_may_be_shared_and_are_revalidated(reader: Client, path: str) -> None:
    answer = reader.get(path)
    assert "public" in answer.headers["cache-control"]
    assert "s-maxage=" in answer.headers["cache-control"]
    assert "Cookie" in answer.headers["vary"]
    assert "Accept-Language" in answer.headers["vary"]
    again = reader.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    assert reader.get(path, headers={"if-none-match": '"another"'}).status_code == 200


def test_a_page_in_another_language_or_theme_is_another_page(client: Client) -> None:
    english = client.get("/").headers["etag"]
    chinese = client.get("/", headers={"accept-language": "zh-CN,zh;q=0.9"}).headers["etag"]
    client.cookies["theme"] = "dark"
    dark = client.get("/").headers["etag"]
    assert len({english, chinese, dark}) == 3


def test_the_language_is_the_chosen_one_else_what_the_browser_asks_for(client: Client) -> None:
    def language(**headers: str) -> str:
        found = re.search(r'<html lang="(\w+)', client.get("/", headers=headers).text)
        assert found is not None
        return found.group(1)

    assert language() == "en"
    assert language(**{"accept-language": "fr, zh-TW;q=0.8, en;q=0.7"}) == "zh"
    client.post("/settings", data={"language": "en"}, follow_redirects=False)
    assert language(**{"accept-language": "zh"}) == "en"
    client.post("/settings", data={"language": "zh"}, follow_redirects=False)
    assert language(**{"accept-language": "en"}) == "zh"


def test_the_theme_is_drawn_by_the_server(client: Client) -> None:
    assert 'data-theme="auto"' in client.get("/").text
    client.post("/settings", data={"theme": "dark"}, follow_redirects=False)
    assert 'data-theme="dark"' in client.get("/").text
    client.cookies["theme"] = '"><script>'
    assert 'data-theme="auto"' in client.get("/").text


@pytest.mark.parametrize(
    ("back", "goes"),
    [
        ("/about", "/about"),
        ("/characters/socrates?x=1", "/characters/socrates?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_settings_lead_back_to_a_page_of_ours_only(reader: Client, back: str, goes: str) -> None:
    answer = reader.post("/settings", data={"theme": "light", "back": back}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, goes)


def test_settings_without_a_page_to_go_back_to_use_the_one_they_came_from(client: Client) -> None:
    answer = client.post(
        "/settings", data={"theme": "light"}, headers={"referer": "http://x/about"}, follow_redirects=False
    )
    assert answer.headers["location"] == "/about"


def test_unknown_settings_are_refused(client: Client) -> None:
    assert client.post("/settings", data={"language": "tlh"}).status_code == 400
    assert client.post("/settings", data={"theme": "pink"}).status_code == 400


def test_talk_opens_a_room_in_the_language_asked_for(house: House, client: Client) -> None:
    chat = new_chat(client, "tutor", "zh")
    page = client.get(f"/chats/{chat}").text
    assert house.personas.get("tutor").card("zh").greeting in page
    assert 'data-speech-language="zh"' in page


def test_for_htmx_a_new_room_is_a_page_of_its_own(client: Client) -> None:
    answer = client.post("/characters/socrates/chats", data={"language": "en"}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.headers["hx-redirect"].startswith("/chats/")


def test_a_chat_in_which_nothing_was_said_is_not_listed(client: Client) -> None:
    chat = new_chat(client)
    assert chat not in client.get("/chats").text
    assert chat not in client.get("/recent").text


def test_what_was_said_is_listed_newest_first(house: House, client: Client) -> None:
    first, second = new_chat(client), new_chat(client, "tutor")
    titled(house, client, first, "On virtue")
    titled(house, client, second, "On verbs")
    say(client, first, "What is virtue?")
    for path in ("/chats", "/recent"):
        page = client.get(path).text
        assert page.index("On virtue") < page.index("On verbs")


def test_the_room_shows_what_was_said_as_text_never_as_markup(client: Client) -> None:
    chat = new_chat(client)
    hostile = "<img src=x onerror=alert(1)>'\"&<hx-partial>"
    say(client, chat, hostile)
    page = client.get(f"/chats/{chat}").text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_rename_delete_and_undo(house: House, client: Client) -> None:
    chat = new_chat(client)
    say(client, chat, "Hello")
    row = client.post(f"/chats/{chat}/rename", data={"title": "  A <b>new</b>\n name "}, headers=HTMX)
    assert "A &lt;b&gt;new&lt;/b&gt; name" in row.text
    row = client.post(f"/chats/{chat}/delete", headers=HTMX)
    assert f"/chats/{chat}/restore" in row.text
    assert client.get(f"/chats/{chat}").status_code == 404
    assert chat not in client.get("/chats").text
    row = client.post(f"/chats/{chat}/restore", headers=HTMX)
    assert row.status_code == 200
    assert "Hello" in client.get(f"/chats/{chat}").text


def test_without_scripts_the_same_buttons_lead_back_to_the_list(client: Client) -> None:
    chat = new_chat(client)
    for path, data in (("rename", {"title": "x"}), ("delete", {}), ("restore", {})):
        answer = client.post(f"/chats/{chat}/{path}", data=data, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/chats")


@pytest.mark.parametrize(("title", "status"), [("", 400), (" \n ", 400), ("a\x00b", 400), ("x" * 81, 413)])
def test_titles_that_cannot_be(client: Client, title: str, status: int) -> None:
    chat = new_chat(client)
    assert client.post(f"/chats/{chat}/rename", data={"title": title}).status_code == status


def test_a_room_whose_character_has_gone_can_still_be_read(house: House, client: Client) -> None:
    chat = new_chat(client)
    say(client, chat, "Remember this")
    house.personas.remove("socrates", house.clock.now())
    with pytest.raises(NotFound):
        house.personas.get("socrates")
    assert "Remember this" in client.get(f"/chats/{chat}").text
    assert client.get(f"/chats/{chat}/export.md").status_code == 200
    answer = client.post(f"/chats/{chat}/turns", data={"text": "Still there?", "key": key(2)}, headers=HTMX)
    assert answer.status_code == 404
    assert "no longer here" in answer.text


def test_the_engines_report_what_is_ready(house: House, client: Client) -> None:
    ready = client.get("/ready")
    assert ready.json()["ready"] is (ready.status_code == 200)
    assert [engine["name"] for engine in ready.json()["engines"]] == ["asr", "tts"]
    assert client.get("/health").json() == {"status": "alive"}
    assert 'id="engines"' in client.get("/engines").text


def test_the_manifest_names_only_icons_that_exist(client: Client) -> None:
    answer = client.get("/manifest.webmanifest")
    assert answer.headers["content-type"].startswith("application/manifest+json")
    for icon in answer.json()["icons"]:
        assert client.get(icon["src"]).status_code == 200


def test_robots_are_kept_out_of_conversations(client: Client) -> None:
    assert "Disallow: /chats" in client.get("/robots.txt").text


@pytest.mark.parametrize(
    "path", ["/", "/about", "/chats", "/health", "/robots.txt", "/characters/socrates/greeting.wav"]
)
def test_head_tells_what_get_would_without_sending_it(reader: Client, path: str) -> None:
    head, get = reader.head(path), reader.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_the_folder_of_characters_is_the_gallery(reader: Client) -> None:
    answer = reader.get("/characters", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, "/")


def test_a_room_whose_functions_sleep_looks_again_once_it_has_woken_them(tmp_path: Path, database: Path) -> None:
    with House(tmp_path, database, runtime="modal").open() as client:
        awake(client)
        room = client.get(f"/chats/{new_chat(client)}").text
    assert re.search(r'id="engines"[^>]*hx-trigger="load delay:1s"', room)
    assert "load delay" not in client.get("/engines").text
