"""Whatever comes in: a clear message, no 5xx, nothing half-written, and the next turn works."""

import io
import struct
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
from litestar.testing import TestClient

from tests.web.events import parse
from tests.web.house import House, key, new_chat
from tests.web.test_turns import speak, speech

Client = TestClient[Any]
JSON = {"accept": "application/json"}


def wav(frames: bytes, channels: int = 1, width: int = 2, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return out.getvalue()


def ogg(seconds: float) -> bytes:
    out = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(int(48_000 * seconds)) * 0.05)
    soundfile.write(out, tone, 48_000, format="OGG", subtype="OPUS")
    return out.getvalue()


def lying(data: bytes, size: int) -> bytes:
    """Return a WAV file whose header claims another size."""
    return data[:40] + struct.pack("<I", size) + data[44:]


@pytest.fixture
def room(lasting_house: House, reader: Client) -> Iterator[tuple[Client, str]]:
    """A room that must be whole afterwards: nothing kept, and the next turn answered."""
    house, client = lasting_house, reader
    chat = new_chat(client)
    yield client, chat
    events = parse(speak(client, chat, 9999).text)
    assert events[-1].name == "done"
    assert client.get(f"/chats/{chat}/export.json").json()["messages"][-1]["text"] == "I am, I think, a friend."
    assert house.turns.running == 0


def refused(room: tuple[Client, str], body: bytes, status: int, code: str, name: str = "speech.ogg") -> None:
    client, chat = room
    answer = client.post(
        f"/chats/{chat}/turns", data={"key": key()}, files={"speech": (name, body, "audio/ogg")}, headers=JSON
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert client.get(f"/chats/{chat}/export.json").json()["messages"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "speech_empty"),
        (b"\0" * 5000, "speech_unreadable"),
        (b"not sound at all", "speech_unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 3000, "speech_unreadable"),
        (b"\x1aE\xdf\xa3" + b"x" * 3000, "speech_unreadable"),  # WebM, which we do not take
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "speech_unreadable"),
        (ogg(1.0)[:60], "speech_unreadable"),
        (b"OggS" + b"\xff" * 4000, "speech_unreadable"),
        (wav(b""), "speech_empty"),
        (wav(b"\0\0" * 4000, rate=1), "speech_unreadable"),
        (wav(b"\0\0" * 32_000, channels=32), "speech_unreadable"),
    ],
    ids="nothing zeros words PNG WebM RIFF-cut Ogg-cut Ogg-noise no-samples one-hertz 32-channels".split(),
)  # named, as an Ogg stream has a serial number of its own in every process that collects these tests
def test_what_is_no_recording_is_refused_in_words(room: tuple[Client, str], body: bytes, code: str) -> None:
    refused(room, body, 400, code)


def test_more_than_a_minute_is_refused(room: tuple[Client, str]) -> None:
    refused(room, speech(61.0), 413, "speech_too_long")


def test_a_small_file_that_unfolds_to_hours_is_refused(room: tuple[Client, str]) -> None:
    refused(room, ogg(75.0), 413, "speech_too_long")


@pytest.mark.parametrize(
    "body",
    [
        wav(b"\x10\x20" * 32_000, channels=2),
        wav(b"\x90" * 8_000, width=1, rate=8_000),
        wav(b"\x10\x20\x10" * 44_100, width=3, rate=44_100),
        lying(speech(), 4_000_000_000),
        lying(speech(), 2),
        ogg(1.0),
        ogg(2.0)[:-200],
    ],
)
def test_odd_recordings_are_heard_all_the_same(room: tuple[Client, str], body: bytes) -> None:
    client, chat = room
    answer = client.post(f"/chats/{chat}/turns", data={"key": key()}, files={"speech": ("speech", body)})
    assert answer.status_code == 200, answer.text
    assert parse(answer.text)[-1].name == "done"


def test_a_huge_upload_is_refused_before_it_is_read(room: tuple[Client, str]) -> None:
    client, chat = room
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(200):
            taken += 1
            yield b"x" * 65_536

    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": str(200 * 65_536), **JSON}
    answer = client.post(f"/chats/{chat}/turns", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("path", "size"),
    [("/chats/{chat}/rename", 70_000), ("/settings", 70_000), ("/chats/{chat}/utterances/utterance-1?seq=0", 600_000)],
)
def test_every_form_has_a_size(room: tuple[Client, str], path: str, size: int) -> None:
    client, chat = room
    headers = {"content-type": "application/x-www-form-urlencoded", **JSON}
    answer = client.post(path.format(chat=chat), content=b"title=" + b"x" * size, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("", 400, "text_empty"),
        ("   \n ", 400, "text_empty"),
        ("\x00\x00\x00", 400, "text_unreadable"),
        ("before\x00after", 400, "text_unreadable"),
        ("x" * 2001, 413, "text_too_long"),
        ("x" * 1_000_000, 413, "text_too_long"),
        ("\u200b\u202e", 400, "text_empty"),
    ],
)
def test_text_that_cannot_be_said(room: tuple[Client, str], text: str, status: int, code: str) -> None:
    client, chat = room
    answer = client.post(f"/chats/{chat}/turns", data={"key": key(), "text": text}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def form(*parts: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + b"--b--\r\n"


def field(name: str, body: bytes, more: bytes = b"") -> tuple[bytes, bytes]:
    return (f'Content-Disposition: form-data; name="{name}"'.encode() + more, body)


KEY = field("key", key().encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b\r\n",
        b"\xff" * 1000,
        form(KEY, field("text", b"\xff\xfe\xfd")),
        form(KEY, field("text", "\ud800".encode("utf-8", "surrogatepass"))),
        form(KEY, field("text", b"hi", b"\r\nContent-Type: text/plain; charset=nonsense")),
        form(KEY, field("text", b"hi", b"\r\nContent-Type: text/plain; charset=hex")),
        form(KEY, field("text", b"a"), field("text", b"b")),
        form(KEY, field("text", b"file?", b'; filename="x"')),
        form(KEY, field("speech", b"text?")),
        form(*[field(f"f{n}", b"x") for n in range(1000)]),
        form((b"X: y", b"no name")),
        form(KEY, field("text", b"hi"))[:-20],
        form((b"Content-Disposition: form-data; name=" + b"n" * 9000, b"x")),
        form(KEY),
        form(field("text", b"no key")),
        form(field("key", b"short"), field("text", b"hi")),
        form(field("key", b"../../../etc/passwd"), field("text", b"hi")),
    ],
)
def test_forms_that_are_none_are_bad_requests(room: tuple[Client, str], body: bytes) -> None:
    client, chat = room
    headers = {"content-type": "multipart/form-data; boundary=b", **JSON}
    answer = client.post(f"/chats/{chat}/turns", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 5000,
        'multipart/form-data; boundary="\\"',
        "application/json",
        "text/plain",
        "nonsense",
        "",
        "multipart/form-data; boundary=b; charset=nonsense",
    ],
)
def test_a_body_of_another_kind_is_a_bad_request(room: tuple[Client, str], content_type: str) -> None:
    client, chat = room
    answer = client.post(
        f"/chats/{chat}/turns", content=b'{"text": [[[[]]]]}', headers={"content-type": content_type, **JSON}
    )
    assert answer.status_code == 400, answer.text


def test_a_urlencoded_surrogate_is_no_trouble(room: tuple[Client, str]) -> None:
    client, chat = room
    headers = {"content-type": "application/x-www-form-urlencoded", **JSON}
    body = f"key={key()}&text=%ED%A0%80%00".encode()
    assert client.post(f"/chats/{chat}/turns", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("query", ["", "seq=", "seq=x", "seq=-1", "seq=1e9", "seq=99999999999999999999", "seq=٣"])
def test_segments_need_a_place(room: tuple[Client, str], query: str) -> None:
    client, chat = room
    answer = client.post(f"/chats/{chat}/utterances/utterance-1?{query}", content=b"x", headers=JSON)
    assert answer.status_code == 400


def test_segments_that_are_no_sound_lose_nothing(room: tuple[Client, str]) -> None:
    client, chat = room
    path = f"/chats/{chat}/utterances/utterance-1?seq=0&pause=1"
    assert client.post(path, content=b"").status_code == 204
    assert client.post(path, content=b"garbage").status_code == 204
    assert parse(speak(client, chat, utterance="utterance-1").text)[-1].name == "done"


@pytest.mark.parametrize("heard", ["x", "1.5", "1e3", "9" * 30, "\x00"])
def test_a_stop_with_a_nonsense_position_is_a_bad_request(room: tuple[Client, str], heard: str) -> None:
    client, chat = room
    turn = parse(speak(client, chat).text)[0].json["turn"]
    answer = client.post(f"/chats/{chat}/turns/{turn}/stop", data={"heard_ms": heard}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "form_bad")


@pytest.mark.parametrize("after", ["x", "1.5", "9" * 30])
def test_a_resume_from_nowhere_is_a_bad_request(room: tuple[Client, str], after: str) -> None:
    client, chat = room
    turn = parse(speak(client, chat).text)[0].json["turn"]
    path = f"/chats/{chat}/turns/{turn}/events"
    assert client.get(path, headers={"last-event-id": after, **JSON}).status_code == 400
    assert client.get(path, params={"after": after}, headers=JSON).status_code == 400


def test_refusals_are_in_the_readers_language(room: tuple[Client, str]) -> None:
    client, chat = room
    answer = client.post(
        f"/chats/{chat}/turns", data={"key": key()}, files={"speech": ("x", b"")}, headers={"accept-language": "zh"}
    )
    assert answer.status_code == 400
    assert "录音" in answer.text
