"""Every route, those of tomorrow too: security headers, no writes by GET, no writes from another site."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from tests.web.house import HTTPS, House, new_chat
from web.programs import for_programs
from web.security import CSP, HEADERS

SAFE = {"GET", "HEAD", "OPTIONS"}
IDS = {
    "slug": "socrates",
    "chat_id": "abc",
    "turn_id": "abc",
    "message_id": "abc",
    "utterance": "utter-ance-1",
    "version": "0",
    "file": "x.js",
    "token": "t" * 43,
    "user_id": "u" * 24,
    "session_id": "s" * 24,
    "source_id": "s" * 16,
    "page_id": "p" * 16,
    "file_id": "f" * 20,
    "order_id": "o" * 20,
    "provider": "stripe",
    "attachment_id": "a" * 20,
}


def routes(house: House) -> list[tuple[str, str]]:
    """Return (method, address) of every route, with ids that nobody owns."""
    table = []
    for route in house.app.routes:
        assert isinstance(route, HTTPRoute)
        path = route.path_format
        for name, value in IDS.items():
            path = path.replace("{" + name + "}", value)
        assert "{" not in path, f"say in IDS what {path} is asked with"
        table += [(str(method), path) for method in route.methods if method != "OPTIONS"]
    return table


@pytest.fixture
def bench_house(tmp_path: Path, database: Path) -> House:
    return House(tmp_path, database, bench=True, engines="scripted")


@pytest.fixture
def client(bench_house: House) -> Iterator[TestClient[Any]]:
    with bench_house.open() as client:
        yield client


def test_every_route_sends_every_security_header(bench_house: House, client: TestClient[Any]) -> None:
    table = routes(bench_house)
    assert len(table) > 30
    for method, path in [*table, ("GET", "/nowhere"), ("PUT", "/"), ("GET", "/static/../web/app.py")]:
        answer = client.request(method, path, follow_redirects=False)
        assert answer.status_code < 500 or path == "/ready", (method, path, answer.text)
        for name, value in HEADERS.items():
            assert answer.headers.get(name) == value, (method, path, name)
        assert "cache-control" in answer.headers, path


def test_the_policy_lets_no_inline_code_and_no_eval_through() -> None:
    assert "unsafe" not in CSP
    assert CSP.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in CSP


def test_state_is_only_changed_by_post(bench_house: House) -> None:
    there = routes(bench_house)
    assert {method for method, path in there if not for_programs(path)} <= {"GET", "HEAD", "POST"}
    assert {method for method, _ in there} <= {"GET", "HEAD", "POST", "DELETE"}  # there a cookie changes nothing


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "", "origin": "https://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
        {"sec-fetch-site": "", "origin": "http://testserver.local.evil.example"},
    ],
)
def test_no_other_site_can_post_anything(bench_house: House, client: TestClient[Any], headers: dict[str, str]) -> None:
    for method, path in routes(bench_house):
        if method in SAFE:
            continue
        request = client.build_request(method, path, headers=headers)
        if not headers["sec-fetch-site"]:
            del request.headers["sec-fetch-site"]
        answer = client.send(request)
        assert answer.status_code == 403, (path, answer.text)
        if "/webhook" not in path:  # where nothing but a signature counts, and nobody is told why
            assert "another website" in answer.text


def test_our_own_pages_may_post_also_where_browsers_send_only_an_origin(client: TestClient[Any]) -> None:
    del client.headers["sec-fetch-site"]
    answer = client.post("/settings", headers={"origin": "http://testserver.local"}, follow_redirects=False)
    assert answer.status_code == 303


def test_behind_a_proxy_the_public_address_counts_and_https_is_kept(tmp_path: Path, database: Path) -> None:
    with House(tmp_path, database, **HTTPS).open() as client:
        del client.headers["sec-fetch-site"]
        answer = client.post("/settings", headers={"origin": "https://parley.example"}, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


def test_pages_that_are_not_public_are_not_kept_by_shared_caches(client: TestClient[Any]) -> None:
    chat = new_chat(client)
    for path in ("/recent", "/chats", f"/chats/{chat}", f"/chats/{chat}/export.md"):
        assert client.get(path).headers["cache-control"] == "private, no-cache", path


def test_the_bench_door_is_shut_unless_benching(house: House, tmp_path: Path, database: Path) -> None:
    with house.open() as client:
        assert client.post("/bench/turn", content=b"\0\0").status_code == 404
    (tmp_path / "real").mkdir()
    with House(tmp_path / "real", database, bench=True, engines="real").open() as client:
        assert client.post("/bench/turn", content=b"\0\0").status_code == 404
