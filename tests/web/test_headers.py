"""The defences that ride on every answer, asserted from the route table, for refusals and unknown addresses too."""

import re
from collections.abc import Iterator
from contextlib import closing
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from tests.web.house import HTTPS, new_chat
from tests.web.matrix import GET, ROWS
from tests.web.objects import FIXED, filled
from tests.web.real import Real, copied
from web.assets import STATIC
from web.programs import for_programs

Client = TestClient[Any]
pytestmark = pytest.mark.attacks
NOBODYS = {**FIXED, "chat_id": "abc", "turn_id": "abc", "message_id": "abc"}
ODD = [(GET, "/nowhere"), ("PUT", "/"), ("TRACE", "/"), (GET, "/chats/%00"), (GET, "/static/../web/app.py")]
PUBLIC = re.compile(r"\bpublic\b")


@pytest.fixture(scope="module", params=["http", "https"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database: Path
) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("headers")
    settings: dict[str, Any] = {"bench": True, **(HTTPS if request.param == "https" else {})}
    with closing(Real(copied(database, folder), folder, **settings)) as real, real.open() as client:
        yield client


@pytest.fixture
def client(opened: Client) -> Client:
    opened.cookies.clear()
    return opened


def addresses(client: Client) -> list[tuple[str, str]]:
    """Return every (method, address) of the application itself, of which the table may lack none."""
    found = []
    for route in client.app.routes:
        path = filled(route.path_format, _ids(route.path_format))
        found += [(str(method), path) for method in sorted(route.methods - {"OPTIONS"})]
    assert len(found) > 60
    return [*found, *ODD]


def _ids(path: str) -> dict[str, str]:
    return {name: NOBODYS.get(name, "abc") for name in re.findall(r"{(\w+)}", path)}


def answers(client: Client) -> Iterator[tuple[str, str, httpx.Response]]:
    for method, path in addresses(client):
        for headers in ({}, {"sec-fetch-site": "cross-site"}, {"accept": "application/json"}):
            answer = client.request(method, path, headers=headers, follow_redirects=False)
            assert answer.status_code < 500 or path == "/ready", (method, path, answer.text)
            yield method, path, answer


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


def test_every_answer_carries_every_defence(client: Client) -> None:
    for method, path, answer in answers(client):
        where = f"{method} {path} {answer.status_code}"
        headers = answer.headers
        policy = directives(headers["content-security-policy"])
        assert not [source for sources in policy.values() for source in sources if "unsafe" in source], where
        assert policy["default-src"] == ["'none'"], where
        assert policy["script-src"] == ["'self'"], where
        assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"], where
        assert policy["form-action"] == ["'self'"], where
        assert headers["x-content-type-options"] == "nosniff", where
        assert headers["referrer-policy"] in ("same-origin", "no-referrer"), where
        assert headers["cross-origin-opener-policy"] == "same-origin", where
        assert headers["cross-origin-resource-policy"] == "same-origin", where
        permissions = dict(part.strip().split("=") for part in headers["permissions-policy"].split(","))
        assert permissions.pop("microphone") == "(self)", where
        assert set(permissions.values()) == {"()"}, where
        assert {"camera", "geolocation", "payment"} <= set(permissions), where
        for name in headers:
            assert len(headers.get_list(name)) == 1 or name == "set-cookie", (where, name)
        for leak in ("server", "x-powered-by"):
            assert leak not in headers, where


def test_browsers_that_came_by_https_are_to_stay_with_it(client: Client) -> None:
    https = str(client.base_url).startswith("https")
    for method, path, answer in answers(client):
        kept = re.fullmatch(r"max-age=(\d+); includeSubDomains", answer.headers.get("strict-transport-security", ""))
        assert (kept is not None) == https, (method, path)
        assert kept is None or int(kept[1]) >= 31_536_000


def test_what_is_somebodys_is_kept_by_no_cache_but_their_own(client: Client) -> None:
    """Only what the table calls the same for everybody may say `public`, and no refusal may."""
    shared = {filled(path, _ids(path)) for (method, path), row in ROWS.items() if not row.personal and method == GET}
    for method, path, answer in answers(client):
        kept = answer.headers["cache-control"]
        if PUBLIC.search(kept):
            assert path in shared, (method, path)
            assert answer.status_code < 400, (method, path)
        else:
            assert "private" in kept or "no-store" in kept or "no-cache" in kept, (method, path, kept)
        if answer.status_code >= 400 and method != "HEAD":
            assert not PUBLIC.search(kept), (method, path)


def test_no_shared_page_sets_a_cookie(client: Client) -> None:
    for method, path, answer in answers(client):
        if PUBLIC.search(answer.headers["cache-control"]):
            assert "set-cookie" not in answer.headers, (method, path)


def test_every_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: Client) -> None:
    https = str(client.base_url).startswith("https")
    sent: list[str] = []
    new_chat(client)  # which makes a guest
    sent += client.post("/settings", data={"theme": "dark", "language": "zh"}).history[0].headers.get_list("set-cookie")
    client.cookies.clear()
    sent += client.post("/characters/socrates/chats", follow_redirects=False).headers.get_list("set-cookie")
    sent += [cookie for _, _, answer in answers(client) for cookie in answer.headers.get_list("set-cookie")]
    assert len(sent) >= 3
    for line in sent:
        for name, cookie in SimpleCookie(line).items():
            assert cookie["httponly"], line
            assert cookie["samesite"].lower() in ("lax", "strict"), line
            assert cookie["path"] == "/", line
            assert not cookie["domain"], line
            assert bool(cookie["secure"]) == https, line
            identifies = name not in ("theme", "language")
            assert name.startswith("__Host-") == (https and identifies), line


def test_state_is_only_changed_by_post(client: Client) -> None:
    """So that neither a link, nor a picture, nor a prefetch can change anything."""
    there = set(addresses(client)) - set(ODD)
    assert {method for method, path in there if not for_programs(path)} <= {GET, "HEAD", "POST"}
    assert {method for method, _ in there} <= {GET, "HEAD", "POST", "DELETE"}  # there a cookie changes nothing


def test_no_other_site_may_read_anything(client: Client) -> None:
    for method, path, answer in answers(client):
        assert not [name for name in answer.headers if name.startswith("access-control-")], (method, path)


def test_trace_and_unknown_methods_are_refused(client: Client) -> None:
    for method in ("TRACE", "TRACK", "CONNECT", "BREW"):
        assert client.request(method, "/").status_code in (400, 404, 405), method


def test_modules_keep_nothing_of_anybody_in_the_browser() -> None:
    """One key, for how a room is set (captions, patience): nothing that was said, and nobody's name or token."""
    keeping = {}
    for file in STATIC.rglob("*.js"):
        text = file.read_text("utf-8")
        if "vendor" not in file.parts and re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie", text):
            keeping[file.name] = set(re.findall(r"(?:get|set)Item\(([^,)]+)", text))
    assert keeping == {"settings.js": {'"parley"'}}


@pytest.mark.parametrize("path", ["/sign-in", "/register", "/recover/code"])
def test_passwords_are_masked(client: Client, path: str) -> None:
    entry = re.search(r'<input id="password"[^>]*>', client.get(path).text)
    assert entry
    assert 'type="password"' in entry[0]
