"""Sources over HTTP: in the stream, on a page that is loaded again, in what is taken away, in the receipt."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from domain.errors import Unavailable
from domain.knowledge.library import Found
from domain.knowledge.model import Citation
from domain.turns import Turns
from tests.fakes import Bookcase
from tests.web.events import parse
from tests.web.house import HTMX, House, application, key, new_chat

Client = TestClient[Any]
LAMP = Citation(1, "Light*houses* [x](y)", "coast.example", "https://coast.example/l", "The lamp is 40 metres high.")
EVIL = Citation(2, "<b>Fog</b>\n# Big", "evil.example", "javascript:alert(1)", "<script>alert(1)</script>")
FOUND = Found(True, (LAMP, EVIL))


@pytest.fixture
def library() -> Bookcase:
    return Bookcase(FOUND)


@pytest.fixture
def house(tmp_path: Path, database: Path, library: Bookcase) -> House:
    house = House(tmp_path, database)
    house.turns = Turns(
        house.ear, house.mind, house.mouth, house.chats, house.personas, house.clock, library=library, look_up_s=5
    )
    house.app = application(msgspec.structs.replace(house.services, turns=house.turns))
    return house


def write(client: Client, chat: str, number: int = 1) -> str:
    return client.post(f"/chats/{chat}/turns", data={"key": key(number), "text": "How high is the lamp?"}).text


def test_the_sources_are_told_before_the_first_word_and_stand_under_the_reply(client: Client) -> None:
    chat = new_chat(client)
    events = parse(write(client, chat))
    assert [event.name for event in events][:4] == ["turn", "", "", "cue"]
    assert 'hx-target="#sources"' in events[2].data
    assert "40 metres high" in events[2].data
    reply = events[-2].data
    assert 'hx-target="#log"' in reply and "40 metres high" in reply
    assert events[-1].json["receipt"]["sources"] >= 0


def test_a_room_that_is_loaded_again_and_a_turn_told_again_have_them_too(house: House, client: Client) -> None:
    chat = new_chat(client)
    whole = write(client, chat)
    turn = parse(whole)[0].json["turn"]
    page = client.get(f"/chats/{chat}").text
    assert page.count('class="source"') == 2
    assert "The lamp is 40 metres high." in page
    assert "<script>alert" not in page and "javascript:" not in page
    assert client.get(f"/chats/{chat}/turns/{turn}/events", params={"after": 2}).text == "\n\n".join(
        whole.split("\n\n")[2:]
    )
    house.turns._turns.clear()
    told = parse(client.get(f"/chats/{chat}/turns/{turn}/events").text)
    assert [event.name for event in told] == ["turn", "", "", "cue", "cue", "", "done"]
    assert told[2].data == parse(whole)[2].data


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Answered without sources"), ("zh", "没能及时查到资料")]
)
def test_a_reply_that_had_to_do_without_says_so_in_the_readers_language(
    library: Bookcase, client: Client, language: str, words: str
) -> None:
    library.error = Unavailable("index_unavailable")
    client.cookies["language"] = language
    chat = new_chat(client)
    events = parse(write(client, chat))
    assert words in events[2].data and words in events[-2].data
    assert events[-1].name == "done"
    assert words in client.get(f"/chats/{chat}").text
    assert words in client.get(f"/chats/{chat}/export.md").text
    assert client.get(f"/chats/{chat}/export.json").json()["messages"][1]["without_sources"] is True


def test_what_is_taken_away_lists_the_sources(client: Client) -> None:
    chat = new_chat(client)
    write(client, chat)
    text = client.get(f"/chats/{chat}/export.md").text
    assert text.endswith(
        "\n\nSources:\n"
        "- Light\\*houses\\* \\[x\\](y) · coast.example · https://coast.example/l\n"
        "- &lt;b>Fog&lt;/b> \\# Big · evil.example\n"
    )
    [asked, said] = client.get(f"/chats/{chat}/export.json").json()["messages"]
    assert "sources" not in asked
    assert said["without_sources"] is False
    assert said["sources"][0] == {
        "number": 1,
        "title": LAMP.title,
        "site": "coast.example",
        "url": "https://coast.example/l",
        "text": LAMP.text,
    }


def test_the_receipt_shows_the_time_for_sources_only_where_there_were_any(library: Bookcase, client: Client) -> None:
    chat = new_chat(client)
    turn = parse(write(client, chat))[0].json["turn"]
    assert "receipt__part--looking" in client.get(f"/chats/{chat}/turns/{turn}/receipt", headers=HTMX).text
    library.found = Found()
    turn = parse(write(client, chat, 2))[0].json["turn"]
    assert "receipt__part--looking" not in client.get(f"/chats/{chat}/turns/{turn}/receipt", headers=HTMX).text


def test_a_guest_is_asked_for_under_the_guests_own_id(library: Bookcase, client: Client) -> None:
    one = new_chat(client)
    write(client, one)
    client.cookies.clear()
    write(client, new_chat(client))
    owners = {owner for owner, _, _ in library.asked}
    assert len(owners) == 2
