"""What somebody asks for when they give a source: checked, with what they left open filled in."""

import re
import unicodedata
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from domain.errors import BadInput, ParleyError, TooLong
from domain.knowledge.model import SourceKind
from domain.knowledge.urls import canonical

KINDS: tuple[SourceKind, ...] = ("page", "site", "feed")
URL_MOST = 2_000  # characters
TITLE_MOST = 80
PATTERNS_MOST, PATTERN_MOST = 20, 200
DEPTH_MOST, PAGES_MOST = 5, 500
HOURS = (1, 6, 24, 168, 720)  # what pages offer; any whole number from the first to the last will do
USUAL: dict[SourceKind, tuple[int, int]] = {"page": (0, 1), "site": (1, 50), "feed": (1, 30)}  # depth, pages

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_PORT = re.compile(r"[^/:?#]+:\d")  # example.org:443 has a port, not a scheme
_FEED = re.compile(r"(?:\.(?:rss|atom|rdf)|/(?:feed|rss|atom|index|feeds?)\.xml|/(?:feed|rss|atom)/?)\Z", re.IGNORECASE)
_SITEMAP = re.compile(r"/[^/]*sitemap[^/]*\.(?:xml|txt)(?:\.gz)?\Z", re.IGNORECASE)
_PATTERN = re.compile(r"[/*][!-~\u00a1-\U0010ffff]*\Z")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A source as it was asked for. `kind` is empty to have it guessed, None is what is usual for the kind."""

    url: str
    kind: str = ""
    title: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    depth: int | None = None
    max_pages: int | None = None
    hours: int | None = None  # between two visits


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The same, good to be followed."""

    url: str
    kind: SourceKind
    title: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    depth: int
    max_pages: int
    every: timedelta


def checked(wish: Wish) -> Plan:
    """Raises BadInput and TooLong whose `field` is the name of what cannot be used."""
    url = address(wish.url)
    kind = _kind(wish.kind, url)
    depth, pages = USUAL[kind]
    return Plan(
        url=url,
        kind=kind,
        title=_title(wish.title) or urlsplit(url).hostname or url,
        include=_patterns(wish.include, "include"),
        exclude=_patterns(wish.exclude, "exclude"),
        depth=_between(wish.depth, 0, DEPTH_MOST, depth, "depth"),
        max_pages=_between(wish.max_pages, 1, PAGES_MOST, pages, "max_pages"),
        every=timedelta(hours=_between(wish.hours, HOURS[0], HOURS[-1], 24, "hours")),
    )


def address(text: str) -> str:
    """Return the canonical address of what was typed, https where nobody says how. Raises BadInput("url_bad")."""
    text = text.strip()
    if not text:
        raise BadInput("field_empty", field="url")
    if len(text) > URL_MOST:
        raise TooLong("text_too_long", characters=URL_MOST, field="url")
    if not _SCHEME.match(text) or _PORT.match(text):
        text = f"https://{text.lstrip('/')}"
    try:
        return canonical(text)
    except ParleyError as error:
        raise type(error)(error.code, **{**error.detail, "field": "url"}) from error


def guess(url: str) -> SourceKind:
    """Return the kind of source that an address most likely is: it can be said otherwise."""
    path = urlsplit(url).path
    if _SITEMAP.search(path) or path in ("", "/"):
        return "site"
    return "feed" if _FEED.search(path) else "page"


def _kind(kind: str, url: str) -> SourceKind:
    if not kind:
        return guess(url)
    found = next((known for known in KINDS if known == kind), None)
    if found is None:
        raise BadInput("form_bad", field="kind")
    return found


def _title(text: str) -> str:
    """Return it on one line, without what cannot be seen."""
    text = " ".join("".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in text).split())
    if len(text) > TITLE_MOST:
        raise TooLong("title_too_long", characters=TITLE_MOST, field="title")
    return text


def _patterns(given: tuple[str, ...], field: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(text for each in given if (text := each.strip())))
    if len(found) > PATTERNS_MOST:
        raise BadInput("patterns_many", most=PATTERNS_MOST, field=field)
    for text in found:
        if len(text) > PATTERN_MOST or not _PATTERN.match(text) or not text.isprintable():
            raise BadInput("pattern_bad", field=field)
    return found


def _between(number: int | None, least: int, most: int, usual: int, field: str) -> int:
    if number is None:
        return usual
    if not least <= number <= most:
        raise BadInput("number_range", least=least, most=most, field=field)
    return number
