"""What the pages of knowledge share: states in words, a shelf with all that stands on it, and how a place was won."""

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from litestar import Request

from domain.knowledge.model import Chunk, Mode, Page, Passage, Shelf, Source, SourceKind
from domain.knowledge.rights import Who, may_change
from domain.knowledge.standing import Standing, State
from domain.persona import Language, Persona
from web.error_words import words
from web.i18n import N_, gettext

AnyRequest = Request[Any, Any, Any]
EXAMPLE = "https://plato.stanford.edu/entries/socrates/"
SOURCES = 50  # of a shelf at once
SHOWN_TEXT = 60_000  # characters of one page
SCORED = 0.005  # less is shown as 0.00: the least by meaning of all that was compared, without a word of the question
PageState = Literal["live", "waiting", "vectors", "duplicate", "gone", "error"]
STATE_WORDS: dict[State, str] = {
    "running": N_("Reading"),
    "waiting": N_("Waiting for its turn"),
    "done": N_("Up to date"),
    "stopped": N_("Stopped"),
    "failed": N_("Failed"),
    "paused": N_("Paused"),
}
PAGE_WORDS: dict[PageState, str] = {
    "live": N_("live"),
    "waiting": N_("waiting to be indexed"),
    "vectors": N_("live, by its words so far"),
    "duplicate": N_("duplicate"),
    "gone": N_("gone"),
    "error": N_("not read"),
}
KIND_WORDS: dict[SourceKind, str] = {"page": N_("One page"), "site": N_("A site"), "feed": N_("A feed")}
HOUR_WORDS: dict[int, str] = {
    1: N_("every hour"),
    6: N_("every six hours"),
    24: N_("every day"),
    168: N_("every week"),
    720: N_("every thirty days"),
}
MODE_WORDS: dict[Mode, str] = {
    "hybrid": N_("Words and meaning"),
    "lexical": N_("Words alone"),
    "vector": N_("Meaning alone"),
    "classic": N_("A fixed mix"),
}


class Section(msgspec.Struct, frozen=True):
    """A shelf as a page shows it."""

    shelf: Shelf
    rows: list[Standing]
    live: int  # pages
    pending: int  # chunks whose vectors are to be made
    change: bool  # whether whoever looks may add to it
    skip: int = 0  # sources before these
    more: bool = False  # and whether there are some after them

    @property
    def name(self) -> str:
        """What says in an address how many to skip."""
        return skip_name(self.shelf)


class Place(msgspec.Struct, frozen=True):
    """A passage and why it is where it is: shares of 1,000 for bars, figures beside them, one sentence."""

    passage: Passage
    bars: tuple[tuple[str, str, int], ...]  # words, figure, length
    why: str


class Stretch(msgspec.Struct, frozen=True):
    """A piece of a page's text: `begins` are the numbers of chunks that begin here; shared by `many` of them."""

    text: str
    begins: tuple[int, ...]
    many: int


def page_state(page: Page) -> PageState:
    if page.duplicate_of:
        return "duplicate"
    if page.live:
        return "vectors" if page.embedded < page.live else "live"
    if page.misses:
        return "gone"
    return "error" if page.error else "waiting"


def code_words(code: str, language: Language) -> str:
    """Return what a code of a run, page or address means; placeholders are for errors that carry details."""
    return words(code, {"retry_after": 5, "seconds": 5}, language) if code else ""


def worth_telling(found: Sequence[Passage]) -> list[Passage]:
    """Leave out what scored nothing and would not be quoted: on a small shelf, all that is no answer."""
    return [each for each in found if each.worth or each.score >= SCORED]


def places(found: Sequence[Passage], mode: Mode) -> list[Place]:
    """To be called while reading the language of the page."""
    found = worth_telling(found)
    best = max((each.lexical for each in found), default=0.0)
    top = max((each.score for each in found), default=0.0) if mode in ("lexical", "vector") else 1.0
    return [
        Place(
            each,
            (
                (gettext("Score"), f"{each.score:.2f}", _share(each.score, top)),
                (gettext("Words"), f"{each.lexical:.1f}" if each.lexical else "–", _share(each.lexical, best)),
                (gettext("Meaning"), f"{each.dense:.2f}" if each.dense else "–", _share(each.dense, 1.0)),
                (gettext("Coverage"), f"{each.coverage:.0%}", _share(each.coverage, 1.0)),
            ),
            _why(each),
        )
        for each in found
    ]


def stretches(text: str, chunks: Sequence[Chunk]) -> list[Stretch]:
    """Cut a text where chunks begin and end. They may share a sentence, which is then a stretch of its own."""
    text = text[:SHOWN_TEXT]
    cuts = sorted({0, len(text), *(min(edge, len(text)) for one in chunks for edge in (one.start, one.end))})
    return [
        Stretch(
            text[start:end],
            tuple(one.index + 1 for one in chunks if one.start == start),
            sum(one.start <= start and end <= one.end for one in chunks),
        )
        for start, end in itertools.pairwise(cuts)
        if end > start
    ]


def whose(who: Who, persona: Persona | None) -> list[Shelf]:
    """Return the shelves of a page, the character's own first; one's own only for those who have one."""
    shelves = [Shelf("", persona.id)] if persona is not None else []
    if who is not None:
        shelves.append(Shelf(who.id, persona.id if persona is not None else ""))
    return shelves


def addable(who: Who, persona: Persona | None) -> list[Shelf]:
    return [shelf for shelf in whose(who, persona) if may_change(who, shelf)]


def skip_name(shelf: Shelf) -> str:
    return "mine" if shelf.owner else "everybody"


def home_of(source: Source) -> str:
    """Return the page of the shelf that it stands on."""
    return f"/characters/{source.shelf.persona}/knowledge" if source.shelf.persona else "/knowledge"


def _share(part: float, whole: float) -> int:
    """Return how long a bar is, of 1,000: never nothing for something."""
    return max(1, min(1_000, round(part * 1_000 / whole))) if part > 0 and whole > 0 else 0


def _why(passage: Passage) -> str:
    share = f"{passage.coverage:.0%}"
    if passage.lexical > 0 and passage.dense > 0:
        found = gettext("Its words and its meaning both fit: {share} of the words asked for are in it.")
    elif passage.lexical > 0:
        found = gettext("Found by its words, {share} of those asked for; its meaning was not compared.")
    elif passage.dense > 0:
        found = gettext("None of the words is in it; its meaning is near.")
    else:
        found = gettext("Neither its words nor its meaning say much for it.")
    return found.format(share=share)
