"""The process that reads pages, started and fed by infra/parsing.py. How it is shut in: infra/shut_in.py."""

import msgspec

from domain.errors import BadInput
from domain.knowledge import extract, simhash
from domain.knowledge.model import Extracted
from domain.knowledge.ports import Fetched
from infra.shut_in import serve

MEMORY = 1 << 30  # bytes of address space; 110 pages of news and blogs took 0.31 GiB at most
CPU_S = 12  # of one page
_WARM = (
    b"<!doctype html><html lang='en'><head><title>Warm</title><meta property='article:published_time' "
    b"content='2024-01-31'></head><body><nav><a href='/a'>A</a></nav><article><h1>Warm</h1><p>" + b"A sentence. " * 60
    + b"</p><ul><li>One</li></ul><table><tr><td>1</td></tr></table></article></body></html>"
)  # fmt: skip


class Ask(msgspec.Struct, array_like=True):
    what: str  # "page" or "links"
    fetched: Fetched


class Answer(msgspec.Struct, array_like=True):
    """One of `page`, `links` and `error` (the code of a BadInput)."""

    page: Extracted | None = None
    links: tuple[str, ...] = ()
    error: str = ""


def answer(ask: Ask) -> Answer:
    try:
        if ask.what == "links":
            return Answer(links=extract.links(ask.fetched))
        return Answer(page=extract.page(ask.fetched))
    except BadInput as wrong:
        return Answer(error=wrong.code)
    except Exception:  # noqa: BLE001 - three libraries meet bytes that somebody made to break them
        return Answer(error="page_unreadable")


def warm() -> None:
    """Read one page of each kind, so that all that is imported late is there."""
    base = Fetched(url="https://example.com/", status=200, content_type="text/html", charset="", body=_WARM)
    extract.page(base)
    extract.page(msgspec.structs.replace(base, body="<p>caf\xe9 \xe0 la cr\xe8me</p>".encode("latin-1") * 20))
    answer(Ask("page", msgspec.structs.replace(base, content_type="application/pdf", body=b"%PDF-1.4")))
    answer(Ask("page", msgspec.structs.replace(base, body=b"<body>" + b"<div>Little here, and more there.</div>" * 90)))
    feed = b"<rss><channel><item><link>https://example.com/a</link><pubDate>2024-01-31</pubDate></item></channel></rss>"
    extract.links(msgspec.structs.replace(base, body=feed))
    simhash.simhash("warm")


if __name__ == "__main__":
    serve(Ask, answer, warm)
