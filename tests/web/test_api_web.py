"""/web: knowledge for programs; and the OpenAPI document, which must be true of every answer."""

from typing import Any

import httpx
import msgspec
import pytest
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from domain.knowledge.model import Shelf
from domain.limits import LIMITS
from domain.people import Role, User
from tests.web import shelved
from tests.web.house import House
from tests.web.schema import faults
from tests.web.test_knowledge import PUBLIC, URL
from tests.web.visitors import account, session_of, signed
from web.openapi import EXAMPLES, KINDS, document
from web.programs import for_programs

Client = TestClient[Any]


def bearer(house: House, user: User) -> dict[str, str]:
    return {"authorization": signed(house, user, session_of(house, user), {}).headers["authorization"]}


def told_truly(answer: httpx.Response, path: str) -> Any:
    """Return what was answered, which the document must describe."""
    operation = document()["paths"][path][answer.request.method.lower()]
    described = operation["responses"][str(answer.status_code)]
    schema = described["content"]["application/json"]["schema"]
    assert faults(answer.json(), schema, document()) == []
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def call(client: Client, name: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return client.post(f"/web/{name}", json=body, headers=headers)


def test_a_member_gives_an_address_and_asks_how_it_is_doing(house: House, client: Client) -> None:
    anna = account(house, "member")
    token = bearer(house, anna)
    answer = call(client, "ingest", token, url="site.example/inn", character="socrates", title="The inn")
    assert answer.status_code == 202
    made = told_truly(answer, "/web/ingest")
    assert (made["url"], made["kind"], made["state"]) == ("https://site.example/inn", "page", "waiting")
    [source] = house.sources.on(Shelf(anna.id, "socrates"))
    assert (source.id, source.max_pages, source.depth) == (made["source_id"], 1, 0)
    assert house.woken == 1
    run = shelved.begun(house, source.id, found=1, fetched=1)
    shelved.ended(house, run, "failed", "page_late")
    later = client.get(f"/web/sources/{source.id}", headers=token)
    told = told_truly(later, "/web/sources/{source_id}")
    assert (told["state"], told["error"], told["found"]) == ("failed", "page_late", 1)
    for others in (None, bearer(house, account(house, "admin"))):
        assert client.get(f"/web/sources/{source.id}", headers=others).status_code == 404


@pytest.mark.parametrize(
    ("role", "everybody", "status", "code"),
    [("user", False, 402, "members_only"), ("user", True, 403, "admins_only"), ("member", True, 403, "admins_only"),
     ("admin", True, 202, ""), ("admin", False, 202, "")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["ingest", "bulk_ingest"])
def test_ingesting_is_for_those_whose_shelf_it_is(
    house: House, client: Client, name: str, role: Role, everybody: bool, status: int, code: str
) -> None:
    what = {"url": URL} if name == "ingest" else {"urls": [URL]}
    answer = call(client, name, bearer(house, account(house, role)), character="socrates", everybody=everybody, **what)
    assert (answer.status_code, told_truly(answer, f"/web/{name}").get("code", "")) == (status, code)
    assert len(house.sources.on(PUBLIC)) == (1 if status == 202 and everybody else 0)


def test_nobody_ingests_without_a_token(client: Client) -> None:
    for headers in (None, {"authorization": "Bearer a.b.c"}):
        answer = call(client, "ingest", headers, url=URL)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        told_truly(answer, "/web/ingest")


@pytest.mark.parametrize("path", ["/web/ingest", "//web/ingest", "/web//ingest", "/web/ingest/", "///web///ingest//"])
def test_cookies_say_nothing_here_however_the_address_is_written(house: House, client: Client, path: str) -> None:
    anna = account(house, "member")
    browser, path = signed(house, anna, session_of(house, anna), {}), f"{client.base_url}{path}"
    for name, value in browser.cookies.items():
        client.cookies.set(name, value)
    for headers in ({}, {"x-csrf-token": browser.headers["x-csrf-token"]}):
        answer = client.post(path, json={"url": URL}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_first")
        assert "set-cookie" not in answer.headers
    source = shelved.source(house, Shelf(anna.id, ""), URL)
    assert client.get(f"/web/sources/{source.id}").status_code == 404
    token = {"authorization": browser.headers["authorization"]}
    assert client.get(f"/web/sources/{source.id}", headers=token).status_code == 200
    assert client.post(path, json={"url": f"{URL}b"}, headers=token).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/web/search", 405, "method_bad"), ("POST", "/web/page", 405, "method_bad"),
     ("GET", "/web", 404, "page_gone"), ("GET", "/web/nothing", 404, "page_gone"),
     ("GET", "/api/nothing", 404, "page_gone"), ("POST", "/api/web/search", 404, "page_gone")],
)  # fmt: skip
def test_what_is_not_there_is_told_in_json_whatever_was_asked_for(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json()["code"] == code


def test_many_addresses_are_taken_or_refused_one_by_one(house: House, client: Client) -> None:
    anna = account(house, "member")
    urls = ["site.example/a", "ftp://site.example/", "site.example/b", "site.example/a"]
    answer = call(client, "bulk_ingest", bearer(house, anna), urls=urls)
    items = told_truly(answer, "/web/bulk_ingest")["items"]
    assert [item["url"] for item in items] == urls
    assert [item["error"] and item["error"]["code"] for item in items] == [None, "url_bad", None, "source_exists"]
    assert items[3]["source_id"] == items[0]["source_id"]
    assert items[3]["error"]["message"] == "This address is on the list already."
    assert [each.url for each in house.sources.on(Shelf(anna.id, ""))] == [
        "https://site.example/a", "https://site.example/b",
    ]  # fmt: skip


@pytest.mark.parametrize("urls", [[], ["site.example"] * 101, "site.example", [1], None])
def test_a_list_has_one_to_a_hundred_addresses(house: House, client: Client, urls: Any) -> None:
    answer = call(client, "bulk_ingest", bearer(house, account(house, "member")), urls=urls)
    assert (answer.status_code, told_truly(answer, "/web/bulk_ingest")["code"]) == (400, "json_bad")


def test_what_cannot_be_used_is_named(house: House, client: Client) -> None:
    token = bearer(house, account(house, "member"))
    unfit: list[tuple[dict[str, Any], str]] = [
        ({"url": "x:y"}, "url"),
        ({"url": URL, "max_pages": 0}, "max_pages"),
        ({"url": URL, "include": ["no"]}, "include"),
    ]
    for body, field in unfit:
        answer = call(client, "ingest", token, **body)
        assert (answer.status_code, told_truly(answer, "/web/ingest")["field"]) == (400, field)
    strange: list[dict[str, Any]] = [{"url": URL, "owner": "somebody"}, {"url": 7}, {"url": URL, "kind": "book"}, {}]
    for body in strange:
        answer = call(client, "ingest", token, **body)
        assert (answer.status_code, answer.json()["code"]) == (400, "json_bad")
    assert call(client, "ingest", token, url=URL, character="nobody").json()["code"] == "character_gone"
    assert call(client, "ingest", token, url=URL, everybody=True).json()["field"] == "character"


def test_a_search_sees_what_the_caller_may_see(house: House, client: Client) -> None:
    anna = account(house, "member")
    public = shelved.page(house, shelved.source(house, PUBLIC, URL), URL, ["A room costs ten. "])
    own = shelved.page(house, shelved.source(house, Shelf(anna.id, ""), URL), URL, ["Anna’s own. "])
    house.librarian.passages = [shelved.passage(own, "Anna’s own."), shelved.passage(public, worth=False)]
    token = bearer(house, anna)
    told = told_truly(call(client, "search", token, query="rooms"), "/web/search")
    assert [one["text"] for one in told["passages"]] == ["Anna’s own.", "A room costs ten."]
    assert [one["worth"] for one in told["passages"]] == [True, False]
    first = told["passages"][0]
    assert [first[name] for name in ("score", "lexical", "dense", "coverage")] == [0.83, 7.25, 0.61, 0.75]
    for headers in (None, bearer(house, account(house, "admin"))):
        told = told_truly(call(client, "search", headers, query="rooms"), "/web/search")
        assert [one["text"] for one in told["passages"]] == ["A room costs ten."]
    told = told_truly(call(client, "search", token, query="rooms", character="tutor", limit=1), "/web/search")
    assert [one["text"] for one in told["passages"]] == ["Anna’s own."]


def test_what_scored_nothing_is_no_answer_unless_it_would_be_quoted(house: House, client: Client) -> None:
    page = shelved.page(house, shelved.source(house, PUBLIC, URL), URL, ["A room costs ten. "])
    noise, quoted, little = (
        msgspec.structs.replace(shelved.passage(page, text, worth=worth), score=score)
        for text, score, worth in (("Noise.", 0.0, False), ("Quoted.", 0.0, True), ("A little.", 0.01, False))
    )
    house.librarian.passages = [little, quoted, noise]
    told = told_truly(call(client, "search", query="rooms"), "/web/search")
    assert [one["text"] for one in told["passages"]] == ["A little.", "Quoted."]


def test_a_search_is_narrowed_and_refused_in_words(house: House, client: Client) -> None:
    answer = call(
        client, "search", query="rooms", mode="vector", site="site.example", language="en",
        since="2026-05-04T00:00:00Z",
    )  # fmt: skip
    assert answer.json() == {"mode": "vector", "passages": []}
    house.librarian.deaf = True
    told = told_truly(call(client, "search", query="rooms", mode="vector"), "/web/search")
    assert told["mode"] == "lexical"
    house.librarian.asked.pop()
    _, only, mode = house.librarian.asked[-1]
    assert (mode, only.site, only.language, only.since) == ("vector", "site.example", "en", only.since)
    assert only.since is not None
    for wrong in ({"query": " "}, {"query": "a" * 1_001}, {"query": "a", "limit": 51}, {"query": "a", "mode": "best"},
                  {"query": "a", "since": "yesterday"}, {"query": "a", "since": "2026-05-04T00:00:00"}):  # fmt: skip
        answer = call(client, "search", **wrong)
        assert answer.status_code in (400, 413), wrong
        told_truly(answer, "/web/search")


def test_a_page_is_had_by_its_id_or_its_address(house: House, client: Client) -> None:
    anna = account(house, "member")
    token = bearer(house, anna)
    source = shelved.source(house, Shelf(anna.id, "socrates"), URL)
    page = shelved.page(house, source, f"{URL}inn", ["A room costs ten. ", "Dogs are free. "])
    for query in (f"id={page.id}", "url=site.example/inn", "url=https://site.example/inn&character=socrates"):
        told = told_truly(client.get(f"/web/page?{query}", headers=token), "/web/page")
        assert told["text"] == "A room costs ten. Dogs are free. "
        assert (told["live"], told["title"], len(told["chunks"])) == (True, "Rooms and rates", 2)
        assert client.get(f"/web/page?{query}").status_code == 404
        assert client.get(f"/web/page?{query}", headers=bearer(house, account(house, "admin"))).status_code == 404
    elsewhere = client.get("/web/page?url=site.example/inn&character=tutor", headers=token)
    assert (elsewhere.status_code, told_truly(elsewhere, "/web/page")["code"]) == (404, "page_gone")
    assert client.get("/web/page", headers=token).status_code == 400


def test_who_asks_too_often_is_told_when_to_come_back(house: House, client: Client) -> None:
    anna = account(house, "member")
    gate, token = house.services.members.gate, bearer(house, anna)
    for _ in range(LIMITS["source"].most - 1):
        gate.check_now("source", anna.id)
    items = call(client, "bulk_ingest", token, urls=["site.example/a", "site.example/b"]).json()["items"]
    assert [item["error"] and item["error"]["code"] for item in items] == [None, "slow_down"]
    refused = call(client, "ingest", token, url="site.example/c")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    told_truly(refused, "/web/ingest")


def test_every_address_of_programs_is_in_the_document(house: House, client: Client) -> None:
    told = client.get("/api/openapi.json")
    assert told.status_code == 200
    assert told.json()["openapi"].startswith("3.1")
    there = {
        (method.lower(), route.path_format)
        for route in house.app.routes
        if isinstance(route, HTTPRoute) and for_programs(route.path_format)
        for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert len(there) > 20
    assert {(method, path) for path, item in told.json()["paths"].items() for method in item} == there


def test_the_document_says_who_may_ask_what_is_refused_and_what_it_means() -> None:
    told = document()
    assert told["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, item in told["paths"].items():
        for operation in item.values():
            assert operation["description"], path
            if path == "/api/openapi.json":
                continue
            assert {"400", "429", "503"} <= set(operation["responses"]), path
            assert ("401" in operation["responses"]) or not operation.get("security"), path
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal"), (path, status)
    for name, schema in told["components"]["schemas"].items():
        assert schema.get("title", name) == name


def test_examples_are_what_they_are_examples_of() -> None:
    for name, example in EXAMPLES.items():
        assert msgspec.convert(example, KINDS[name]), name
        assert faults(example, document()["components"]["schemas"][name], document()) == []


def test_answers_about_accounts_are_as_the_document_says(house: House, client: Client) -> None:
    user = account(house)
    token = bearer(house, user)
    assert told_truly(client.get("/api/auth/me", headers=token), "/api/auth/me")["id"] == user.id
    assert told_truly(client.get("/api/auth/sessions", headers=token), "/api/auth/sessions")["sessions"]
    ended = client.post("/api/auth/sessions/end-others", headers=token)
    assert told_truly(ended, "/api/auth/sessions/end-others")["ended"] == 0
    for path, body in (("sign-in", {"login": "nobody", "password": "wrong"}), ("refresh", {"refresh": "a.b.c"}),
                       ("sign-in", {"login": 1}), ("register", {"username": "x"})):  # fmt: skip
        told_truly(client.post(f"/api/auth/{path}", json=body), f"/api/auth/{path}")


def test_the_schema_of_the_tests_would_notice_what_is_wrong() -> None:
    schema = {"$ref": "#/components/schemas/Refusal"}
    good = {"status": 404, "code": "page_gone", "message": "Gone.", "retry": False}
    assert faults(good, schema, document()) == []
    unlike: list[Any] = [{**good, "status": "404"}, {**good, "more": 1}, {"status": 404}, [], {**good, "retry": 0}]
    for wrong in unlike:
        assert faults(wrong, schema, document())
