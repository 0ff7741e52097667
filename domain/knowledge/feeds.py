"""Sitemaps, their indexes, RSS, Atom, RDF, JSON Feed and lists of addresses: which addresses they name.

XML is read without entities, DTDs or anything from elsewhere, and not deeper than feeds go.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from domain.errors import BadInput
from domain.knowledge import charsets
from domain.knowledge.ports import Fetched
from domain.knowledge.urls import canonical

MOST = 50_000  # addresses of one file: what the sitemap protocol allows
DEEP = 32  # elements within elements; an Atom entry needs five
_ENTRIES = frozenset(("url", "sitemap", "item", "entry"))
_DATES = frozenset(("lastmod", "pubDate", "published", "updated", "date", "modified"))
_ROOTS = frozenset(("urlset", "sitemapindex", "rss", "feed", "RDF"))

Found = list[tuple[str, datetime | None]]


class _Item(msgspec.Struct):
    url: str = ""
    date_published: str = ""
    date_modified: str = ""


class _JsonFeed(msgspec.Struct):
    items: list[_Item]


def links(fetched: Fetched) -> tuple[str, ...]:
    """Return the addresses, newest first where the file tells when; those without a date follow in its order."""
    head = fetched.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        found = _json(fetched.body)
    elif head.startswith(b"<") or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        found = _xml(fetched)
    elif fetched.content_type == "text/plain":
        rows = (row.strip() for row in charsets.decode(fetched.body).splitlines()[:MOST])
        found = [(row, None) for row in rows if row.startswith(("http://", "https://"))]
    else:
        raise BadInput("page_unreadable")
    dated = sorted((pair for pair in found if pair[1]), key=lambda pair: pair[1] or datetime.min, reverse=True)
    addresses: dict[str, None] = {}
    for url, _ in [*dated, *(pair for pair in found if not pair[1])]:
        try:
            addresses[canonical(url, fetched.url)] = None
        except BadInput:
            continue
    return tuple(addresses)


def _json(body: bytes) -> Found:
    try:
        feed = msgspec.json.decode(body, type=_JsonFeed)
    except (msgspec.MsgspecError, RecursionError, ValueError) as wrong:
        raise BadInput("page_unreadable") from wrong
    return [(item.url, when(item.date_modified or item.date_published)) for item in feed.items[:MOST] if item.url]


def _xml(fetched: Fetched) -> Found:
    from lxml import etree

    if re.search(rb"<!(ENTITY|\[)", fetched.body[:100_000].replace(b"\0", b"")):  # no honest feed defines entities
        raise BadInput("page_unreadable")
    text = charsets.decode(fetched.body, fetched.charset).replace("\0", "")
    text = re.sub(r"\A\s*<\?xml[^>]{0,300}\?>", "", text).lstrip()  # it is decoded now, whatever it declares
    parser = etree.XMLPullParser(
        events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, recover=True, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    found: Found = []
    depth = 0
    try:
        for at in range(0, len(text), 65_536):
            parser.feed(text[at : at + 65_536].encode("utf-8", "replace"))
            for event, element in parser.read_events():
                name = _name(element)
                depth += 1 if event == "start" else -1
                if depth > DEEP or (event == "start" and depth == 1 and name not in _ROOTS):
                    raise BadInput("page_unreadable")
                if event == "end" and name in _ENTRIES:
                    found.append(_entry(element))
                    element.clear()
                if len(found) >= MOST:
                    return [pair for pair in found if pair[0]]
    except etree.LxmlError as wrong:
        if not found:
            raise BadInput("page_unreadable") from wrong
    if not found and not re.search(r"<[\w:]*(urlset|sitemapindex|rss|feed|RDF)\b", text[:4096]):
        raise BadInput("page_unreadable")
    return [pair for pair in found if pair[0]]


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _entry(entry: Any) -> tuple[str, datetime | None]:
    """Return where an entry leads and when it was changed, else published."""
    address, other, dates = "", "", list[datetime]()
    for child in entry:
        name = _name(child)
        said = (child.text or "").strip()
        if name == "loc" or (name == "link" and said):
            address = address or said
        elif name == "link" and child.get("rel", "alternate") == "alternate":
            address = address or (child.get("href") or "").strip()
        elif name == "guid" and child.get("isPermaLink", "true") == "true" and said.startswith("http"):
            other = said
        elif name in _DATES and (found := when(said)):
            dates.append(found)
    return address or other, max(dates, default=None)


def when(said: str) -> datetime | None:
    """Return the time of an ISO or an e-mail date in UTC, None for what is neither."""
    said = said.strip()[:64]
    if not said:
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        try:
            found = parsedate_to_datetime(said)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
