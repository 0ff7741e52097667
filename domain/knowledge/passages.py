"""From ranked chunks to passages: so many of a page, no text twice, and what is told about each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from domain.knowledge import fusion
from domain.knowledge.candidates import Candidates, Phrasing
from domain.knowledge.fusion import Others, Scored, background
from domain.knowledge.model import Chunk, Page, Passage
from domain.knowledge.simhash import SAME, distance, simhash
from domain.knowledge.sparse import indexed
from domain.knowledge.threshold import clears
from domain.knowledge.tokens import tokens

Row = tuple[Chunk, Page]


def choose(
    model: str,
    phrasings: Sequence[Phrasing],
    found: Candidates,
    rows: dict[str, Row],
    scores: dict[str, float],
    limit: int,
    per_page: int,
) -> list[Passage]:
    """Return the best rows by `scores`; `model` names the encoder, for what is worth quoting."""
    chosen: list[Passage] = []
    others = [[_others(of, wide) for wide in (False, True)] for of in found.of]
    of_page: Counter[str] = Counter()
    for name in fusion.ranked(scores):
        chunk, page = rows[name]
        if of_page[page.id] >= per_page or any(_alike(chunk.text, other.text) for other in chosen):
            continue
        of_page[page.id] += 1
        words, views = set(tokens(text_of(chunk, page))), []
        for phrasing, scored, other in zip(phrasings, found.of, others, strict=True):
            asked, own = set(tokens(phrasing.text)), scored[name]
            covered = len(asked & words) / len(asked) if asked else 0.0
            view = _passage(chunk, page, scores[name], own.lexical, own.dense or 0.0, covered)
            views.append(msgspec.structs.replace(view, worth=clears(model, phrasing.text, view, other[own.wide])))
        # As the phrasing sees it that it answers best.
        chosen.append(max(views, key=lambda view: (view.worth, view.dense, view.coverage)))
        if len(chosen) == limit:
            break
    return chosen


def _others(of: Mapping[str, Scored], wide: bool) -> Others | None:
    return background(one.dense for one in of.values() if one.dense is not None and one.wide == wide)


def _passage(chunk: Chunk, page: Page, score: float, lexical: float, dense: float, coverage: float) -> Passage:
    version = page.version
    return Passage(
        chunk_id=chunk.id,
        page_id=page.id,
        url=page.url,
        title=version.title if version else "",
        site=version.site if version else "",
        language=version.language if version else "",
        published=version.published if version else None,
        heading=chunk.heading,
        text=chunk.text,
        score=score,
        lexical=lexical,
        dense=dense,
        coverage=coverage,
        shelf=page.shelf,
    )


def enough(rows: dict[str, Row], limit: int, per_page: int) -> bool:
    of_page = Counter(page.id for _, page in rows.values())
    return sum(min(count, per_page) for count in of_page.values()) >= limit


def _alike(one: str, other: str) -> bool:
    """Whether they say the same but for a comma or a date. Lengths tell most apart, which spares the hashing."""
    if abs(len(one) - len(other)) > max(len(one), len(other)) // 16:
        return False
    return one == other or distance(_print(one), _print(other)) <= SAME


@lru_cache(1_024)
def _print(text: str) -> int:
    return simhash(text)


def text_of(chunk: Chunk, page: Page) -> str:
    return indexed(page.version.title if page.version else "", chunk.heading, chunk.text)
