"""Errors: one status each, words for every code, in the shape the caller can use."""

import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from domain import errors
from tests.web.house import House
from web.error_words import WORDS, words
from web.errors import STATUS

ROOT = Path(__file__).parents[2]
RAISED = re.compile(
    r"(?:BadInput|NotAllowed|NotFound|Conflict|TooLong|TooMany|Unavailable|Failed)\(\s*(f?)\"([a-z_{}.]+)\""
)
NAMED = re.compile(r"\"([a-z_]+)\"")  # also where it is kept first and raised, or shown, later
PACKAGES = ("domain", "functions", "db", "infra", "web")
ENGINES = ("asr", "llm", "tts", "embed")
UNIQUE = ("username", "email", "phone")  # of an account
Client = TestClient[Any]


def codes_in_the_source() -> set[str]:
    """Return every code that any of our packages can raise."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for formatted, code in RAISED.findall(path.read_text()):
                if formatted:
                    names = UNIQUE if code.endswith("_taken") else ENGINES
                    found |= {re.sub(r"\{[^}]*\}", name, code) for name in names}
                else:
                    found.add(code)
    return found


# What errors say beside their code; a word that asks for more would show its braces.
DETAIL: dict[str, object] = {
    **dict.fromkeys("seconds characters texts expected found retry_after most least left minutes days".split(), 60),
    **dict.fromkeys("language voice name setting problem model emotion known".split(), "this"),
}


def test_every_error_of_the_domain_has_a_status() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ParleyError) and kind is not errors.ParleyError
    }
    assert kinds == set(STATUS)


def test_every_code_that_is_raised_has_words() -> None:
    found = codes_in_the_source()
    assert len(found) > 15
    assert found - set(WORDS) == set()


def test_no_words_are_kept_for_a_code_that_nothing_raises() -> None:
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.name != "error_words.py"]
    named = {code for path in sources for code in NAMED.findall(path.read_text())}
    assert set(WORDS) - named - codes_in_the_source() - {"plan_spent", "plan_not_given"} == set()


def test_words_fit_their_detail_in_both_languages() -> None:
    for code in WORDS:
        for language in ("en", "zh"):
            text = words(code, DETAIL, language)
            assert text, code
            assert "{" not in text, (code, language)


def test_a_detail_that_is_missing_does_not_hide_the_message() -> None:
    assert "seconds" in words("speech_too_long", {}, "en")


def test_browsers_get_a_page_htmx_a_fragment_programs_json(client: Client) -> None:
    page = client.get("/characters/nobody")
    assert page.status_code == 404
    assert page.text.startswith("<!doctype html>")
    fragment = client.get("/characters/nobody", headers={"hx-request": "true"})
    assert fragment.status_code == 404
    assert fragment.text.lstrip().startswith("<div")
    assert 'data-code="character_gone"' in fragment.text
    answer = client.get("/characters/nobody", headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json() == {
        "status": 404,
        "code": "character_gone",
        "message": "This character is no longer here. Your conversation is kept.",
        "retry": False,
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/characters/" + "x" * 300, 404),
        ("GET", "/characters/%00", 404),
        ("GET", "/characters/%ED%A0%80", 404),
        ("GET", "/characters/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/chats/%F0%9F%98%80", 404),
        ("GET", "/chats/a'--", 404),
        ("POST", "/", 405),
        ("DELETE", "/chats", 405),
        ("PUT", "/settings", 405),
        ("GET", "/settings", 405),
        ("GET", "/chats/x/turns", 405),
        ("GET", "/chats/x/delete", 405),
    ],
)
def test_addresses_and_methods_that_are_not_there(reader: Client, method: str, path: str, status: int) -> None:
    answer = reader.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    if status == 405:
        assert answer.headers["allow"]


def test_what_nobody_foresaw_is_a_plain_apology_without_details(house: House) -> None:
    def explode() -> None:
        raise RuntimeError("secret internals")

    house.personas.all = explode  # type: ignore[method-assign, assignment]
    with house.open() as client:
        answer = client.get("/")
    assert answer.status_code == 500
    assert "secret internals" not in answer.text
    assert "Something went wrong on our side" in answer.text


@pytest.mark.parametrize(
    "accept", ["", ",", ";;q=", "zh;q=nan", "zh;q=9e999", "\x80\xff", "*", "zh" * 3000, "en-;q=-1", "zh_CN.UTF-8"]
)
def test_a_weird_language_wish_is_no_trouble(reader: Client, accept: str) -> None:
    assert reader.get("/", headers={b"accept-language": accept.encode("latin-1")}).status_code == 200


def test_something_to_try_again_says_when(house: House) -> None:
    house.mouth.error = "tts_failed"
    with house.open() as client:
        answer = client.get("/characters/socrates/greeting.wav?language=en", headers={"accept": "application/json"})
    assert answer.status_code == 503
    assert answer.json()["retry"] is True
    assert int(answer.headers["retry-after"]) > 0


def test_an_error_that_knows_when_to_come_back_is_believed(house: House) -> None:
    def busy() -> None:
        raise errors.Unavailable("engine_busy", engine="tts", retry_after=37)

    house.personas.all = busy  # type: ignore[method-assign, assignment]
    with house.open() as client:
        answer = client.get("/", headers={"accept": "application/json"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "37")
    assert "37 seconds" in answer.json()["message"]


def test_the_title_of_an_error_says_what_is_the_matter(house: House) -> None:
    with house.open() as client:
        assert "<title>There is nothing at this address · Parley</title>" in client.get("/nowhere").text
