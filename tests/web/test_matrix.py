"""Who gets what, asked of every route there is: tests/web/matrix.py has the table, Litestar the list of routes."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from tests.web.matrix import GET, KEY, ROWS, VISITORS, Visitor
from tests.web.objects import FIXED, filled
from tests.web.real import Real, copied
from tests.web.visitors import Asking, visitor
from web.programs import for_programs
from web.roles import least

Client = TestClient[Any]
pytestmark = pytest.mark.attacks
HEAD, EVENTS = "HEAD", "/chats/{chat_id}/turns/{turn_id}/events"  # those a HEAD would follow to their end
TO_DO_SO = {"sign_in_first", "token_bad"}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("matrix")
    with closing(Real(copied(database, folder), folder, bench=True, operator_key=KEY)) as real:
        yield real


@pytest.fixture(scope="module")
def client(real: Real) -> Iterator[Client]:
    with real.open() as client:
        yield client


@pytest.fixture(scope="module")
def lasting(real: Real) -> dict[Visitor, Asking]:
    """For what changes nothing, one of each kind is enough."""
    return {who: visitor(real, who) for who in VISITORS}


def routes(real: Real) -> set[tuple[str, str]]:
    """Return every (method, path); HEAD goes with GET, and OPTIONS is Litestar's own."""
    found = set()
    for route in real.app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            found |= {(str(method), route.path_format) for method in handler.http_methods}
    return {(method, path) for method, path in found if method not in ("HEAD", "OPTIONS")}


def outcome(method: str, answer: httpx.Response) -> str:
    """Return "in", "sign in", "gone", "refused", or what else came."""
    told = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else {}
    code = told.get("code", "")
    where = answer.headers.get("location", "") if method == GET else ""  # signing out goes there too
    if answer.status_code == 404:
        return "gone"
    if (answer.status_code in (401, 403) and code in TO_DO_SO) or where.split("?")[0].endswith("/sign-in"):
        return "sign in"
    if answer.status_code < 400 or answer.status_code in (400, 409, 413):
        return "in"
    if answer.status_code == 402 or (answer.status_code == 403 and code not in TO_DO_SO):
        return "refused"  # to their plan, or to them
    return f"{answer.status_code} {code}"


def asked(client: Client, method: str, path: str, who: Asking) -> str:
    return outcome(method, answered(client, method, path, who))


def answered(client: Client, method: str, path: str, who: Asking) -> httpx.Response:
    row = ROWS[GET if method == HEAD else method, path]
    client.cookies.clear()
    api = for_programs(path)
    for name, value in who.cookies.items() if not api else []:
        client.cookies.set(name, value)
    headers = {"accept": "application/json", **who.headers}
    if not api:
        headers.pop("authorization", None)
    address = filled(path + (f"?{row.asked}" if row.asked else ""), {**FIXED, **who.ids})
    body: dict[str, Any] = {}
    if method not in (GET, HEAD):
        body = {"json": row.sent} if row.json else {"data": row.sent} if row.sent else {}
    with client.stream(method, address, headers=headers, follow_redirects=False, **body) as answer:
        answer.read()
    return answer


def test_every_route_has_a_row(real: Real) -> None:
    assert routes(real) - set(ROWS) == set(), "say in tests/web/matrix.py who may use it"


def test_every_row_has_a_route(real: Real) -> None:
    assert set(ROWS) - routes(real) == set(), "these are no longer there"


def test_every_route_asks_for_the_role_of_its_row(real: Real) -> None:
    for route in real.app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            for method in handler.http_methods & {"GET", "POST", "DELETE"}:
                assert least(handler) == ROWS[str(method), route.path_format].role, (method, route.path_format)


def test_every_row_tells_of_every_visitor() -> None:
    for key, row in ROWS.items():
        assert set(row.who) == set(VISITORS), key


@pytest.mark.parametrize(("method", "path"), list(ROWS), ids=[" ".join(key) for key in ROWS])
def test_nobody_gets_more_than_the_table_says(
    real: Real, client: Client, lasting: dict[Visitor, Asking], method: str, path: str
) -> None:
    """And nobody less."""
    told = {}
    for who in VISITORS:
        asking = lasting[who] if method == GET else visitor(real, who)
        real.forgive()
        told[who] = asked(client, method, path, asking)
    assert told == ROWS[method, path].who


def test_whatever_can_be_got_can_be_asked_for_by_head(
    real: Real, client: Client, lasting: dict[Visitor, Asking]
) -> None:
    """By the same people: the handler is the same."""
    for path in (path for method, path in ROWS if method == GET and path != EVENTS):
        for who in ("no cookie", "user", "other user's object", "admin"):
            real.forgive()
            got = answered(client, GET, path, lasting[who])
            real.forgive()
            head = answered(client, HEAD, path, lasting[who])
            assert (head.status_code, head.content) == (got.status_code, b""), (path, who)
            assert head.headers.get("content-type") == got.headers.get("content-type"), (path, who)


def test_an_admin_who_is_none_any_more_is_out_at_once(real: Real, client: Client) -> None:
    admin = visitor(real, "admin")
    assert asked(client, GET, "/admin/users", admin) == "in"
    user_id = real.services.sign_ins.current(admin.cookies["at"]).user.id
    real.services.members.accounts.set_role(user_id, "user")
    real.services.sign_ins.forget(user_id)
    assert asked(client, GET, "/admin/users", admin) == "gone"


@pytest.mark.parametrize("field", ["role", "user_id", "id", "owner", "guest", "is_admin", "proved_at"])
def test_no_field_makes_anybody_an_admin(real: Real, client: Client, field: str) -> None:
    """Fields that a form does not have change nothing."""
    for (method, path), row in ROWS.items():
        if method == GET or row.stream or not row.fields or path.startswith("/admin") or for_programs(path):
            continue
        who = visitor(real, "user")
        user_id = real.services.sign_ins.current(who.cookies["at"]).user.id
        client.cookies.clear()
        for name, value in who.cookies.items():
            client.cookies.set(name, value)
        headers = {"x-csrf-token": who.headers["x-csrf-token"]}
        real.forgive()
        data = {**(row.sent or {}), field: "admin"}
        client.post(filled(path, {**FIXED, **who.ids}), data=data, headers=headers, follow_redirects=False)
        user = real.services.members.accounts.get(user_id)
        assert (user.role, user.id) == ("user", user_id), path


def test_the_table_would_notice_an_open_door(real: Real, client: Client, lasting: dict[Visitor, Asking]) -> None:
    """It would be no test if every visitor were the same to the application."""
    told = {who: asked(client, GET, "/chats/{chat_id}", lasting[who]) for who in VISITORS}
    assert set(told.values()) == {"in", "gone"}
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", lasting["admin"].ids["session_id"])
