"""The page of costs: who may see it, and that it tells every micro-dollar."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar import Request
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send

from domain.errors import NotFound, TooMany, Unavailable
from domain.usage import Call
from infra.config import Config, ConfigError, read
from tests.db.test_ledger_contract import call
from tests.web.house import BROWSER, HTTPS, SECRET, House
from tests.web.test_templates import Tags
from web.operators import SESSION_S, TRIES, WINDOW_S, Operators

Client = TestClient[Any]
KEY = "the operator's key, 32 characters or more"
PATHS = ("/operator", "/operator/turns", "/operator/turns/turn-1", "/operator/sign-in")
NOW = datetime.now(UTC)


@contextmanager
def visit(house: House, address: str = "127.0.0.1", site: str = "http://127.0.0.1:7210") -> Iterator[Client]:
    """A browser at this address that asks for this site."""

    async def from_there(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            scope["client"] = (address, 50_000)
        await house.app(scope, receive, send)

    with TestClient(from_there, base_url=site, raise_server_exceptions=False) as client:
        client.headers.update(BROWSER)
        yield client


@pytest.fixture
def home(house: House) -> Iterator[Client]:
    with visit(house) as client:
        yield client


@pytest.fixture
def keyed(tmp_path: Path, database: Path) -> House:
    return House(tmp_path, database, operator_key=KEY, host="::")


@pytest.fixture
def stranger(keyed: House) -> Iterator[Client]:
    with visit(keyed, "203.0.113.7", "http://parley.example") as client:
        yield client


def row(name: str, turn: str = "turn-1", **fields: Any) -> Call:
    return call(name, turn, **{"at": NOW - timedelta(hours=1), **fields})


def sign_in(client: Client, key: str = KEY) -> Any:
    return client.post("/operator/sign-in", data={"key": key}, follow_redirects=False)


# -- who may see it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["127.0.0.1:7210", "localhost:7210", "localhost", "[::1]:7210"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_without_a_key_the_machine_itself_sees_it(tmp_path: Path, database: Path, host: str, site: str) -> None:
    with visit(House(tmp_path, database, host=host), "::1" if "[" in site else "127.0.0.1") as client:
        client.headers["host"] = site
        assert client.get("/operator").status_code == 200
        assert client.get("/operator/sign-in", follow_redirects=False).headers["location"] == "/operator"
        assert sign_in(client).status_code == 404
        assert client.post("/operator/sign-out").status_code == 404


@pytest.mark.parametrize(
    ("settings", "address", "site", "headers"),
    [
        ({"host": "::"}, "127.0.0.1", "http://127.0.0.1", {}),
        ({"host": "192.168.1.5"}, "127.0.0.1", "http://127.0.0.1", {}),
        ({"host": ""}, "127.0.0.1", "http://127.0.0.1", {}),
        (HTTPS, "127.0.0.1", "http://127.0.0.1", {}),
        ({}, "203.0.113.7", "http://127.0.0.1", {}),
        ({}, "", "http://127.0.0.1", {}),
        ({}, "127.0.0.1", "http://rebound.example:7210", {}),
        ({}, "127.0.0.1", "http://localhost.evil.example", {}),
        ({}, "127.0.0.1", "http://127.0.0.1", {"host": "127.0.0.1.evil.example"}),
        ({}, "127.0.0.1", "http://127.0.0.1", {"host": "[::1"}),
        ({}, "127.0.0.1", "http://127.0.0.1", {"x-forwarded-for": "127.0.0.1"}),
        ({}, "127.0.0.1", "http://127.0.0.1", {"forwarded": "for=127.0.0.1"}),
        ({}, "127.0.0.1", "http://127.0.0.1", {"via": "1.1 tunnel"}),
    ],
    ids=str,
)
def test_without_a_key_nobody_else_even_learns_that_there_is_a_page(
    tmp_path: Path, database: Path, settings: dict[str, str], address: str, site: str, headers: dict[str, str]
) -> None:
    house = House(tmp_path, database, **settings)
    house.ledger.record([row("a")])
    with visit(house, address, site) as client:
        for path in PATHS:
            answer = client.get(path, headers=headers, follow_redirects=False)
            assert answer.status_code == 404, path
            assert "There is nothing at this address." in answer.text
        assert sign_in(client).status_code == 404


@pytest.mark.parametrize("address", ["127.0.0.1", "203.0.113.7"])
def test_with_a_key_everybody_is_asked_for_it_the_machine_itself_too(
    tmp_path: Path, database: Path, address: str
) -> None:
    with visit(House(tmp_path, database, operator_key=KEY), address) as client:
        for path in PATHS[:-1]:
            answer = client.get(path, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, "/operator/sign-in")
            assert answer.content == b""
        assert 'type="password"' in client.get("/operator").text


def test_the_right_key_opens_it_and_signing_out_shuts_it(stranger: Client) -> None:
    answer = sign_in(stranger)
    assert (answer.status_code, answer.headers["location"]) == (303, "/operator")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_S}"} <= set(cookie.split("; "))
    assert KEY not in cookie
    assert stranger.get("/operator", follow_redirects=False).status_code == 200
    assert stranger.get("/operator/sign-in", follow_redirects=False).headers["location"] == "/operator"

    answer = stranger.post("/operator/sign-out", follow_redirects=False)
    assert answer.headers["location"] == "/operator/sign-in"
    assert stranger.get("/operator", follow_redirects=False).status_code == 303


def test_who_comes_in_by_the_key_and_who_tries_to_is_in_the_audit_log(keyed: House, stranger: Client) -> None:
    log = keyed.services.members.audit
    for key in ("guess", KEY):
        sign_in(stranger, key)
    rows = [row.event for row in log.find() if row.event.action.startswith("operator_")]
    assert [event.action for event in rows] == ["operator_signed_in", "operator_failed"]  # the newest first
    assert {(event.actor, event.target, event.address) for event in rows} == {("system", "", "203.0.113.0/24")}
    assert "guess" not in repr(rows) and KEY not in repr(rows)

    for _ in range(3 * TRIES):
        sign_in(stranger, "guess")
    assert len(log.find(action="operator_failed")) == TRIES  # who is asked to wait fills no log
    assert log.verify() is None


def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Path, database: Path) -> None:
    house = House(tmp_path, database, operator_key=KEY, **HTTPS)
    with visit(house, "203.0.113.7", "https://parley.example") as client:
        cookie = sign_in(client).headers["set-cookie"]
        assert cookie.startswith("__Host-operator=")
        assert "Secure" in cookie.split("; ")
        assert client.get("/operator", follow_redirects=False).status_code == 200


@pytest.mark.parametrize("key", ["", "x", KEY + " ", KEY.upper(), KEY[:-1], "钥匙", "\0", "x" * 10_000])
def test_a_wrong_key_opens_nothing(stranger: Client, key: str) -> None:
    answer = sign_in(stranger, key)
    assert answer.status_code == 403
    assert "That is not the key." in answer.text
    assert "set-cookie" not in answer.headers
    assert stranger.get("/operator", follow_redirects=False).status_code == 303


def test_the_key_in_an_address_opens_nothing(stranger: Client) -> None:
    for path in ("/operator", "/operator/sign-in"):
        stranger.get(path, params={"key": KEY})
    assert stranger.get("/operator", follow_redirects=False).status_code == 303
    assert stranger.post("/operator/sign-in", params={"key": KEY}, follow_redirects=False).status_code == 403


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "é", "operator", '"'])
def test_a_cookie_that_we_did_not_sign_opens_nothing(stranger: Client, value: str) -> None:
    cookie = (b"cookie", f"operator={value}".encode())
    answer = stranger.get("/operator", headers=[cookie], follow_redirects=False)
    assert answer.status_code == 303


def test_another_key_or_secret_signs_everybody_out(stranger: Client) -> None:
    sign_in(stranger)
    request = stranger.build_request("GET", "/operator")
    name, _, value = request.headers["cookie"].partition("=")
    for key, secret, known in ((KEY, SECRET, True), (KEY + "2", SECRET, False), (KEY, SECRET + "2", False)):
        operators = Operators(Config(operator_key=key, secret_key=secret))
        assert operators.welcome(asking(Cookie(key=name, value=value))) is known


def asking(cookie: Cookie | None = None, address: str = "203.0.113.7") -> Request[Any, Any, Any]:
    sent = f"{cookie.key}={cookie.value}" if cookie else ""
    scope = {"type": "http", "scheme": "http", "client": (address, 50_000), "headers": [(b"cookie", sent.encode())]}
    return Request(scope)  # type: ignore[arg-type]


def test_a_session_ends_after_twelve_hours() -> None:
    now = [1_000_000.0]
    operators = Operators(Config(operator_key=KEY, secret_key=SECRET), lambda: now[0])
    cookie = operators.cookie(asking())
    now[0] += SESSION_S
    assert operators.welcome(asking(cookie))
    now[0] += 1
    assert not operators.welcome(asking(cookie))


def test_who_guesses_has_to_wait_even_with_the_right_key_and_others_do_not() -> None:
    now = [1_000_000.0]
    operators = Operators(Config(operator_key=KEY, secret_key=SECRET), lambda: now[0])
    for _ in range(TRIES):
        assert not operators.try_key(asking(address="2001:db8::1"), "guess")
    for neighbour in ("2001:db8::1", "2001:db8::ffff"):  # one house has a whole network of addresses
        with pytest.raises(TooMany):
            operators.try_key(asking(address=neighbour), KEY)
    assert operators.try_key(asking(), KEY)
    now[0] += WINDOW_S
    assert operators.try_key(asking(address="2001:db8::1"), KEY)


def test_guessing_is_answered_with_429_and_does_not_shut_out_who_is_in(keyed: House, stranger: Client) -> None:
    sign_in(stranger)
    for _ in range(TRIES):
        assert sign_in(stranger, "guess").status_code == 403
    answer = sign_in(stranger)
    assert answer.status_code == 429
    assert "Too many wrong keys" in answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert stranger.get("/operator", follow_redirects=False).status_code == 200


def test_guessers_are_remembered_in_bounded_memory() -> None:
    operators = Operators(Config(operator_key=KEY, secret_key=SECRET))
    for number in range(3_000):
        operators.try_key(asking(address=f"10.0.{number // 250}.{number % 250}"), "guess")
    assert len(operators._wrong) == 1_000


def test_a_short_key_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OPERATOR_KEY"):
        read({"DATA_DIR": str(tmp_path), "OPERATOR_KEY": "x" * 31})
    assert read({"DATA_DIR": str(tmp_path), "OPERATOR_KEY": "x" * 32}).operator_key == "x" * 32


@pytest.mark.parametrize("price", ["free", "-1", "1e3", "NaN", "1.1234567", "٣", ","])
def test_a_price_that_is_none_is_refused_at_the_start(tmp_path: Path, price: str) -> None:
    with pytest.raises(ConfigError, match="LLM_PRICE_OUT"):
        read({"DATA_DIR": str(tmp_path), "LLM_PRICE_OUT": price})


def test_nothing_of_it_is_kept_by_browsers_or_caches(house: House, home: Client, stranger: Client) -> None:
    house.ledger.record([row("a")])
    for client, paths in ((home, PATHS), (stranger, PATHS)):
        for path in paths:
            answer = client.get(path, follow_redirects=False)
            assert answer.status_code in (200, 303)
            assert answer.headers["cache-control"] == "no-store"
    for key in ("guess", KEY):
        assert sign_in(stranger, key).headers["cache-control"] == "no-store"
    assert stranger.post("/operator/sign-out", follow_redirects=False).headers["cache-control"] == "no-store"


# -- what it tells -------------------------------------------------------------------------------------


def told(page: str) -> str:
    """Return the text of a page in one line, as it is read."""
    main = page[page.index("<main") : page.index("</main>")]
    return " ".join(re.sub(r"\s*<(?!/?span)[^>]*>\s*", " ", main).replace("</span>", "").split()).replace(
        '<span class="money__rest">', ""
    ).replace('<span class="money ">', "")


def test_before_anything_was_called_it_says_so(home: Client) -> None:
    page = told(home.get("/operator").text)
    assert "Nothing has been called in these days" in page
    assert "$" not in page
    assert "There are no turns here." in home.get("/operator/turns").text


def test_days_kinds_and_turns_are_told_with_their_exact_cost(house: House, home: Client) -> None:
    house.ledger.record(
        [
            row("a", kind="asr", engine_ms=412, audio_ms=3_200, microusd=110),
            row("b", kind="llm", engine_ms=1_500, audio_ms=0, tokens_in=1_812, tokens_out=44, microusd=148),
            row("c", "turn-2", engine_ms=187_250, audio_ms=0, microusd=2_000_001, at=NOW - timedelta(days=9)),
            row("d", "", kind="tts", engine_ms=1, audio_ms=1, microusd=1),
            row("e", "turn-3", kind="tts", microusd=5_000_000, at=NOW - timedelta(days=40)),
        ]
    )
    page = told(home.get("/operator").text)

    assert "Spent $2.000260 Turns 2 Spent for each turn $1.000130" in page
    assert "Speech recognition 2 3:07.662 0:03.200 – – $2.000111" in page
    assert "Language model 1 0:01.500 – 1,812 44 $0.000148" in page
    assert "Speech synthesis 1 0:00.001 0:00.001 – – $0.000001" in page
    assert "turn-1 2 0:01.912 $0.000258" in page
    assert f"{(NOW - timedelta(days=9)).date()} 1 1 $2.000001" in page
    assert "$5" not in page.replace("turn-3 1 0:00.412 $5.000000", "")
    assert "Spent $0.000259" in told(home.get("/operator?days=7").text)
    assert "Spent $7.000260" in told(home.get("/operator?days=90").text)


def test_calls_on_this_machine_are_told_to_be_no_charge(house: House, home: Client) -> None:
    house.ledger.record([row("a", runtime="inline", remote_id="", container="", price_class="own", microusd=0)])
    assert "No charge: everything ran on this machine" in home.get("/operator").text
    page = told(home.get("/operator/turns/turn-1").text)
    assert "Ran in this process" in page
    assert "Price this machine, no charge" in page
    assert "modal-" not in page


def test_the_calls_of_a_turn_are_told_one_by_one(house: House, home: Client) -> None:
    began = NOW - timedelta(hours=1)
    house.ledger.record(
        [
            row("a", kind="asr", container="ta-asr", remote_id="fc-asr", microusd=110, at=began),
            row(
                "b", kind="llm", runtime="inline", remote_id="", container="", engine_ms=1_500, audio_ms=0,
                tokens_in=812, tokens_out=44, price_class="endpoint", price_version="0.15+0.60", microusd=148,
                at=began + timedelta(milliseconds=450, microseconds=999),
            ),
            row("c", kind="tts", outcome="stopped", price_class="L40S", at=began + timedelta(seconds=61)),
        ]
    )  # fmt: skip
    page = told(home.get("/operator/turns/turn-1").text)

    assert "Spent $0.000365 Calls 3 Engine time 0:02.324" in page
    assert f"Began, UTC {began:%Y-%m-%d %H:%M:%S}" in page
    assert "Speech recognition $0.000110 After 0:00.000 Engine time 0:00.412 Sound 0:03.200 Ran Modal" in page
    assert "Container ta-asr Price L4 modal-2026-09-27 Function call fc-asr" in page
    assert "After 0:00.450 Engine time 0:01.500 Tokens in 812 Tokens out 44 Ran in this process" in page
    assert "Price LLM endpoint, by the token 0.15+0.60" in page
    assert "stopped" in page
    assert "After 1:01.000" in page


def test_a_turn_without_calls_is_not_there(home: Client) -> None:
    answer = home.get("/operator/turns/turn-9")
    assert answer.status_code == 404
    assert "The ledger holds no calls of this turn." in answer.text


def test_turns_are_told_page_by_page(house: House, home: Client) -> None:
    house.ledger.record([row(f"c{n}", f"turn-{n:03}", at=NOW - timedelta(minutes=n)) for n in range(120)])
    seen: list[str] = []
    path: str | None = "/operator/turns"
    pages = 0
    while path:
        page = home.get(path).text
        pages += 1
        seen += re.findall(r"/operator/turns/(turn-\d+)", page)
        assert ("Newest turns" in page) == (pages > 1)
        older = re.search(r'href="(/operator/turns\?before=[^"]+)"', page)
        path = older[1] if older else None
    assert pages == 3
    assert seen == [f"turn-{n:03}" for n in range(120)]


@pytest.mark.parametrize(
    "query",
    ["days=0", "days=31", "days=-7", "days=x", "days=" + "9" * 50],
)
def test_periods_that_are_not_offered_are_refused(home: Client, query: str) -> None:
    assert home.get(f"/operator?{query}").status_code == 400


@pytest.mark.parametrize(
    "before",
    ["x", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z",
     "2026-01-01T00:00:00.000000+14:00", "2026-01-01T00:00:00.000000Z'--", "%00", "9" * 5_000],
)  # fmt: skip
def test_moments_that_are_none_are_refused(home: Client, before: str) -> None:
    assert home.get("/operator/turns", params={"before": before}).status_code == 400


def test_when_the_ledger_cannot_be_read_the_page_says_so_and_offers_to_try_again(house: House, home: Client) -> None:
    def away(*_: object) -> Sequence[Any]:
        raise Unavailable("store_unavailable")

    house.ledger.days = house.ledger.turns = house.ledger.turn = away  # type: ignore[method-assign, assignment]
    for path in PATHS[:-1]:
        answer = home.get(path)
        assert answer.status_code == 503
        assert "Try again" in answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_well_formed_in_both_languages(house: House, keyed: House, language: str) -> None:
    for one in (house, keyed):
        one.ledger.record([row("a"), row("b", kind="llm", outcome="failed", runtime="moon", price_class="own")])
        with visit(one) as client:
            client.headers["accept-language"] = language
            if one is keyed:
                sign_in(client, "guess")
                sign_in(client)
            for path in PATHS:
                page = client.get(path).text
                Tags(page)
                assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in page
                assert "operator.css" in page
    assert ("费用" in page) == (language == "zh")


def test_the_page_is_found_only_by_who_knows_it(keyed: House, stranger: Client) -> None:
    for path in ("/", "/about", "/chats", "/robots.txt"):
        assert "operator" not in stranger.get(path).text
    with pytest.raises(NotFound):
        Operators(Config(secret_key=SECRET)).welcome(asking())
