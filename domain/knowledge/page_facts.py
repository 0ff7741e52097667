"""What a page says of itself in its head: title, date, language, canonical address, links. Every word of it may lie."""

import re
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.errors import BadInput
from domain.knowledge.cleaning import line
from domain.knowledge.urls import canonical, site_of

MOST_TITLE = 200
MOST_LINKS = 2_000
_FRAMES_OF_SCRIPTS = frozenset("root app __next __nuxt main-app app-root react-root svelte ___gatsby".split())
_WORDS = re.compile(r"\w+")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    site: str
    language: str  # as the page has it, unchecked
    published: datetime | None
    links: tuple[str, ...]
    canonical_url: str


def read(tree: Any, url: str) -> Facts:
    """Return the facts of a tree without its hidden parts. `url` is where it was fetched."""
    base = _address(_first(tree, "//base/@href"), url) or url
    robots = " ".join(tree.xpath("//meta[translate(@name,'ROBTS','robts')='robots']/@content")).lower()
    title, published = _title_and_date(tree, url)
    return Facts(
        title=title,
        # The host, not the name that the page gives itself: anybody can call a page "Wikipedia" under a reply.
        site=site_of(url),
        language=_first(tree, "/html/@lang") or _first(tree, "/html/@*[local-name()='lang']") or _declared(tree),
        published=published,
        links=() if "nofollow" in robots or "none" in robots else _links(tree, base, url),
        canonical_url=_canonical(tree, base, url),
    )


def script_share(tree: Any, size: int) -> bool:
    """Say whether the page looks like an empty frame that scripts fill; asked before anything is taken out."""
    scripts = tree.findall(".//script")
    inline = sum(len(script.text or "") for script in scripts)
    frame = any(
        element.get("id") in _FRAMES_OF_SCRIPTS and not "".join(element.itertext()).strip()
        for element in tree.iter("div", "main", "section", "app-root")
    ) or tree.find(".//app-root") is not None
    asks = any("javascript" in "".join(element.itertext()).lower() for element in tree.iter("noscript"))
    return bool(scripts) and (frame or asks or inline > 0.5 * size)


def _title_and_date(tree: Any, url: str) -> tuple[str, datetime | None]:
    from trafilatura.metadata import extract_metadata

    own = line(_first(tree, "//head/title//text()") or _first(tree, "//title//text()"))
    heading = line(" ".join(tree.xpath("(//h1)[1]//text()")))
    try:
        # Not extensive: dates guessed from anywhere in the text were wrong more often than missing.
        found = extract_metadata(deepcopy(tree), url, extensive=False)
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError, OverflowError):
        return (own or heading)[:MOST_TITLE], None  # its bugs on broken heads
    said = line(found.title or "")
    # A title that shares no word with what a reader sees as title or heading was put there for machines.
    if own and not _akin(said, own) and not _akin(said, heading):
        said = own
    return (said or own or heading)[:MOST_TITLE].strip(), _date(found.date)


def _akin(one: str, other: str) -> bool:
    """Most of one's words are in the other; Chinese has no spaces, so containment counts too."""
    if not one or not other:
        return False
    a, b = one.casefold(), other.casefold()
    words = set(_WORDS.findall(a))
    return a in b or b in a or 2 * len(words & set(_WORDS.findall(b))) > len(words) > 0


def _date(said: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC) if 1990 <= found.year <= 2100 else None


def _declared(tree: Any) -> str:
    return _first(tree, "//meta[translate(@http-equiv,'CONTELAGU','contelagu')='content-language']/@content")


def _first(tree: Any, path: str) -> str:
    found = tree.xpath(path)
    return str(found[0]).strip() if found else ""


def _address(href: str, base: str) -> str:
    if not href or len(href) > 2_048:
        return ""
    try:
        return canonical(href.strip(), base)
    except BadInput:
        return ""


def _canonical(tree: Any, base: str, url: str) -> str:
    """Return the address that the page calls its own, when it is one of the same site."""
    said = (link.get("href") for link in tree.iter("link") if "canonical" in (link.get("rel") or "").lower().split())
    found = _address(next(said, None) or "", base)
    return found if found and site_of(found) == site_of(url) else ""


def _links(tree: Any, base: str, url: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    own = _address(url, "") or url
    for element in tree.iter("a", "area"):
        href = (element.get("href") or "").strip()
        if not href or href.startswith("#") or "nofollow" in (element.get("rel") or "").lower():
            continue
        if (address := _address(href, base)) and address != own:
            found[address] = None
            if len(found) >= MOST_LINKS:
                break
    return tuple(found)
