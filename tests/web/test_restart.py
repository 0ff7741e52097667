"""The database goes away and comes back while people are talking: refused in words meanwhile, and then served."""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.servers import Kind, Server, server
from tests.web.house import new_chat
from tests.web.real import Real

pytestmark = pytest.mark.server
Client = TestClient[Any]
PASSWORD = "a tin whistle at noon"


@pytest.fixture(scope="module", params=["mysql", "postgresql"])
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind: Kind = request.param
    with server(kind) as started:
        yield started


@pytest.fixture
def client(running: Server, tmp_path: Path) -> Iterator[Client]:
    with closing(Real(running.url, tmp_path, fresh=True)) as real, real.open() as client:
        yield client


def test_after_a_restart_the_next_request_works(running: Server, client: Client) -> None:
    """Connections in the pool are dead then, and nobody has asked in between to find out."""
    chat = new_chat(client)
    for _ in range(2):
        running.kill()
        running.start()
        assert client.get(f"/chats/{chat}").status_code == 200
        assert client.post(f"/chats/{chat}/rename", data={"title": "after"}).status_code == 200


def test_after_a_restart_who_was_signed_in_still_is_and_others_can_sign_in(running: Server, tmp_path: Path) -> None:
    """The routes of accounts too: the session, the limits, the audit log and the outbox are behind the same pool."""
    with closing(Real(running.url, tmp_path, fresh=True)) as real, real.open() as client:
        name = f"anna{secrets.token_hex(4)}"
        wish = {"username": name, "email": f"{name}@x.example", "password": PASSWORD}

        def restarted() -> None:
            running.kill()
            running.start()

        restarted()
        assert client.post("/api/auth/register", json=wish).status_code == 202
        token = str(re.findall(r"https?://\S+/([\w.-]+)", real.services.members.mailer.newest(1)[0].body)[0])
        restarted()
        pair = client.post("/api/auth/confirm", json={"token": token, "password": PASSWORD}).json()
        restarted()
        bearer = {"authorization": f"Bearer {pair['access']}"}
        assert client.get("/api/auth/me", headers=bearer).status_code == 200
        restarted()
        assert client.post("/api/auth/prove", json={"password": PASSWORD}, headers=bearer).status_code == 200
        restarted()
        signed = client.post("/api/auth/sign-in", json={"login": name, "password": PASSWORD})
        assert signed.status_code == 200, signed.text
        restarted()
        assert client.post("/api/auth/refresh", json={"refresh": signed.json()["refresh"]}).status_code == 200


def test_while_it_is_away_people_are_told_to_try_again(running: Server, client: Client) -> None:
    chat = new_chat(client)
    running.kill()
    for answer in (client.get(f"/chats/{chat}"), client.post(f"/chats/{chat}/rename", data={"title": "away"})):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "memory of conversations" in answer.text
    assert client.get("/health").status_code == 200
    assert client.get("/about").status_code == 200
    running.start()
    assert client.get(f"/chats/{chat}").status_code == 200


def test_what_was_acknowledged_before_it_was_killed_is_there_afterwards(running: Server, client: Client) -> None:
    chat = new_chat(client)
    kept: list[str] = []
    statuses: set[int] = set()
    killed = threading.Event()

    def rename() -> None:
        for number in range(10_000):
            answer = client.post(f"/chats/{chat}/rename", data={"title": f"title {number}"})
            statuses.add(answer.status_code)
            if answer.status_code == 200:
                kept.append(f"title {number}")
            if killed.is_set():
                return

    writer = threading.Thread(target=rename)
    writer.start()
    while len(kept) < 20 and writer.is_alive():
        pass
    running.kill()
    killed.set()
    writer.join(60)
    assert not writer.is_alive()
    running.start()
    last = int(kept[-1].split()[1])
    title = client.get(f"/chats/{chat}/export.json").json()["title"]
    assert title in (f"title {last}", f"title {last + 1}")  # the latter was written without our having heard of it
    assert statuses <= {200, 503}
