"""What the JSON API of knowledge is sent, and what it says: times are UTC, as ISO 8601."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.errors import ParleyError
from domain.knowledge.model import Mode, Passage, SourceKind
from domain.knowledge.shelves import Preview
from domain.knowledge.standing import Standing, State
from web.errors import status_of
from web.routes.api_bodies import Strict

MOST_ADDRESSES = 100
MOST_QUERY, MOST_PASSAGES = 1_000, 50
Moment = Annotated[datetime, Meta(tz=True)]
Character = Annotated[str, Meta(description="A character's id, empty for all characters.", examples=["socrates"])]
Everybody = Annotated[
    bool, Meta(description="Whether it is the character's own, for everybody who talks to it. Admins only.")
]


class Search(Strict, frozen=True):
    """A question, and what may answer it. Without a character, all that the caller may read is searched."""

    query: Annotated[str, Meta(description="Words or a question.", examples=["What is virtue?"])]
    character: Character = ""
    mode: Annotated[Mode, Meta(description="How passages are ranked.")] = "hybrid"
    limit: Annotated[int, Meta(ge=1, le=MOST_PASSAGES)] = 10
    site: Annotated[str, Meta(description="Only pages of this host.", examples=["plato.stanford.edu"])] = ""
    language: Annotated[str, Meta(description="Only pages in this language, ISO 639-1.", examples=["en"])] = ""
    since: Annotated[Moment | None, Meta(description="Published (or else fetched) then or later.")] = None
    until: Annotated[Moment | None, Meta(description="Published (or else fetched) before then.")] = None


class OnePassage(msgspec.Struct, frozen=True):
    """A stretch of a page, and how it came to its place."""

    chunk_id: str
    page_id: str
    url: str
    title: str
    site: str
    language: str
    published: datetime | None
    heading: str
    text: str
    score: Annotated[float, Meta(description="What the ranking went by, among what was found.")]
    lexical: Annotated[float, Meta(description="BM25 of its words, 0 when none was found.")]
    dense: Annotated[float, Meta(description="Cosine of meaning, 0 when it has no vector yet.")]
    coverage: Annotated[float, Meta(description="Share of the query's words that are in it.")]
    worth: Annotated[bool, Meta(description="Whether it is good enough for a character to quote.")]


class Found(msgspec.Struct, frozen=True):
    """Best first. What scored nothing and is not worth quoting is left out."""

    mode: Annotated[Mode, Meta(description="What it went by: `lexical` too where meaning could not be compared.")]
    passages: list[OnePassage]


class Ingest(Strict, frozen=True):
    """An address to be read and kept, for the caller alone unless it says `everybody`."""

    url: Annotated[str, Meta(description="http or https.", examples=["https://plato.stanford.edu/entries/socrates/"])]
    character: Character = ""
    everybody: Everybody = False
    kind: Annotated[SourceKind, Meta(description="`site` follows its links or sitemap, `feed` its entries.")] = "page"
    title: str = ""
    include: Annotated[tuple[str, ...], Meta(description="Only paths like these.", examples=[["/entries/*"]])] = ()
    exclude: Annotated[tuple[str, ...], Meta(description="No paths like these.")] = ()
    depth: int | None = None
    max_pages: int | None = None
    hours: Annotated[int | None, Meta(description="Between two visits; a day if it is not said.")] = None


class BulkIngest(Strict, frozen=True):
    """Addresses of single pages, at most 100 at once."""

    urls: Annotated[
        list[str], Meta(min_length=1, max_length=MOST_ADDRESSES, examples=[["https://example.org/", "example.org/a"]])
    ]
    character: Character = ""
    everybody: Everybody = False


class OneSource(msgspec.Struct, frozen=True):
    """Where pages come from, and how its last visit went."""

    source_id: str
    url: str
    kind: SourceKind
    title: str
    character: str
    everybody: bool
    state: State
    pages: Annotated[int, Meta(description="How many are known of it.")]
    found: Annotated[int, Meta(description="Addresses planned in the last visit.")]
    fetched: int
    failed: int
    error: Annotated[str, Meta(description="The code of what ended the last visit, empty if nothing did.")]
    next_at: datetime


class Problem(msgspec.Struct, frozen=True):
    """Why one address of many was not taken."""

    status: int
    code: str
    message: str


class Item(msgspec.Struct, frozen=True):
    """What became of one address: a source, or a problem (with the source that was there already)."""

    url: str
    source_id: str
    state: State | None
    error: Problem | None


class Ingested(msgspec.Struct, frozen=True):
    """In the order that was sent."""

    items: list[Item]


class OneChunk(msgspec.Struct, frozen=True):
    """A stretch of the text that is searched as one."""

    id: str
    heading: str
    start: Annotated[int, Meta(description="Characters into the text.")]
    end: int


class OnePage(msgspec.Struct, frozen=True):
    """What was extracted from a page."""

    page_id: str
    source_id: str
    url: str
    title: str
    site: str
    language: str
    published: datetime | None
    fetched_at: datetime | None
    checked_at: datetime
    status: Annotated[int, Meta(description="HTTP status of the last answer.")]
    error: Annotated[str, Meta(description="The code of what went wrong last time, empty if nothing did.")]
    live: Annotated[bool, Meta(description="Whether searches see it.")]
    duplicate_of: Annotated[str, Meta(description="The page that says the same; this one is not searched then.")]
    text: str
    chunks: list[OneChunk]


def passage_of(passage: Passage) -> OnePassage:
    return OnePassage(**{name: getattr(passage, name) for name in OnePassage.__struct_fields__})


def source_of(standing: Standing) -> OneSource:
    source, run = standing.source, standing.run
    return OneSource(
        source_id=source.id, url=source.url, kind=source.kind, title=source.title, character=source.shelf.persona,
        everybody=not source.shelf.owner, state=standing.state, pages=standing.pages, found=run.found if run else 0,
        fetched=run.fetched if run else 0, failed=run.failed if run else 0, error=run.error if run else "",
        next_at=source.next_at,
    )  # fmt: skip


def refused(url: str, error: ParleyError, message: str) -> Item:
    there = error.detail.get("source_id", "")
    return Item(url, there if isinstance(there, str) else "", None, Problem(status_of(error), error.code, message))


def page_of(preview: Preview) -> OnePage:
    page, version = preview.page, preview.page.version
    return OnePage(
        page_id=page.id, source_id=page.source_id, url=page.url, title=version.title if version else "",
        site=version.site if version else "", language=version.language if version else "",
        published=version.published if version else None, fetched_at=version.fetched_at if version else None,
        checked_at=page.checked_at, status=page.status, error=page.error, live=page.live > 0 and not page.duplicate_of,
        duplicate_of=page.duplicate_of, text=version.text if version else "",
        chunks=[OneChunk(each.id, each.heading, each.start, each.end) for each in preview.chunks],
    )  # fmt: skip
