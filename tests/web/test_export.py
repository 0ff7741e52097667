"""A conversation taken away: whole, readable, and safe to open."""

from datetime import UTC, datetime
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.chat import Chat, Message
from tests.web.house import HTMX, House, key, new_chat
from web.routes.export import attachment, markdown

AT = datetime(2026, 5, 4, 3, 2, tzinfo=UTC)
CHAT = Chat("c1", "g1", "socrates", "en", "On <b>virtue</b>", AT, AT)


def message(role: str, text: str, interrupted: bool = False) -> Message:
    return Message("m", "c1", "t", 1, role, text, AT, interrupted)  # type: ignore[arg-type]


def test_markdown_reads_like_a_conversation() -> None:
    text = markdown(CHAT, "Socrates", [message("user", "What is it?"), message("assistant", "Well, a", True)])
    assert text.decode() == (
        "# On &lt;b>virtue&lt;/b>\n\n"
        "Socrates · 2026-05-04 03:02 UTC\n\n**You:** What is it?\n\n**Socrates:** Well, a —\n"
    )


def test_what_was_said_cannot_become_markup() -> None:
    text = markdown(CHAT, "Socrates", [message("user", "ok\n# Big\n- item\n1. one\n<script>x</script>")]).decode()
    assert "\n# Big" not in text
    assert "\n\\# Big" in text
    assert "\n\\- item" in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Hello.md", "attachment; filename=\"Hello.md\"; filename*=UTF-8''Hello.md"),
        ("美德.md", "attachment; filename=\"chat.md\"; filename*=UTF-8''%E7%BE%8E%E5%BE%B7.md"),
        ('a"b\r\nc/../d.md', "attachment; filename=\"a b c d.md\"; filename*=UTF-8''a%20b%20c%20d.md"),
        ("....json", "attachment; filename=\"chat.json\"; filename*=UTF-8''chat.json"),
        ("\x00.md", "attachment; filename=\"chat.md\"; filename*=UTF-8''chat.md"),
    ],
)
def test_file_names_are_safe_in_any_script(name: str, header: str) -> None:
    assert attachment(name) == header


def test_long_titles_make_no_long_file_names() -> None:
    assert len(attachment("长" * 500 + ".md")) < 900


def test_both_forms_can_be_had(house: House, client: TestClient[Any]) -> None:
    chat = new_chat(client, "tutor", "zh")
    client.post(f"/chats/{chat}/turns", data={"text": "你好", "key": key()})
    client.post(f"/chats/{chat}/rename", data={"title": "问候"}, headers=HTMX)
    name = house.personas.get("tutor").card("zh").name
    text = client.get(f"/chats/{chat}/export.md")
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"
    assert text.headers["content-disposition"].endswith("%E9%97%AE%E5%80%99.md")
    assert f"**{name}:** I am, I think, a friend." in text.text
    data = client.get(f"/chats/{chat}/export.json")
    assert data.headers["content-type"] == "application/json"
    assert data.json()["title"] == "问候"
    assert data.json()["character"] == name
    assert [(m["role"], m["text"]) for m in data.json()["messages"]] == [
        ("user", "你好"),
        ("assistant", "I am, I think, a friend."),
    ]
    assert "guest" not in data.text
    assert client.get(f"/chats/{chat}/export?format=json").json() == data.json()
    assert client.get(f"/chats/{chat}/export?format=exe").status_code == 400
