"""A web of made-up sites and a reader of its pages, for tests of what crawls: no sockets, no parser."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from domain.errors import BadInput, NotFound, ParleyError
from domain.knowledge.model import Extracted, Section
from domain.knowledge.ports import Fetched
from domain.knowledge.urls import canonical, site_of
from domain.ports import Vector


class Saying(msgspec.Struct):
    """What a page of the made-up web says; as JSON it is the page's body."""

    title: str = "A page"
    text: str = ""
    links: list[str] = []
    language: str = "en"
    published: datetime | None = None
    needs_script: bool = False
    frame: str = ""  # advertisements around it: bytes that change without news


class Web:
    """Implements domain.knowledge.ports.Fetcher. Change `pages`, `moved` and `wrong` as the story goes on."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.wrong: dict[str, ParleyError] = {}
        self.asked: Counter[str] = Counter()
        self.unchanged: Counter[str] = Counter()  # answered with 304
        self.on_ask: Callable[[str], None] = lambda url: None

    def say(self, url: str, text: str, **more: object) -> None:
        links = [canonical(link, url) for link in more.pop("links", [])]  # type: ignore[attr-defined]
        self.pages[url] = msgspec.json.encode(Saying(text=text, links=links, **more))  # type: ignore[arg-type]

    def list(self, url: str, links: Sequence[str]) -> None:
        self.pages[url] = msgspec.json.encode(list(links))

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "", robots: bool = True) -> Fetched:
        self.asked[url] += 1
        await asyncio.sleep(0)
        self.on_ask(url)
        if url in self.wrong:
            raise self.wrong[url]
        url = self.moved.get(url, url)
        if url not in self.pages:
            raise NotFound("page_missing")
        body = self.pages[url]
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if etag == tag:
            self.unchanged[url] += 1
            return Fetched(url=url, status=304, content_type="", charset="", body=b"", etag=tag)
        return Fetched(url=url, status=200, content_type="text/html", charset="utf-8", body=body, etag=tag)


class Reader:
    """Implements domain.knowledge.ports.Parser for that web."""

    def __init__(self) -> None:
        self.read = 0

    async def page(self, fetched: Fetched) -> Extracted:
        self.read += 1
        try:
            said = msgspec.json.decode(fetched.body, type=Saying)
        except msgspec.MsgspecError:
            raise BadInput("page_unreadable") from None
        if not said.text and not said.needs_script:
            raise BadInput("page_empty")
        return Extracted(
            title=said.title, site=site_of(fetched.url), language=said.language, published=said.published,
            text=said.text, sections=tuple(Section(part) for part in said.text.split("\n\n")),
            links=tuple(said.links), needs_script=said.needs_script,
        )  # fmt: skip

    async def links(self, fetched: Fetched) -> tuple[str, ...]:
        try:
            return tuple(msgspec.json.decode(fetched.body, type=list[str]))
        except msgspec.MsgspecError:
            raise BadInput("page_unreadable") from None


class Numbers:
    """An embedder whose vectors follow from the text. `asked` holds every text that was embedded."""

    size = 8

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.wrong: ParleyError | None = None

    async def embed(self, texts: Sequence[str], kind: str) -> list[Vector]:
        if self.wrong is not None:
            raise self.wrong
        self.asked += texts
        return [_unit(hashlib.shake_256(text.encode()).digest(self.size)) for text in texts]


def _unit(numbers: bytes) -> Vector:
    length = sum(number * number for number in numbers) ** 0.5 or 1.0
    return [number / length for number in numbers]
