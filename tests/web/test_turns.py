"""A turn over HTTP, as docs/turn.md tells it."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from litestar.testing import TestClient

from domain.audio import HEARD_RATE, Audio
from tests.web.events import Message, parse
from tests.web.house import HTMX, House, key, new_chat

Client = TestClient[Any]


def speech(seconds: float = 1.0) -> bytes:
    """Return a WAV file of a tone, which the fake ear takes for words."""
    return Audio.of(0.3 * np.sin(np.arange(int(seconds * HEARD_RATE), dtype=np.float32) * 0.2), HEARD_RATE).wav()


def speak(client: Client, chat: str, number: int = 1, **more: Any) -> Any:
    return client.post(
        f"/chats/{chat}/turns", data={"key": key(number), **more}, files={"speech": ("speech.wav", speech())}
    )


def named(events: list[Message], name: str) -> list[Message]:
    return [event for event in events if event.name == name]


def test_a_recording_is_answered_in_events_in_their_order(client: Client) -> None:
    chat = new_chat(client)
    answer = speak(client, chat)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    assert "no-transform" in answer.headers["cache-control"]
    assert "content-encoding" not in answer.headers
    events = parse(answer.text)
    order = [event.name for event in events]
    assert order == ["turn", "", "cue", "audio", "audio", "cue", "audio", "audio", "audio", "audio", "", "done"]
    turn = events[0].json
    assert turn["rate"] == 24_000
    assert "Who are you?" in events[1].data
    assert [cue.json["text"] for cue in named(events, "cue")] == ["I am,", " I think, a friend."]
    assert [cue.json["start_ms"] for cue in named(events, "cue")] == [0, 200]
    assert b"".join(sound.pcm for sound in named(events, "audio")) == b"\x01\x00" * 2400 * 6
    done = events[-1].json
    assert done["turn"] == turn["turn"]
    assert done["text"] == "I am, I think, a friend."
    assert done["interrupted"] is False
    assert done["ms"] == 600
    assert set(done["receipt"]) == {
        "upload", "asr", "first_token", "first_clause", "first_sound", "total", "early", "sources",
    }  # fmt: skip
    assert f'id="m-{done["message"]}"' in events[-2].data


def test_ids_count_from_one_and_html_of_several_lines_stays_whole(client: Client) -> None:
    chat = new_chat(client)
    answer = client.post(f"/chats/{chat}/turns", data={"key": key(), "text": "One\ntwo\r\nthree\u2028four"})
    ids = [line[4:] for line in answer.text.split("\n") if line.startswith("id: ")]
    assert ids == [str(number) for number in range(1, len(ids) + 1)]
    heard = parse(answer.text)[1].data
    assert "One\ntwo\nthree" in heard


def test_a_double_post_of_one_key_is_one_turn(house: House, client: Client) -> None:
    chat = new_chat(client)
    first, second = speak(client, chat), speak(client, chat)
    assert parse(first.text)[0] == parse(second.text)[0]
    assert parse(first.text)[-1] == parse(second.text)[-1]
    assert len(house.ear.calls) == 1


def test_twenty_posts_of_one_turn_at_once_are_one_turn(house: House, client: Client) -> None:
    house.ear.delay_s = 0.05
    chat = new_chat(client)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: speak(client, chat), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(house.ear.calls) == 1
    assert client.get(f"/chats/{chat}").text.count("Who are you?") == 1


def test_the_events_can_be_had_again_from_any_point_on(client: Client) -> None:
    chat = new_chat(client)
    whole = speak(client, chat).text
    turn = parse(whole)[0].json["turn"]
    path = f"/chats/{chat}/turns/{turn}/events"
    assert client.get(path).text == whole
    parts = whole.split("\n\n")
    rest = client.get(path, headers={"last-event-id": "4"})
    assert rest.headers["content-type"].startswith("text/event-stream")
    assert rest.text == "\n\n".join(parts[4:])
    assert client.get(path, params={"after": "4"}).text == rest.text
    assert client.get(path, params={"after": "999"}).text == ""
    assert client.get(path, params={"after": "-3"}).text == whole


def test_a_turn_no_longer_in_memory_is_told_from_what_was_kept(house: House, client: Client) -> None:
    chat = new_chat(client)
    turn = parse(speak(client, chat).text)[0].json["turn"]
    house.turns._turns.clear()
    house.turns._begun.clear()
    events = parse(client.get(f"/chats/{chat}/turns/{turn}/events").text)
    assert [event.name for event in events] == ["turn", "", "cue", "cue", "", "done"]
    assert parse(speak(client, chat).text)[-1].json["text"] == "I am, I think, a friend."
    assert len(house.ear.calls) == 1


def test_nothing_understood_is_a_kind_word_and_nothing_is_kept(house: House, client: Client) -> None:
    house.ear.text = ""
    chat = new_chat(client)
    events = parse(speak(client, chat).text)
    kind = house.personas.get("socrates").card("en").unheard
    assert named(events, "unheard")[0].json == {"text": kind}
    assert "line--unheard" in named(events, "")[0].data
    assert named(events, "audio")
    assert events[-1].name == "done"
    assert events[-1].json["message"] is None
    assert "line--unheard" not in client.get(f"/chats/{chat}").text


def test_an_engine_that_breaks_in_a_turn_is_an_event_in_the_readers_language(house: House, client: Client) -> None:
    house.ear.error = "asr_failed"
    chat = new_chat(client)
    client.cookies["language"] = "zh"
    events = parse(speak(client, chat).text)
    assert [event.name for event in events] == ["turn", "fail"]
    assert events[-1].json["code"] == "asr_failed"
    assert events[-1].json["retry"] is True
    assert not events[-1].json["message"].isascii()


def test_a_stop_after_the_end_keeps_exactly_the_words_heard(house: House, client: Client) -> None:
    chat = new_chat(client)
    turn = parse(speak(client, chat).text)[0].json["turn"]
    answer = client.post(f"/chats/{chat}/turns/{turn}/stop", data={"heard_ms": "200", "superseded": "0"})
    assert (answer.status_code, answer.content) == (204, b"")
    page = client.get(f"/chats/{chat}").text
    assert "I am," in page
    assert "a friend" not in page


def test_a_stop_needs_no_fields(client: Client) -> None:
    chat = new_chat(client)
    turn = parse(speak(client, chat).text)[0].json["turn"]
    assert client.post(f"/chats/{chat}/turns/{turn}/stop").status_code == 204


def test_segments_sent_while_speaking_make_the_transcript_early(house: House, client: Client) -> None:
    chat = new_chat(client)
    data = speech()
    path = f"/chats/{chat}/utterances/utterance-1"
    assert client.post(path, params={"seq": 0, "pause": 0}, content=data[:9000]).status_code == 204
    assert client.post(path, params={"seq": 1, "pause": 1}, content=data[9000:]).status_code == 204
    events = parse(speak(client, chat, utterance="utterance-1").text)
    assert events[-1].json["receipt"]["early"] is True
    assert len(house.ear.calls) == 1


def test_opening_a_room_prepares_the_engine(house: House, client: Client) -> None:
    chat = new_chat(client)
    assert client.post(f"/chats/{chat}/prepare").status_code == 204
    assert asyncio.run(_soon(lambda: len(house.mind.prepared) == 1))


def test_the_receipt_of_a_turn_is_shown_on_demand(client: Client) -> None:
    chat = new_chat(client)
    turn = parse(speak(client, chat).text)[0].json["turn"]
    answer = client.get(f"/chats/{chat}/turns/{turn}/receipt", headers=HTMX)
    assert answer.status_code == 200
    assert 'class="receipt"' in answer.text
    assert client.get(f"/chats/{chat}/turns/nothing-here/receipt", headers=HTMX).status_code == 404


def test_any_spoken_line_can_be_heard_again(client: Client) -> None:
    chat = new_chat(client)
    done = parse(speak(client, chat).text)[-1].json
    path = f"/chats/{chat}/messages/{done['message']}/sound.wav"
    whole = client.get(path)
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.headers["cache-control"].startswith("private")
    assert whole.content[:4] == b"RIFF"
    assert client.get(path, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
    part = client.get(path, headers={"range": "bytes=0-1"})  # how Safari begins
    assert (part.status_code, part.content) == (206, b"RI")
    assert part.headers["content-range"] == f"bytes 0-1/{len(whole.content)}"
    assert client.get(path, headers={"range": "bytes=-2"}).content == whole.content[-2:]
    assert client.get(path, headers={"range": "bytes=44-"}).content == whole.content[44:]
    assert client.get(path, headers={"range": "bytes=99999999-"}).status_code == 416
    assert client.get(path, headers={"range": "bytes=5-1"}).status_code == 416
    assert client.get(path, headers={"range": "lines=1-2"}).status_code == 200


def test_the_greeting_is_public_sound_in_either_language(client: Client) -> None:
    answer = client.get("/characters/socrates/greeting.wav", params={"language": "zh"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"].startswith("public")
    assert "set-cookie" not in answer.headers
    assert client.get("/characters/socrates/greeting.wav", params={"language": "fr"}).status_code == 400


async def _soon(true: Any) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if true():
            return True
        await asyncio.sleep(0.02)
    return False


class Woken:
    """Instead of an engine's prewarming: writes down who asked, and whether somebody has to hear."""

    def __init__(self, house: House) -> None:
        self.asked: list[bool] = []
        house.engines.prewarm = self  # type: ignore[method-assign]

    def __call__(self, hearing: bool = True) -> None:
        self.asked.append(hearing)


def test_what_a_turn_needs_is_woken_when_the_user_begins_to_speak_or_sends_and_not_for_strangers(house: House) -> None:
    with house.open() as client:
        chat, woken = new_chat(client), Woken(house)
        for seq, part in enumerate((speech()[:2000], speech()[2000:])):
            assert client.post(f"/chats/{chat}/utterances/abcdefgh?seq={seq}", content=part).status_code == 204
        assert woken.asked == [True]  # by the first segment only
        assert speak(client, chat).status_code == 200
        assert client.post(f"/chats/{chat}/turns", data={"key": key(2), "text": "Hello"}).status_code == 200
        assert woken.asked == [True, True, False]
        assert speak(client, "nobodyschat", 3).status_code == 404
        assert client.post("/chats/nobodyschat/utterances/abcdefgh?seq=0", content=b"RIFF").status_code == 404
        assert len(woken.asked) == 3
