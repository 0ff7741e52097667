"""People at the door of the application: what they write into forms, what is in their mail, who they are."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
from litestar.testing import TestClient

from db.accounts import SqlAccounts
from db.connect import connect
from db.keys import SqlKeys
from db.sessions import SqlSessions
from db.tokens import SqlTokens
from domain.accounts import People, Rules
from domain.hashing import Hasher
from domain.jwt_tokens import Issuer
from domain.people import Mail
from domain.sign_ins import SignIns
from tests.fakes import HandClock
from tests.fakes_limits import MemoryAudit, MemoryLimits, MemoryMailer
from tests.web.house import BROWSER, House, application

SITE = "https://parley.test"
PASSWORD = "a tin whistle at noon"
NEWER = "seven herons by the lock"
ANNA = {"username": "anna", "email": "anna@example.org", "phone": "", "password": PASSWORD}
Client = httpx.Client


class Home(House):
    """An application with accounts in SQLite, and mail, limits, audit and time at hand."""

    def __init__(self, folder: Path, database: Path, **settings: Any) -> None:
        super().__init__(folder, database, **settings)
        self.time, self.limits, self.audit, self.letters = HandClock(), MemoryLimits(), MemoryAudit(), MemoryMailer()
        engine = connect(self.config.core_url)
        self.accounts, self.logins = SqlAccounts(engine), SqlSessions(engine)
        issuer = Issuer(self.config.secret_key, "w" * 40, SITE, self.time)
        self.sign_ins = SignIns(self.accounts, self.logins, self.audit, issuer, self.time)
        rules = Rules(site=SITE, question=self.config.security_question == "extra", floor_s=0.0)
        self.people = People(
            self.accounts, self.logins, SqlTokens(engine), SqlKeys(engine), self.limits, self.audit, self.letters,
            Hasher("8,1,1"), issuer, self.time, rules, self.sign_ins,
        )  # fmt: skip
        who = msgspec.structs.replace(self.services.members, people=self.people, sign_ins=self.sign_ins)
        sold = self.sells(who, self.audit, self.letters, self.time)
        self.services = msgspec.structs.replace(
            self.services, members=who, clock=self.time, selling=sold, shelves=self.shelved(sold)
        )
        self.app = application(self.services)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """The application is started once, however many browsers come."""
        scheme = "https" if self.config.secure else "http"
        with TestClient(self.app, base_url=f"{scheme}://testserver.local", raise_server_exceptions=False) as client:
            self._client = client
            yield self

    def browser(self, **headers: str) -> httpx.Client:
        """Return somebody's browser, with cookies of its own."""
        return httpx.Client(
            transport=self._client._transport,
            base_url=self._client.base_url,
            headers={**BROWSER, **headers},
            follow_redirects=True,
        )

    @property
    def last(self) -> Mail:
        return self.letters.sent[-1]

    @property
    def mailed(self) -> str:
        """Return the kind of the last mail."""
        return self.last.kind

    def link(self) -> str:
        """Return the path of the link in the last mail about accounts: receipts come when their jobs are done."""
        found = (re.search(rf"{SITE}(/\S+)", mail.body) for mail in reversed(self.letters.sent))
        return next(each[1] for each in found if each)


def csrf(client: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text)
    assert found
    return found[1]


def send(client: httpx.Client, address: str, **fields: str) -> httpx.Response:
    """Send a form as a signed-in page does; redirects are shown, not followed."""
    return client.post(address, data={"csrf": csrf(client), **fields}, follow_redirects=False)


def register(home: Home, client: httpx.Client, **fields: str) -> None:
    answer = client.post("/register", data={**ANNA, **fields}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/register/sent"), answer.text
    answer = client.post(home.link(), follow_redirects=False)
    assert answer.headers["location"] == "/account?done=welcome", answer.text


def sign_in(client: httpx.Client, login: str = "anna", password: str = PASSWORD, **fields: str) -> httpx.Response:
    return client.post("/sign-in", data={"login": login, "password": password, **fields}, follow_redirects=False)


def signed_in(client: httpx.Client) -> bool:
    return client.get("/account").status_code == 200


def beside(answer: httpx.Response, field: str) -> str:
    """Return what is said beside a field, which the field itself must point to."""
    found = re.search(rf'<p class="field__wrong" id="{field}-wrong">.*?</svg>(.*?)</p>', answer.text, re.S)
    if found is None:
        return ""
    entry = re.search(rf'<input id="{field}"[^>]*>', answer.text)
    assert entry and f"{field}-wrong" in entry[0] and 'aria-invalid="true"' in entry[0]
    return html.unescape(found[1].strip())
