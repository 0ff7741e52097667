"""Citations for the eye: one entry per page with what was quoted from it, and addresses that are safe to follow."""

from urllib.parse import urlsplit

import msgspec

from domain.chat import Sourced


class CitedPage(msgspec.Struct, frozen=True):
    """`link` is "" where the address is none to offer; `host` is then "" too. `attachment` is the id of what was
    thrown into the chat, where it is that.
    """

    title: str
    site: str
    texts: tuple[str, ...]
    link: str
    host: str
    attachment: str = ""


def pages_of(sources: Sourced) -> list[CitedPage]:
    """Return the cited pages in the order of their first citation."""
    pages: dict[str, CitedPage] = {}
    for one in sources.citations:
        key = one.attachment_id or one.url
        before, texts = pages.get(key), (one.text,) if one.text else ()
        if before is not None:
            pages[key] = msgspec.structs.replace(before, texts=(*before.texts, *texts))
        else:
            link, host = link_of(one.url)
            pages[key] = CitedPage(one.title, one.site, texts, link, host, one.attachment_id)
    return list(pages.values())


def link_of(url: str) -> tuple[str, str]:
    """Return an address to follow and its host: http and https only, and nothing that could pass for another host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "", ""
    plain = url.isprintable() and not any(c in url for c in " \\<>\"'`")
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or not plain:
        return "", ""
    return url, host
