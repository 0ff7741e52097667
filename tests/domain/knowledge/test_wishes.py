"""What somebody gives as a source: guessed where it is left open, refused with the name of the field."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadInput, TooLong
from domain.knowledge.model import Run, RunState, Shelf, Source
from domain.knowledge.standing import State, state_of
from domain.knowledge.wishes import Wish, address, checked, guess

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("  example.org/a ", "https://example.org/a"),
        ("//example.org/a", "https://example.org/a"),
        ("HTTP://Example.org", "http://example.org/"),
        ("example.org:443/a", "https://example.org/a"),
        ("http://example.org/#top", "http://example.org/"),
    ],
)
def test_an_address_is_typed_as_people_do(typed: str, url: str) -> None:
    assert address(typed) == url


@pytest.mark.parametrize(
    "typed",
    ["", " ", "ftp://example.org/", "javascript:alert(1)", "file:///etc/passwd", "https://anna:secret@example.org/",
     "https://", "a b", "https://exa\0mple.org/", "data:text/html,x"],
)  # fmt: skip
def test_what_is_no_address_is_refused_beside_its_field(typed: str) -> None:
    with pytest.raises(BadInput) as told:
        address(typed)
    assert told.value.detail["field"] == "url"


def test_a_megabyte_is_not_looked_at() -> None:
    with pytest.raises(TooLong):
        address("a" * 1_000_000)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://example.org/", "site"),
        ("https://example.org/sitemap.xml", "site"),
        ("https://example.org/news/sitemap-2026.xml.gz", "site"),
        ("https://example.org/feed", "feed"),
        ("https://example.org/blog/feed/", "feed"),
        ("https://example.org/atom.xml", "feed"),
        ("https://example.org/news.rss", "feed"),
        ("https://example.org/entries/socrates/", "page"),
        ("https://example.org/feeding-birds", "page"),
        ("https://example.org/paper.pdf", "page"),
    ],
)
def test_the_kind_is_guessed_from_the_address(url: str, kind: str) -> None:
    assert guess(url) == kind


def test_what_is_left_open_is_what_is_usual_for_the_kind() -> None:
    page, site = checked(Wish(url="example.org/a")), checked(Wish(url="example.org/a", kind="site"))
    assert (page.kind, page.depth, page.max_pages) == ("page", 0, 1)
    assert (site.kind, site.depth, site.max_pages, site.every) == ("site", 1, 50, timedelta(days=1))
    assert site.title == "example.org"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish(url="example.org", kind="book"), "kind"),
        (Wish(url="example.org", title="a" * 81), "title"),
        (Wish(url="example.org", include=("entries",)), "include"),
        (Wish(url="example.org", include=("/a b",)), "include"),
        (Wish(url="example.org", exclude=("/\u202egnp",)), "exclude"),
        (Wish(url="example.org", exclude=("/" + "a" * 200,)), "exclude"),
        (Wish(url="example.org", include=tuple(f"/{number}" for number in range(21))), "include"),
        (Wish(url="example.org", depth=-1), "depth"),
        (Wish(url="example.org", depth=6), "depth"),
        (Wish(url="example.org", max_pages=0), "max_pages"),
        (Wish(url="example.org", max_pages=501), "max_pages"),
        (Wish(url="example.org", hours=0), "hours"),
        (Wish(url="example.org", hours=721), "hours"),
    ],
)
def test_what_cannot_be_used_is_refused_beside_its_field(wish: Wish, field: str) -> None:
    with pytest.raises((BadInput, TooLong)) as told:
        checked(wish)
    assert told.value.detail["field"] == field


def test_patterns_lose_blanks_and_doubles_and_a_title_what_cannot_be_seen() -> None:
    plan = checked(Wish(url="example.org", include=(" /a/*\r", "", "/a/*", "*.html"), title=" The\u202e\n rates\0 "))
    assert plan.include == ("/a/*", "*.html")
    assert plan.title == "The rates"


@pytest.mark.parametrize(
    ("enabled", "due", "last", "state"),
    [
        (True, True, None, "waiting"),
        (True, False, None, "waiting"),
        (True, False, "running", "running"),
        (False, True, "running", "running"),
        (False, True, "done", "paused"),
        (True, False, "done", "done"),
        (True, True, "done", "waiting"),
        (True, False, "failed", "failed"),
        (True, False, "stopped", "stopped"),
    ],
)
def test_how_a_source_is_doing_is_one_word(enabled: bool, due: bool, last: RunState | None, state: State) -> None:
    source = Source(
        id="s", shelf=Shelf("", "socrates"), kind="page", url="https://example.org/", created_at=NOW, enabled=enabled,
        next_at=NOW if due else NOW + timedelta(hours=1),
    )  # fmt: skip
    run = Run(id="r", source_id="s", state=last, started_at=NOW, moved_at=NOW) if last else None
    assert state_of(source, run, NOW) == state
