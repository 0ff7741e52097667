"""Who asks is found out before any route: cookies, renewal on the way, bearer tokens, the second lock on changes."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation
from litestar.response import ServerSentEvent
from litestar.testing import TestClient

from domain.errors import NotAllowed, ParleyError, Unavailable
from domain.people import Session
from domain.sign_ins import Fresh
from infra.config import Config
from tests.club import Club
from web.authentication import Authentication
from web.callers import caller_of, signed_in
from web.csrf import csrf
from web.session import Guests
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
HTTP, HTTPS = "http://127.0.0.1", "https://parley.example"
CHROMIUM = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"}
gate = asyncio.Event()


@get("/who")
async def who(request: AnyRequest) -> dict[str, str]:
    caller = caller_of(request)
    return {"owner": caller.owner, "name": caller.user.username if caller.user else "", "role": caller.role,
            "csrf": caller.csrf}  # fmt: skip


@get("/api/who")
async def program(request: AnyRequest) -> dict[str, str]:
    return {"name": signed_in(request).user.username, "csrf": caller_of(request).csrf}


@get("/public")
async def public() -> Response[str]:
    return Response("for all", headers={"cache-control": "public, s-maxage=300"})


@get("/static/who")
async def still() -> str:
    return "x"


@get("/stream", sync_to_thread=False)
def stream(request: AnyRequest) -> ServerSentEvent:
    name = caller_of(request).role

    async def events() -> AsyncGenerator[str, None]:
        yield name
        await gate.wait()
        yield "the end"

    return ServerSentEvent(events())


@post("/change")
async def change(request: AnyRequest) -> dict[str, str]:
    form = dict(await request.form())
    return {"said": str(form.get("said", "")), "role": caller_of(request).role}


@post("/api/change")
async def change_by_program(request: AnyRequest) -> dict[str, str]:
    return {"role": caller_of(request).role}


@post("/sign-out")
async def sign_out(
    request: AnyRequest, sign_in_cookies: NamedDependency[SkipValidation[SignInCookies]]
) -> Response[str]:
    response = Response("bye")
    for cookie in sign_in_cookies.none(request):
        response.set_cookie(cookie)
    return response


def told(_: AnyRequest, error: ParleyError) -> Response[str]:
    return Response(error.code, status_code=503 if isinstance(error, Unavailable) else 403)


def application(club: Club, **settings: Any) -> Litestar:
    config = Config(secret_key="s" * 40, **settings)
    cookies = SignInCookies(config)
    app = Litestar(
        [who, program, public, still, stream, change, change_by_program, sign_out],
        guards=[csrf],
        dependencies={"sign_in_cookies": _always(cookies)},
        exception_handlers={ParleyError: told},
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = Authentication(app.asgi_handler, club.sign_ins, Guests(config), cookies, lambda user: user)
    return app


def _always(thing: object) -> Provide:
    return Provide(lambda: thing, sync_to_thread=False)


def set_cookies(answer: httpx.Response) -> dict[str, SimpleCookie]:
    found = {}
    for header in answer.headers.get_list("set-cookie"):
        cookie = SimpleCookie(header)
        found.update({name: SimpleCookie(header) for name in cookie})
    return found


@pytest.fixture
def club() -> Club:
    club = Club()
    club.town.sessions.clear()
    club.first = club.open("s" * 24)
    return club


@pytest.fixture
def client(club: Club) -> Iterator[TestClient[Any]]:
    with TestClient(application(club), base_url=HTTP, raise_server_exceptions=False) as client:
        client.headers.update(CHROMIUM)
        yield client


def bring(client: httpx.Client, fresh: Fresh, prefix: str = "") -> None:
    client.cookies.clear()
    for name, value in (("at", fresh.access), ("rt", fresh.refresh)):
        client.cookies.set(prefix + name, value, domain=client.base_url.host, path="/")


def stolen(client: TestClient[Any], fresh: Fresh, agent: str) -> str:
    """Return whom somebody elsewhere is taken for, who has copied the refresh token."""
    mine = dict(client.cookies)
    client.cookies.clear()
    name = client.get("/who", headers={"cookie": f"rt={fresh.refresh}", "user-agent": agent}).json()["name"]
    client.cookies.clear()
    for each, value in mine.items():
        client.cookies.set(each, value, domain=client.base_url.host, path="/")
    return str(name)


# -- browsers ------------------------------------------------------------------------------------------


def test_a_browser_with_the_cookie_is_its_person(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    answer = client.get("/who")
    assert answer.json() == {
        "owner": club.user.id, "name": "Anna", "role": "user", "csrf": club.issuer.csrf("s" * 24)
    }  # fmt: skip
    assert "set-cookie" not in answer.headers


def test_a_browser_without_cookies_is_a_guest_without_a_word_for_forms(client: TestClient[Any]) -> None:
    found = client.get("/who").json()
    assert (found["role"], found["csrf"], len(found["owner"])) == ("guest", "", 24)


def test_a_guest_stays_the_guest_of_the_cookie_and_an_account_comes_before_it(
    client: TestClient[Any], club: Club
) -> None:
    guests = Guests(Config(secret_key="s" * 40))
    client.cookies["guest"] = guests._signer.sign(b"g" * 24).decode()
    assert client.get("/who").json()["owner"] == "g" * 24
    client.cookies["at"] = club.first.access
    assert client.get("/who").json()["owner"] == club.user.id


def test_an_access_token_that_ran_out_is_renewed_on_the_way(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    club.clock.seconds = 601
    answer = client.get("/who")
    assert answer.json()["name"] == "Anna"
    new = set_cookies(answer)
    assert set(new) == {"at", "rt"}
    for name, cookie in new.items():
        morsel = cookie[name]
        assert (morsel["httponly"], morsel["path"], morsel["samesite"].lower()) == (True, "/", "lax")
        assert morsel["domain"] == ""
    assert int(new["at"]["at"]["max-age"]) == 600
    assert int(new["rt"]["rt"]["max-age"]) == 30 * 86_400 - 601
    assert "set-cookie" not in client.get("/who").headers


def test_a_browser_that_kept_only_the_refresh_cookie_is_still_signed_in(client: TestClient[Any], club: Club) -> None:
    client.cookies["rt"] = club.first.refresh
    assert client.get("/who").json()["name"] == "Anna"


def test_a_public_page_that_brings_new_cookies_is_kept_by_no_cache(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    assert client.get("/public").headers.get_list("cache-control") == ["public, s-maxage=300"]
    club.clock.seconds = 601
    answer = client.get("/public")
    assert "set-cookie" in answer.headers
    assert answer.headers.get_list("cache-control") == ["private, no-cache"]


def test_a_session_that_was_ended_is_a_guest_at_once_and_its_cookies_go(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    assert client.get("/who").json()["name"] == "Anna"
    club.sessions.revoke("s" * 24, club.clock.now())
    answer = client.get("/who")
    assert answer.json()["name"] == ""
    assert {cookie[name]["max-age"] for name, cookie in set_cookies(answer).items()} == {"0"}
    assert dict(client.cookies) == {}


def test_a_copied_refresh_token_ends_the_session_for_both(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    club.clock.seconds = 601
    assert client.get("/who").json()["name"] == "Anna"
    club.clock.seconds = 640
    assert stolen(client, club.first, CHROMIUM["user-agent"]) == ""
    assert client.get("/who").json()["name"] == ""
    assert [event.action for event in club.diary.events] == ["token_reused"]


def test_the_grace_asks_for_the_same_kind_of_browser(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    club.clock.seconds = 601
    client.get("/who")
    assert stolen(client, club.first, "curl/8.5.0") == ""
    assert [event.action for event in club.diary.events] == ["token_reused"]


@pytest.mark.anyio
async def test_requests_sent_together_with_one_expired_token_all_succeed(club: Club) -> None:
    club.clock.seconds = 601
    jar = {"at": club.first.access, "rt": club.first.refresh}
    transport = httpx.ASGITransport(application(club))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=HTTP, headers=CHROMIUM) as client:
        head = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        answers = await asyncio.gather(*(client.get("/who", headers=head) for _ in range(40)))
    assert {answer.json()["name"] for answer in answers} == {"Anna"}
    successors = {club.issuer.read_refresh(set_cookies(answer)["rt"]["rt"].value).id for answer in answers}
    assert len(successors) == 1
    session = club.session()
    assert (session.revoked_at, session.refresh) == (None, successors.pop())


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "a" * 5_000, "%00", "é", '"quoted"', "..", "\\"])
def test_any_nonsense_in_the_cookies_is_a_guest(client: TestClient[Any], value: str) -> None:
    raw = {b"cookie": f"at={value}; rt={value}".encode()}
    answer = client.get("/who", headers=raw)
    assert (answer.status_code, answer.json()["role"]) == (200, "guest")


def test_static_files_ask_no_store_who_it_is(client: TestClient[Any], club: Club) -> None:
    club.sessions.get = lambda _: (_ for _ in ()).throw(AssertionError)  # type: ignore[assignment, method-assign]
    bring(client, club.first)
    assert client.get("/static/who").status_code == 200


def test_pages_that_need_nobody_are_served_while_the_store_is_away_and_nobody_is_signed_out(
    client: TestClient[Any], club: Club
) -> None:
    def away(_: str) -> Session | None:
        raise Unavailable("store_unavailable")

    club.sessions.get = away  # type: ignore[assignment, method-assign]
    bring(client, club.first)
    answer = client.get("/public")
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    answer = client.get("/who")
    assert (answer.status_code, answer.text, "set-cookie" in answer.headers) == (503, "store_unavailable", False)
    assert client.post("/change", data={"csrf": club.issuer.csrf("s" * 24)}).status_code == 503


def test_signing_out_has_the_last_word_about_the_cookies(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    club.clock.seconds = 601
    answer = client.post("/sign-out", headers={"x-csrf-token": club.issuer.csrf("s" * 24)})
    assert answer.status_code == 201
    assert [value.split(";")[0] for value in answer.headers.get_list("set-cookie")] == ["at=", "rt="] or {
        value.split("=")[0] for value in answer.headers.get_list("set-cookie")
    } == {"at", "rt"}
    assert dict(client.cookies) == {}


# -- streams -------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_stream_is_passed_on_as_it_comes_with_the_new_cookies_at_its_head(club: Club) -> None:
    """The second event is let go only after the first has been received: a buffer would never let it come."""
    club.clock.seconds = 601
    gate.clear()
    app = application(club)
    cookie = f"at={club.first.access}; rt={club.first.refresh}"
    scope: Any = {
        "type": "http", "method": "GET", "path": "/stream", "raw_path": b"/stream", "query_string": b"",
        "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 9), "asgi": {"version": "3.0"}, "extensions": {}, "state": {},
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", cookie.encode()), (b"user-agent", b"Chrome/1 Linux")],
    }  # fmt: skip
    sent: asyncio.Queue[Any] = asyncio.Queue()

    async def receive() -> Any:
        await asyncio.Event().wait()

    serving: asyncio.Task[None] = asyncio.create_task(app(scope, receive, sent.put))
    head = await sent.get()
    assert sum(name == b"set-cookie" for name, _ in head["headers"]) == 2
    assert b"user" in (await sent.get())["body"]
    gate.set()
    assert b"the end" in (await sent.get())["body"]
    serving.cancel()


# -- https, loopback, elsewhere ------------------------------------------------------------------------


def test_over_https_the_cookies_are_bound_to_the_host_and_plain_names_mean_nothing(club: Club) -> None:
    with TestClient(application(club, public_url=HTTPS), base_url=HTTPS) as client:
        client.headers.update(CHROMIUM)
        bring(client, club.first)
        assert client.get("/who").json()["name"] == ""
        bring(client, club.first, "__Host-")
        club.clock.seconds = 601
        answer = client.get("/who")
        assert answer.json()["name"] == "Anna"
        new = set_cookies(answer)
        assert set(new) == {"__Host-at", "__Host-rt"}
        assert {cookie[name]["secure"] for name, cookie in new.items()} == {True}


def test_behind_a_proxy_with_https_plain_names_are_never_used(club: Club) -> None:
    """The proxy speaks http to us, from loopback; browsers speak https to it."""
    with TestClient(application(club, public_url=HTTPS), base_url=HTTP) as client:
        bring(client, club.first)
        assert client.get("/who").json()["name"] == ""


def test_on_http_that_is_not_loopback_nobody_is_signed_in(club: Club) -> None:
    config = Config(secret_key="s" * 40, host="192.0.2.7")
    with TestClient(application(club, host="192.0.2.7"), base_url="http://192.0.2.7") as client:
        bring(client, club.first)
        assert client.get("/who").json()["name"] == ""
        assert "set-cookie" not in client.get("/who").headers
        request = client.build_request("GET", "/who")
    scope: Any = {"type": "http", "scheme": "http", "headers": [(b"host", request.headers["host"].encode())]}
    with pytest.raises(NotAllowed, match="https_needed"):
        SignInCookies(config).of(Request(scope), club.first)


# -- programs ------------------------------------------------------------------------------------------


def test_a_program_brings_its_token_in_the_header_and_no_word_for_forms(client: TestClient[Any], club: Club) -> None:
    head = {"authorization": f"Bearer {club.first.access}"}
    assert client.get("/api/who", headers=head).json() == {"name": "Anna", "csrf": ""}
    assert client.post("/api/change", headers=head).json() == {"role": "user"}


def test_cookies_open_nothing_for_programs_and_a_header_nothing_for_pages(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    answer = client.get("/api/who")
    assert (answer.status_code, answer.text) == (403, "sign_in_first")
    client.cookies.clear()
    answer = client.get("/who", headers={"authorization": f"Bearer {club.first.access}"})
    assert answer.json()["name"] == ""


def test_an_address_with_more_slashes_is_the_same_address(client: TestClient[Any], club: Club) -> None:
    """The router takes //api/who for /api/who: cookies must not open it, and the header must."""
    for path in ("//api/who", "///api//who", "/api//who", "/api/who/"):
        bring(client, club.first)
        assert client.get(f"{HTTP}{path}").text == "sign_in_first"
        client.cookies.clear()
        head = {"authorization": f"Bearer {club.first.access}"}
        assert client.get(f"{HTTP}{path}", headers=head).json() == {"name": "Anna", "csrf": ""}


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "bearer " + "x" * 5_000])
def test_a_program_with_a_bad_token_is_told_so(client: TestClient[Any], value: str) -> None:
    answer = client.get("/api/who", headers={"authorization": value})
    assert (answer.status_code, answer.text) == (403, "token_bad")


def test_a_program_is_out_when_its_session_has_ended(client: TestClient[Any], club: Club) -> None:
    head = {"authorization": f"Bearer {club.first.access}"}
    assert client.get("/api/who", headers=head).status_code == 200
    club.sessions.revoke("s" * 24, club.clock.now())
    assert client.get("/api/who", headers=head).text == "token_bad"


def test_a_refresh_token_is_no_access_token(client: TestClient[Any], club: Club) -> None:
    answer = client.get("/api/who", headers={"authorization": f"Bearer {club.first.refresh}"})
    assert answer.text == "token_bad"


# -- the second lock -----------------------------------------------------------------------------------


def test_a_change_wants_the_word_of_its_session(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    word = club.issuer.csrf("s" * 24)
    assert client.post("/change").text == "csrf_bad"
    assert client.post("/change", headers={"x-csrf-token": word}).json()["role"] == "user"
    assert client.post("/change", data={"csrf": word, "said": "hello"}).json()["said"] == "hello"
    assert client.post("/change", data={"csrf": word, "said": "hi"}, files={"f": b"x"}).json()["said"] == "hi"


@pytest.mark.parametrize("word", ["", "x", "é", "\ud800", "none", "a" * 100])
def test_any_other_word_is_refused(client: TestClient[Any], club: Club, word: str) -> None:
    bring(client, club.first)
    if word.isascii():
        assert client.post("/change", headers={"x-csrf-token": word}).text == "csrf_bad"
    raw = b"csrf=" + word.encode("utf-8", "surrogatepass")
    head = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/change", content=raw, headers=head).status_code in (400, 403)


def test_the_word_of_another_session_of_the_same_person_is_refused(client: TestClient[Any], club: Club) -> None:
    club.open("t" * 24)
    bring(client, club.first)
    assert client.post("/change", headers={"x-csrf-token": club.issuer.csrf("t" * 24)}).text == "csrf_bad"


def test_a_word_in_the_address_or_in_a_cookie_counts_for_nothing(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    word = club.issuer.csrf("s" * 24)
    client.cookies["csrf"] = word
    assert client.post(f"/change?csrf={word}").text == "csrf_bad"


def test_two_words_of_which_one_is_right_are_refused(client: TestClient[Any], club: Club) -> None:
    bring(client, club.first)
    raw = f"csrf={club.issuer.csrf('s' * 24)}&csrf=x".encode()
    answer = client.post("/change", content=raw, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code in (400, 403)


def test_a_guest_needs_no_word(client: TestClient[Any]) -> None:
    assert client.post("/change", data={"said": "hello"}).json() == {"said": "hello", "role": "guest"}
