"""Minutes of voice over HTTP: a recording is refused with what would help, writing goes on, the count is right."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import text

from db.meters import SqlMeters
from domain.chat import Message
from domain.turns import Turns
from infra import plans
from infra.minutes import MOST_AHEAD, Minutes
from tests.metered import Gives, Metered
from tests.web.accounts import ANNA, Home, csrf, register, send
from tests.web.events import Message as Sent
from tests.web.events import parse
from tests.web.house import HTMX, House, application, key, new_chat
from tests.web.test_turns import named, speak, speech

Client = TestClient[Any]
JSON = {"accept": "text/event-stream, application/json"}


class Counted:
    """A house in which everybody has so many seconds of voice a day."""

    def __init__(self, house: House, seconds: int) -> None:
        self.house, self.gives = house, Gives(seconds)
        self.gives.until = house.clock.now() + timedelta(hours=5)
        self.metered = Metered(house.clock, self.gives, house.ear, house.mouth, SqlMeters(house.database))
        house.turns = Turns(
            self.metered.asr, house.mind, self.metered.tts, house.chats, house.personas, house.clock,
            metering=self.metered.metering,
        )  # fmt: skip
        minutes = Minutes(self.metered.meter, plans.load().get)
        house.services = msgspec.structs.replace(house.services, turns=house.turns, minutes=minutes)
        house.app = application(house.services)


@pytest.fixture
def counted(house: House) -> Counted:
    return Counted(house, 60)


@pytest.fixture
def client(counted: Counted) -> Iterator[Client]:
    with counted.house.open() as client:
        yield client


@pytest.fixture
def spent(counted: Counted) -> Counted:
    counted.gives.seconds = 1
    return counted


def said_in(house: House, chat: str) -> list[Message]:
    with house.database.connect() as connection:
        guest = connection.execute(text("SELECT guest FROM chats WHERE id = :id"), {"id": chat}).scalar_one()
    return house.chats.messages(guest, chat)


def write(client: Client, chat: str, line: str = "Who are you?") -> list[Sent]:
    answer = client.post(f"/chats/{chat}/turns", data={"key": key(), "text": line})
    assert answer.status_code == 200, answer.text
    return parse(answer.text)


def test_a_turn_is_counted_and_its_end_tells_what_is_left(client: Client) -> None:
    chat = new_chat(client)
    assert client.get(f"/chats/{chat}/voice").json() == {"left": 60, "html": ""}
    done = parse(speak(client, chat).text)[-1].json
    assert done["left"] == 58  # 1.0 s heard, 0.6 s spoken
    assert client.get(f"/chats/{chat}/voice").json()["left"] == 58


def test_the_same_turn_twice_is_counted_once(client: Client) -> None:
    chat = new_chat(client)
    for _ in range(3):
        assert parse(speak(client, chat).text)[-1].json["left"] == 58
    assert client.get(f"/chats/{chat}/voice").json()["left"] == 58


def test_a_recording_is_refused_as_json_with_the_prompt_for_the_room(spent: Counted, client: Client) -> None:
    chat = new_chat(client)
    answer = client.post(
        f"/chats/{chat}/turns", data={"key": key()}, files={"speech": ("speech.wav", speech())}, headers=JSON
    )
    assert answer.status_code == 402
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["status"], told["code"], told["retry"]) == (402, "voice_spent", False)
    assert (told["feature"], told["better"]) == ("voice_seconds", "basic")
    assert told["message"] == "Your minutes of voice are used up. You can go on in writing."
    html = told["html"]
    assert "There is more in 5 hours." in html and "1 second is left" in html
    assert "10 hours of voice each month" in html and "$4.99 a month" in html
    assert 'href="/membership?plan=basic"' in html and 'href="/register?next=/membership%3Fplan%3Dbasic"' in html
    assert spent.house.ear.calls == []
    assert said_in(spent.house, chat) == []


def test_a_recording_is_refused_as_a_fragment_for_htmx(spent: Counted, client: Client) -> None:
    chat = new_chat(client)
    answer = client.post(
        f"/chats/{chat}/turns", data={"key": key()}, files={"speech": ("speech.wav", speech())}, headers=HTMX
    )
    assert answer.status_code == 402 and "<html" not in answer.text
    assert '<section class="met" data-code="voice_spent" data-feature="voice_seconds"' in answer.text
    assert "data-message" in answer.text  # what app.js shows where nothing takes the fragment


def test_a_recording_is_refused_as_a_page_in_the_reader_s_language(spent: Counted, client: Client) -> None:
    chat = new_chat(client)
    answer = client.post(
        f"/chats/{chat}/turns", data={"key": key()}, files={"speech": ("speech.wav", speech())},
        headers={"accept-language": "zh-CN"},
    )  # fmt: skip
    assert answer.status_code == 402
    assert "<h1>语音时长已用完，可以继续用文字聊。</h1>" in answer.text
    for words in ("5 小时后会有新的额度。", "每月 10 小时语音", "每月 ¥29.00"):
        assert words in answer.text


def test_who_has_an_account_is_not_asked_to_make_one(tmp_path: Path, database: Path) -> None:
    home = Home(tmp_path, database)
    Counted(home, 1)
    with home.running():
        client = home.browser()
        register(home, client, **ANNA)
        chat = send(client, "/characters/socrates/chats", language="en").headers["location"].rpartition("/")[2]
        files = {"speech": ("speech.wav", speech())}
        answer = client.post(f"/chats/{chat}/turns", data={"key": key(), "csrf": csrf(client)}, files=files)
        assert answer.status_code == 402
        assert "/membership" in answer.text and 'href="/register"' not in answer.text


def test_writing_goes_on_in_text_when_voice_is_spent(spent: Counted, client: Client) -> None:
    chat = new_chat(client)
    events = write(client, chat)
    assert [event.name for event in events] == ["turn", "spent", "", "cue", "cue", "", "done"]
    told = events[1].json
    assert told["code"] == "voice_spent" and 'class="met"' in told["html"]
    assert [cue.json["text"] for cue in named(events, "cue")] == ["I am,", " I think, a friend."]
    done = events[-1].json
    assert (done["text"], done["ms"], done["left"]) == ("I am, I think, a friend.", 0, 0)
    assert "I am," not in spent.house.mouth.spoken


def test_a_reply_in_text_cannot_be_had_as_sound_for_nothing(spent: Counted, client: Client) -> None:
    chat = new_chat(client)
    events = write(client, chat)
    assert "data-replay" not in events[-2].data
    room = client.get(f"/chats/{chat}").text
    assert room.count("data-replay") == 1  # the greeting's
    for message in said_in(spent.house, chat):
        answer = client.get(f"/chats/{chat}/messages/{message.id}/sound.wav", headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (404, "line_silent")
    assert "I am," not in spent.house.mouth.spoken


def test_what_was_spoken_is_played_again_for_nothing(client: Client) -> None:
    chat = new_chat(client)
    done = parse(speak(client, chat).text)[-1].json
    assert client.get(f"/chats/{chat}/messages/{done['message']}/sound.wav").status_code == 200
    assert client.get(f"/chats/{chat}/voice").json()["left"] == done["left"]


def test_voice_that_runs_out_during_a_reply_is_told_before_its_end(counted: Counted, client: Client) -> None:
    counted.gives.seconds = 4
    counted.house.mind.deltas = ("One two three four five six seven eight nine ten. ",) * 12
    events = write(client, new_chat(client), "Tell me a long story, go on")
    assert [event.name for event in events[-3:]] == ["spent", "", "done"]
    assert events[-1].json["ms"] <= 4_000 and events[-1].json["text"].endswith("ten.")


def test_nothing_heard_costs_nothing(counted: Counted, client: Client) -> None:
    counted.house.ear.text = ""
    chat = new_chat(client)
    assert parse(speak(client, chat).text)[-1].json["left"] == 60


def test_a_turn_is_refused_before_its_first_byte_and_may_be_sent_again(spent: Counted, client: Client) -> None:
    chat = new_chat(client)
    assert speak(client, chat).status_code == 402
    spent.gives.seconds = 60
    assert client.get(f"/chats/{chat}/voice").json() == {"left": 60, "html": ""}
    assert parse(speak(client, chat).text)[-1].name == "done"


def test_how_much_is_left_is_told_to_the_owner_of_the_chat_alone(counted: Counted, client: Client) -> None:
    chat = new_chat(client)
    client.cookies.clear()
    assert client.get(f"/chats/{chat}/voice", headers=JSON).status_code == 404


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0.5, "30 minutes"), (1.9, "114 minutes"), (5, "5 hours"), (49, "3 days"), (24 * 20, "20 days")],
)
def test_when_there_is_more_is_told_as_a_stretch_of_time(
    spent: Counted, client: Client, hours: float, words: str
) -> None:
    spent.gives.until = spent.house.clock.now() + timedelta(hours=hours)
    html = client.get(f"/chats/{new_chat(client)}/voice").json()["html"]
    assert f"There is more in {words}." in html


def test_where_no_plan_gives_more_none_is_offered(spent: Counted, client: Client) -> None:
    spent.gives.better = ""
    html = client.get(f"/chats/{new_chat(client)}/voice").json()["html"]
    assert "met__offer" not in html and "See your membership" in html


def test_where_nobody_counts_nothing_is_left_to_tell(house: House) -> None:
    with house.open() as client:
        chat = new_chat(client)
        assert client.get(f"/chats/{chat}/voice").json() == {"left": None, "html": ""}
        assert parse(speak(client, chat).text)[-1].json["left"] is None


def pauses(client: Client, chat: str, many: int) -> None:
    """Speak ever new utterances of which no turn is made."""
    head = speech(0.3)
    for number in range(many):
        answer = client.post(
            f"/chats/{chat}/utterances/utterance-{number}?seq=0&pause=1", content=head
        )
        assert answer.status_code == 204


def test_who_only_pauses_is_not_read_ahead_for_ever(client: Client, house: House) -> None:
    chat = new_chat(client)
    pauses(client, chat, MOST_AHEAD + 20)
    assert len(house.ear.calls) <= MOST_AHEAD
    assert named(parse(speak(client, chat).text), "done")  # and is heard at the end


def test_of_who_has_no_voice_left_nothing_is_read_ahead(client: Client, spent: Counted) -> None:
    pauses(client, new_chat(client), 3)
    assert not spent.house.ear.calls
