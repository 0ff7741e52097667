"""The program is killed while people register, sign in and change things: what it had acknowledged is so afterwards."""

import contextlib
import os
import re
import secrets
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from db.connect import connect
from db.outbox import SqlOutbox
from tests.bench.server import Server, serving
from tests.web.house import BROWSER

PASSWORD = "a tin whistle at noon"
# Tokens name the site, and each start has a port of its own.
ENV: dict[str, Any] = {
    "ENGINES": "scripted",
    "ARGON2": "8,1,1",
    "MAIL": "outbox",
    "PUBLIC_URL": "http://127.0.0.1:7210",
}
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


def browser(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers=BROWSER, timeout=60, trust_env=False)


def kill(pid: int) -> None:
    """Kill the program and the workers that it started, at once: the workers are those who write."""
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert workers, "which of these processes serves?"
    for each in (*map(int, workers), pid):
        os.kill(each, signal.SIGKILL)


def link(data_dir: Path, email: str) -> str:
    """Return the path of the link in the newest mail to somebody, as it lies in the outbox of a development machine."""
    engine = connect(f"sqlite:///{data_dir / 'core.db'}")
    end = time.monotonic() + 60
    try:
        while time.monotonic() < end:
            for mail in SqlOutbox(engine).newest(50):
                found = re.search(r"https?://[^/\s]+(/confirm/[\w.-]+)", mail.body)
                if mail.to == email and found:
                    return found[1]
            time.sleep(0.05)
    finally:
        engine.dispose()
    raise AssertionError(f"no mail to {email}")


def register(client: httpx.Client, data_dir: Path, name: str) -> None:
    wish = {"username": name, "email": f"{name}@example.org", "phone": "", "password": PASSWORD}
    answer = client.post("/register", data=wish, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    answer = client.post(link(data_dir, wish["email"]), data={"password": PASSWORD}, follow_redirects=False)
    assert answer.status_code == 303, answer.text


def sign_in(client: httpx.Client, name: str) -> int:
    return client.post("/sign-in", data={"login": name, "password": PASSWORD}, follow_redirects=False).status_code


def send(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    form = CSRF.search(client.get("/account").text)
    assert form
    return client.post(path, data={"csrf": form[1], **fields}, follow_redirects=False)


@pytest.mark.timeout(600)  # it starts three times
@pytest.mark.parametrize("pause_s", [0.0, pytest.param(0.15, marks=pytest.mark.attacks)])
def test_a_server_that_is_killed_loses_no_account_session_or_role_that_it_acknowledged(
    tmp_path: Path, pause_s: float
) -> None:
    admin = f"boss-{secrets.token_hex(3)}"
    kept: list[str] = []  # whose registration was answered
    phones: list[str] = []  # numbers whose change was answered
    with serving(data_dir=tmp_path, **ENV) as server, browser(server) as first:
        register(first, tmp_path, admin)
    with serving(data_dir=tmp_path, ADMIN=admin, **ENV) as server:
        boss = browser(server)
        assert sign_in(boss, admin) == 303
        assert boss.get("/admin/users").status_code == 200

        def write() -> None:
            with contextlib.suppress(httpx.HTTPError):  # it is killed in the middle of one of these
                for number in range(1_000):
                    answer = send(boss, "/account/phone", phone=f"+4420794{60000 + number}")
                    if answer.status_code == 303:
                        phones.append(f"+4420794{60000 + number}")
                    if number in (1, 6):  # there are ten in an hour from one address
                        name = f"somebody-{secrets.token_hex(4)}"
                        with browser(server) as other:
                            register(other, tmp_path, name)
                            kept.append(name)

        thread = threading.Thread(target=write)
        thread.start()
        until = time.monotonic() + 120
        while (len(phones) < 4 or not kept) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(pause_s)
        kill(server.pid)
        thread.join(60)
        assert not thread.is_alive()
        cookies = boss.cookies
        boss.close()
    assert len(phones) >= 4
    assert kept

    with serving(data_dir=tmp_path, **ENV) as server:
        with browser(server) as again:
            again.cookies = cookies
            page = again.get("/account").text  # the session lives on
            there = re.search(r"\+\d{12}", page)
            assert there
            last = int(phones[-1])
            assert int(there[0]) in (last, last + 1)  # the latter was written without our having heard of it
            assert again.get("/admin/users").status_code == 200  # and so does the role
            log = again.get("/admin/audit?action=confirmed").text
            assert log.count("<tr role=") - 1 >= len(kept) + 1
        for name in kept:
            with browser(server) as other:
                assert sign_in(other, name) == 303, name
