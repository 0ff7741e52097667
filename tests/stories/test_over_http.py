"""Whole stories with the program as it is started by `make run`, over real sockets."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from domain.audio import HEARD_RATE, Audio
from tests.bench.server import ROOT, Server, free_port, serving
from tests.web.events import Message, messages, parse
from tests.web.house import BROWSER, key, new_chat

SPEECH = Audio(b"\x10\x20\xf0\xdf" * HEARD_RATE, HEARD_RATE).wav()


def begin(visitor: httpx.Client, chat: str, number: int = 1) -> contextlib.AbstractContextManager[httpx.Response]:
    return visitor.stream(
        "POST", f"/chats/{chat}/turns", data={"key": key(number)}, files={"speech": ("speech.wav", SPEECH)}
    )


def said(visitor: httpx.Client, chat: str) -> list[tuple[str, str]]:
    exported = visitor.get(f"/chats/{chat}/export.json").json()
    return [(line["role"], line["text"]) for line in exported["messages"]]


def open_streams(visitor: httpx.Client) -> float:
    lines = visitor.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("parley_open_streams "))


def until(true: Callable[[], bool], limit_s: float = 60.0) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def test_a_visitor_comes_talks_and_finds_it_kept(visitor: httpx.Client) -> None:
    assert "/characters/socrates" in visitor.get("/").text
    chat = new_chat(visitor)
    assert visitor.get(f"/chats/{chat}").status_code == 200
    assert visitor.post(f"/chats/{chat}/prepare").status_code == 204
    with begin(visitor, chat) as answer:
        events = list(messages(answer.iter_lines()))
    assert events[0].name == "turn"
    assert events[-1].name == "done"
    assert len([event for event in events if event.name == "audio"]) > 20
    lines = said(visitor, chat)
    assert [role for role, _ in lines] == ["user", "assistant"]
    assert lines[1][1] == events[-1].json["text"]
    assert until(lambda: chat in visitor.get("/chats").text)  # named by its first words, after the turn
    assert chat in visitor.get("/recent").text


def test_a_connection_that_is_cut_loses_and_doubles_nothing(visitor: httpx.Client) -> None:
    chat = new_chat(visitor)
    first: list[Message] = []
    with begin(visitor, chat) as answer:
        for event in messages(answer.iter_lines()):
            first.append(event)
            if len([e for e in first if e.name == "audio"]) == 3:
                break  # the phone goes into a tunnel
    turn = first[0].json["turn"]
    assert until(lambda: open_streams(visitor) == 0)
    path = f"/chats/{chat}/turns/{turn}/events"
    with visitor.stream("GET", path, headers={"last-event-id": first[-1].id}) as answer:
        second = list(messages(answer.iter_lines()))
    numbers = [int(event.id) for event in [*first, *second] if event.name]
    assert sorted(set(numbers)) == numbers  # in order, none twice
    whole = parse(visitor.get(path).text)
    assert [*first, *second] == whole
    assert second[-1].name == "done"
    assert second[-1].json["interrupted"] is False
    assert len(said(visitor, chat)) == 2


def test_speaking_over_the_character_keeps_what_was_heard(patient: httpx.Client) -> None:
    chat = new_chat(patient)
    with begin(patient, chat) as answer:
        stream = iter(messages(answer.iter_lines()))
        events: list[Message] = []
        while len([event for event in events if event.name == "audio"]) < 6:
            events.append(next(stream))
        turn = events[0].json["turn"]
        stopped = patient.post(f"/chats/{chat}/turns/{turn}/stop", data={"heard_ms": "400"})
        assert stopped.status_code == 204
        rest = list(stream)
    done = rest[-1].json
    assert done["interrupted"] is True
    spoken = "".join(event.json["text"] for event in [*events, *rest] if event.name == "cue")
    assert len(done["text"]) < len(spoken)
    assert spoken.startswith(done["text"])
    assert said(patient, chat)[1:] == ([("assistant", done["text"])] if done["text"] else [])


def test_twenty_posts_at_once_over_sockets_are_one_turn(server: Server, visitor: httpx.Client) -> None:
    chat = new_chat(visitor)

    def post(_: int) -> list[Message]:
        with (
            httpx.Client(
                base_url=server.url, headers=BROWSER, cookies=visitor.cookies, timeout=60, trust_env=False
            ) as tab,
            begin(tab, chat) as answer,
        ):
            return list(messages(answer.iter_lines()))

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(post, range(20)))
    assert all(events == answers[0] for events in answers)
    assert answers[0][-1].name == "done"
    assert len(said(visitor, chat)) == 2


def test_pages_are_served_while_a_reply_streams(patient: httpx.Client) -> None:
    chat = new_chat(patient)
    assert until(lambda: open_streams(patient) == 0)  # of the tests before
    with begin(patient, chat) as answer:
        stream = messages(answer.iter_lines())
        assert next(iter(stream)).name == "turn"
        assert patient.get("/").status_code == 200
        assert open_streams(patient) == 1


def test_the_bench_runs_an_ordinary_turn(server: Server, visitor: httpx.Client) -> None:
    answer = visitor.post("/bench/turn", content=b"\x10\x20" * 32_000)
    events = parse(answer.text)
    assert (events[0].name, events[-1].name) == ("turn", "done")
    assert events[-1].json["message"]


@contextlib.contextmanager
def wire(server: Server) -> Iterator[socket.socket]:
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        yield connection


def test_what_is_too_large_is_refused_before_it_is_sent(server: Server, visitor: httpx.Client) -> None:
    chat = new_chat(visitor)
    head = (
        f"POST /chats/{chat}/turns HTTP/1.1\r\nHost: x\r\nCookie: guest={visitor.cookies['guest']}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000000\r\n\r\n"
    )
    with wire(server) as connection:
        connection.sendall(head.encode())
        assert connection.recv(200).startswith(b"HTTP/1.1 413 ")


def test_an_endless_body_is_cut_off(server: Server, visitor: httpx.Client) -> None:
    head = (
        "POST /settings HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    with wire(server) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(OSError):  # the server may hang up while we still send
            for _ in range(20):
                connection.sendall(b"2000\r\n" + b"x" * 8192 + b"\r\n")
        assert connection.recv(200).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "line",
    [
        b"GET /chats/\xff\xfe HTTP/1.1",
        b"GET /chats/%C3%28 HTTP/1.1",
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
        b"GET //etc/passwd HTTP/1.1",
        b"GET /static/x/..%5c..%5capp.py HTTP/1.1",
        b"GET /chats/" + b"a" * 60_000 + b" HTTP/1.1",
        b"BREW / HTTP/1.1",
        b"GET /?" + b"a=b&" * 8_000 + b" HTTP/1.1",
        b"nonsense",
    ],
)
def test_nonsense_on_the_wire_breaks_nothing(server: Server, visitor: httpx.Client, line: bytes) -> None:
    with wire(server) as connection:
        connection.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        status = connection.recv(64).split(b" ")[1:2]
    assert not status or status[0][:1] in (b"2", b"3", b"4"), status
    assert visitor.get("/health").status_code == 200


def test_a_restart_in_the_middle_of_a_reply_loses_no_words(tmp_path: Path) -> None:
    with (
        serving(data_dir=tmp_path, ENGINES="scripted") as first,
        httpx.Client(base_url=first.url, headers=BROWSER, timeout=60, trust_env=False) as visitor,
    ):
        chat = new_chat(visitor)
        with begin(visitor, chat) as answer:
            stream = messages(answer.iter_lines())
            while next(iter(stream)).name != "audio":
                pass
            os.kill(first.pid, signal.SIGTERM)
            assert list(stream)[-1].name == "done"  # what has begun is brought to its end
        cookies = visitor.cookies
    assert first.ended == 0  # and nobody had to kill it
    with (
        serving(data_dir=tmp_path, ENGINES="scripted") as second,
        httpx.Client(base_url=second.url, headers=BROWSER, cookies=cookies, timeout=60, trust_env=False) as visitor,
    ):
        assert [role for role, _ in said(visitor, chat)] == ["user", "assistant"]


def test_a_port_that_is_taken_is_said_in_one_line(server: Server, tmp_path: Path) -> None:
    done = start(tmp_path, PORT=str(urlsplit(server.url).port))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "already in use" in done.stderr
    assert "PORT=" in done.stderr


def test_a_setting_that_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    done = start(tmp_path, PORT="many")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "PORT='many'" in done.stderr


def test_a_database_that_cannot_be_opened_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = start(tmp_path, PORT=str(free_port()), CORE_URL=f"sqlite:///{tmp_path}/file/core.db")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr


def start(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "ENGINES": "scripted", "DATA_DIR": str(folder), **env}
    return subprocess.run(
        [sys.executable, "-m", "web"], cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120
    )
