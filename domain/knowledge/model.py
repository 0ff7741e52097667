"""What is known and from where: shelves, sources, pages, chunks, and the passages a search returns."""

import re
from datetime import datetime, timedelta
from typing import Literal

import msgspec

SourceKind = Literal["page", "site", "feed"]
RunState = Literal["waiting", "running", "done", "stopped", "failed"]
Mode = Literal["hybrid", "lexical", "vector", "classic"]  # classic: min-max with alpha 0.6, as it once was
PERSONA_ID = re.compile(r"[a-z0-9-]{1,64}\Z")


class Shelf(msgspec.Struct, frozen=True):
    """Whose knowledge it is. An empty `owner`: the operator's, for everybody who talks to `persona`. An empty
    `persona`: the owner's, whoever they talk to.
    """

    owner: str = ""
    persona: str = ""

    @property
    def key(self) -> str:
        """The shelf as one word: what SQL and the index filter by. Neither ids of users nor of characters hold a /."""
        return f"{self.owner}/{self.persona}"


def shelf_of(key: str) -> Shelf:
    owner, _, persona = key.partition("/")
    return Shelf(owner, persona)


def shelves_for(owner: str, persona: str) -> tuple[Shelf, ...]:
    """Return all that a turn of this user with this character may draw on, and nothing of anybody else's.

    A guest has no shelf, so `owner` is empty for one: only the character's own is left.
    """
    own = (Shelf(owner, persona), Shelf(owner, "")) if owner else ()
    return (Shelf("", persona), *own)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where pages come from, and how far and how often they are visited."""

    id: str
    shelf: Shelf
    kind: SourceKind
    url: str  # canonical (urls.canonical)
    title: str = ""  # what people call it; the host until it has a name
    include: tuple[str, ...] = ()  # patterns of paths, `*` for anything; empty: everything of the site
    exclude: tuple[str, ...] = ()
    depth: int = 1  # how many links away from where it starts; sitemaps and feeds count as 1
    max_pages: int = 50
    every: timedelta = timedelta(days=1)
    created_by: str = ""
    created_at: datetime
    next_at: datetime  # when it is due
    enabled: bool = True
    fails: int = 0  # runs in a row that failed
    removed_at: datetime | None = None  # can be brought back for a while


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a source, and how far it is. The counts only grow."""

    id: str
    source_id: str
    state: RunState
    started_at: datetime
    moved_at: datetime  # the last sign of life: one that is silent for too long is taken over
    ended_at: datetime | None = None
    found: int = 0  # addresses in the plan, at most the source's max_pages
    fetched: int = 0  # asked for and answered; the bar is (fetched + failed) / found
    changed: int = 0
    unchanged: int = 0
    duplicates: int = 0
    gone: int = 0
    failed: int = 0
    bytes: int = 0
    stop: bool = False  # somebody asked it to stop
    error: str = ""  # the code of what ended it


class Trouble(msgspec.Struct, frozen=True):
    """One address that could not be had in a run, and the code of why (docs/knowledge.md lists them)."""

    url: str
    code: str
    at: datetime


class Section(msgspec.Struct, frozen=True):
    """A paragraph or list item of extracted text, with the headings it stands under ("Rates > Weekend")."""

    text: str
    heading: str = ""


class Extracted(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says, without its frame. `sections` in order; their texts joined by blank lines are `text`."""

    title: str
    site: str
    language: str  # "en", "zh", another ISO 639-1 code, "" when it cannot be told
    published: datetime | None
    text: str
    sections: tuple[Section, ...]
    links: tuple[str, ...] = ()  # absolute, canonical, in the order of the page
    canonical_url: str = ""  # only ever of the same site
    needs_script: bool = False  # an empty frame that a browser's scripts would fill


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a page's text. The page's `live` number says which one searches see."""

    rev: int
    title: str
    site: str
    language: str
    published: datetime | None
    text: str
    checksum: str  # SHA-256 of title and text, hex
    simhash: int  # 64 bits, unsigned
    fetched_at: datetime


class Page(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source_id: str
    shelf: Shelf
    url: str
    rev: int = 0  # the newest version that was written
    live: int = 0  # the version that searches see, 0: none yet
    embedded: int = 0  # the version whose every chunk has its vector in the index
    checked_at: datetime
    status: int = 0  # HTTP
    etag: str = ""
    last_modified: str = ""
    body_checksum: str = ""  # SHA-256 of the bytes, hex: the same bytes are not read again
    duplicate_of: str = ""  # another page of the shelf that says the same; this one is not indexed then
    misses: int = 0  # times in a row that it was gone
    error: str = ""  # the code of what went wrong last time
    version: Version | None = None  # the live one, where the store was asked for it


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a page that is searched as one. `id` is uuid5(page, rev, index): made twice it is the same."""

    id: str
    page_id: str
    rev: int
    index: int
    heading: str
    text: str
    start: int  # characters into Version.text; [start, end) holds the text
    end: int
    checksum: str  # SHA-256 of what is embedded (title, heading, text), hex: the key of the vector cache


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk returned for a query, with its page and how it came to its place."""

    chunk_id: str
    page_id: str
    url: str
    title: str
    site: str
    language: str
    published: datetime | None
    heading: str
    text: str
    score: float  # what the ranking went by, 0 to 1 in hybrid mode
    lexical: float = 0.0  # BM25 of the chunk, 0 when no word was found
    dense: float = 0.0  # cosine, 0 when the chunk has no vector yet
    coverage: float = 0.0  # share of the query's words in the chunk, 0 to 1
    worth: bool = False  # good enough to be quoted (domain/knowledge/threshold.py); a search page shows others too
    shelf: Shelf = Shelf()


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a search may return. No shelf, no result: nothing is anybody's by default."""

    shelves: tuple[Shelf, ...]
    site: str = ""
    language: str = ""
    since: datetime | None = None  # published, or where that is not known fetched
    until: datetime | None = None


class Answer(msgspec.Struct, frozen=True):
    """What a search found, best first, and what it went by: "lexical" too where no vector was to be had in time."""

    passages: tuple[Passage, ...]
    mode: Mode


class Citation(msgspec.Struct, frozen=True):
    """A source as it stands under a reply and is kept with it. `text` is the passage that was quoted to the model.

    Of something that was thrown into the chat `attachment_id` says what; its `url` is that of a link, else "".
    """

    number: int  # from 1
    title: str
    site: str
    url: str
    text: str
    page_id: str = ""
    heading: str = ""
    attachment_id: str = ""
