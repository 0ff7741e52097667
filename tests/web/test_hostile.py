"""Hostile text in every field, query, header and JSON of every route: an answer in words, never a 5xx.

The fields are those of tests/web/matrix.py; test_every_field_of_the_pages_is_in_the_table keeps that list whole.
"""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from litestar.testing import TestClient

from tests.db.conftest import SERVERS, server_database
from tests.web.hostile import HEADERS, JSONS, JSONS_OF_DATABASES, OF_DATABASES, TEXTS
from tests.web.matrix import POST, ROWS
from tests.web.objects import chat_of, filled, guest_cookie
from tests.web.real import Real, copied
from tests.web.visitors import Asking
from tests.web.visitors import visitor as visiting
from web.forms import FORM_BYTES
from web.programs import for_programs
from web.render import TEMPLATES

Client = TestClient[Any]
pytestmark = pytest.mark.attacks
DATABASES = ["sqlite", *(pytest.param(kind, marks=pytest.mark.server) for kind in SERVERS)]
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
# What lets the other fields of a form through, so that the hostile one is looked at.
PLAIN = {
    "password": "a tin whistle at noon", "old": "a tin whistle at noon", "current": "a tin whistle at noon",
    "email": "plain@example.org", "phone": "", "language": "en", "next": "/", "role": "member", "on": "1",
    "theme": "dark", "url": "site.example", "kind": "page", "title": "Rates", "character": "", "everybody": "",
    "include": "", "exclude": "", "depth": "1", "max_pages": "9", "hours": "24", "mode": "hybrid", "site": "",
    "query": "virtue", "question": "Which was the street?", "answer": "a green one with trees",
}  # fmt: skip
FINE = (200, 499)
LISTS = {"urls", "include", "exclude"}  # in JSON
UNSENT = {"csrf", "patience", "mode", "interrupt"}  # sent by our pages, or read by scripts only


@pytest.fixture(scope="module", params=DATABASES)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("hostile")
    if request.param == "sqlite":
        yield from _on(copied(database, folder), folder)
        return
    with server_database(request.param) as url:
        yield from _on(url, folder, fresh=True)


def _on(url: str, folder: Path, fresh: bool = False) -> Iterator[Real]:
    with closing(Real(url, folder, fresh, bench=True)) as real:
        yield real


@pytest.fixture(scope="module")
def opened(real: Real) -> Iterator[Client]:
    with real.open() as client:
        yield client


@pytest.fixture
def visitor(real: Real, opened: Client) -> tuple[Client, dict[str, str]]:
    """A browser, and what it owns."""
    guest = secrets.token_urlsafe(18)
    opened.cookies.clear()
    opened.cookies.set("guest", guest_cookie(guest))
    return opened, chat_of(real.services.chats, guest)


def somebody(real: Real, client: Client, method: str, path: str) -> Asking:
    """Return who gets furthest there: where an account is asked for, an admin; else a guest, who may try to be one."""
    who = visiting(real, "admin" if ROWS[method, path].role != "guest" or path.startswith("/operator") else "guest")
    client.cookies.clear()
    if not for_programs(path):
        for name, value in who.cookies.items():
            client.cookies.set(name, value)
    return who


def texts(real: Real) -> list[tuple[str, str]]:
    """Return the corpus: all of it on SQLite, on servers what their drivers or tables could stumble over."""
    if real.database.name == "sqlite":
        return list(TEXTS.items())
    return [(name, TEXTS[name]) for name in OF_DATABASES]


def jsons(real: Real) -> list[tuple[str, bytes]]:
    if real.database.name == "sqlite":
        return list(JSONS.items())
    return [(name, JSONS[name]) for name in JSONS_OF_DATABASES]


def raw(text: str) -> str:
    """Percent-encode what UTF-8 has no letters for, too."""
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"))


def never_broken(client: Client, method: str, path: str, said: str, **rest: Any) -> None:
    answer = client.request(method, path, follow_redirects=False, **rest)
    assert FINE[0] <= answer.status_code <= FINE[1] or path == "/ready", (method, path, said, answer.text[:300])
    assert "stolen" not in answer.headers.get("set-cookie", ""), (path, said)


@pytest.mark.parametrize(("method", "path"), [key for key, row in ROWS.items() if row.fields])
def test_no_field_breaks_anything(real: Real, opened: Client, method: str, path: str) -> None:
    row, who = ROWS[method, path], somebody(real, opened, method, path)
    for field in row.fields:
        for name, text in texts(real):
            real.forgive()
            others = {other: PLAIN.get(other, "plain-text-1") for other in row.fields if other != field}
            if row.stream:
                others = {}  # a turn that begins takes a while
            if row.json:
                others = {name: value for name, value in row.sent.items() if name != field} if row.sent else others
                value = [text, "plain-text-1"] if field in LISTS else text
                body, kind = json.dumps({**others, field: value}).encode(), JSON
            else:
                body = "&".join(f"{key}={raw(value)}" for key, value in {**others, field: text}.items()).encode()
                kind = FORM
            address = filled(path, who.ids)
            never_broken(opened, method, address, f"{field}: {name}", content=body, headers={**who.headers, **kind})


@pytest.mark.parametrize(("method", "path"), [key for key, row in ROWS.items() if row.query])
def test_no_query_breaks_anything(real: Real, opened: Client, method: str, path: str) -> None:
    row, who = ROWS[method, path], somebody(real, opened, method, path)
    for field in row.query:
        rest = [each for each in filled(row.asked, who.ids).split("&") if not each.startswith(f"{field}=")]
        for name, text in texts(real):
            real.forgive()
            address = f"{filled(path, who.ids)}?{field}={'&'.join([raw(text[:5_000]), *rest])}"
            never_broken(opened, method, address, f"{field}: {name}", headers=who.headers)


@pytest.mark.parametrize("path", [path for method, path in ROWS if method == POST])
def test_no_json_breaks_anything(real: Real, opened: Client, path: str) -> None:
    who = somebody(real, opened, POST, path)
    for name, body in jsons(real):
        if path == "/bench/turn" and len(body) % 2 == 0:
            continue  # there it is sound, and a reply to it takes a while
        real.forgive()
        never_broken(opened, POST, filled(path, who.ids), name, content=body, headers={**who.headers, **JSON})


@pytest.mark.parametrize("path", [path for (_, path), row in ROWS.items() if row.json and row.fields])
def test_json_that_is_none_of_ours_is_a_bad_request(real: Real, opened: Client, path: str) -> None:
    who = somebody(real, opened, POST, path)
    for name, body in jsons(real):
        real.forgive()
        answer = opened.post(filled(path, who.ids), content=body, headers={**who.headers, **JSON})
        assert answer.status_code == (413 if len(body) > FORM_BYTES else 400), (name, answer.text[:200])


@pytest.mark.parametrize(("method", "path"), [key for key, row in ROWS.items() if not row.stream])
def test_no_header_breaks_anything(real: Real, opened: Client, method: str, path: str) -> None:
    who = somebody(real, opened, method, path)
    for name, headers in HEADERS.items():
        real.forgive()
        opened.cookies.clear()
        sent = [(key.encode(), value) for key, value in headers.items()]
        never_broken(opened, method, filled(path, who.ids), name, headers=sent)


@pytest.mark.parametrize(("method", "path"), [key for key in ROWS if "{" in key[1]])
def test_no_id_breaks_anything(real: Real, opened: Client, method: str, path: str) -> None:
    who = somebody(real, opened, method, path)
    for place in re.findall(r"{(\w+)}", path):
        for name, text in texts(real):
            real.forgive()
            address = filled(path, {**who.ids, place: raw(text[:2_000]).replace(".", "%2e")})
            never_broken(opened, method, address, f"{place}: {name}", headers=who.headers)


def test_what_was_kept_of_hostile_text_is_shown_as_text(visitor: tuple[Client, dict[str, str]]) -> None:
    client, ids = visitor
    for name in ("a script", "an attribute", "a template", "SQL", "bidi", "what folds to more"):
        body = f"title={raw(TEXTS[name][:60])}"
        assert client.post(filled("/chats/{chat_id}/rename", ids), content=body, headers=FORM).status_code == 200
        page = client.get("/chats").text
        assert "<script>alert" not in page
        assert ' autofocus onfocus="' not in page
        assert str(1_234_567 * 7) not in re.sub(r"<[^>]*>", "", page)
        assert client.get(filled("/chats/{chat_id}", ids)).status_code == 200


def test_every_field_of_the_pages_is_in_the_table() -> None:
    """What a person can type into must be typed into here."""
    known = {field for row in ROWS.values() for field in (*row.fields, *row.query)} | UNSENT
    for file in TEMPLATES.rglob("*.html"):
        for tag in re.findall(r"<(?:input|textarea|select|button)\b[^>]*>", file.read_text("utf-8")):
            for name in re.findall(r'\sname="([\w-]+)"', tag):
                assert name in known, f"{file.name} has a field {name!r} that tests/web/matrix.py lacks"


def test_the_corpus_reaches_the_handlers(real: Real, visitor: tuple[Client, dict[str, str]]) -> None:
    """It would be no test if every request were refused at the door."""
    client, ids = visitor
    path = filled("/chats/{chat_id}/rename", ids)
    answers: dict[str, int] = {}
    for name, text in TEXTS.items():
        answers[name] = client.post(path, content=f"title={raw(text)}", headers=FORM).status_code
    assert answers["SQL"] == answers["a quote after a backslash"] == 200
    assert answers["NUL"] == 400
    assert answers["a megabyte"] == 413
    who = visiting(real, "admin")
    real.forgive()
    for name, body, status in (("search", {"query": TEXTS["SQL"]}, 200), ("ingest", {"url": "site.example/h"}, 202),
                               ("bulk_ingest", {"urls": [TEXTS["SQL"]]}, 202)):  # fmt: skip
        assert client.post(f"/web/{name}", json=body, headers=who.headers).status_code == status, name
    assert "Nothing was found" in client.get(f"/knowledge/search?character=socrates&q={raw(TEXTS['SQL'])}").text
