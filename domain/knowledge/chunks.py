"""Text to chunks: stretches of one to a few paragraphs, or of some sentences of a long one, searched as one.

Small chunks win where a voice turn quotes a thousand characters: docs/knowledge-pages.md has the table. A chunk never
crosses a heading; a paragraph that is big enough stands alone; in a long one neighbours share a sentence.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from uuid import UUID, uuid5

from domain.knowledge.blocks import CRUMB
from domain.knowledge.languages import WIDE, wide_share
from domain.knowledge.model import Chunk, Section
from domain.knowledge.sentence_ends import spans
from domain.knowledge.sparse import indexed

LIMIT = 450  # characters of a chunk, some 110 tokens of English: ans@1000 is flat from 430 to 480, lower on both sides
WIDE_LIMIT = 300  # of Chinese, Japanese and Korean
ALONE = 0.5  # of the limit: a paragraph of that size shares its chunk with no other
# A longer sentence, in parts of the limit, is not said twice: what is said twice takes the room of another passage.
# In English that costs more than it finds (.960 without, .954 at .3), in Chinese it finds more (.987, .988 at .4).
OVERLAP, WIDE_OVERLAP = 0.1, 0.4
_SPACE = UUID("0b6c2f1e-6f0e-5f0e-9d3b-6a1c0d1c7a52")  # of the ids of chunks; another would make all new
_SOFT = (" \n", "，；：、,;:）)」』 ")

Span = tuple[int, int]


def text_of(sections: Sequence[Section]) -> str:
    """Return the text that the offsets of chunks count in."""
    return "\n\n".join(section.text for section in sections)


def chunk_id(page_id: str, rev: int, index: int) -> str:
    return str(uuid5(_SPACE, f"{page_id}:{rev}:{index}"))


def embedding_text(title: str, chunk: Chunk) -> str:
    """Return what is embedded, and what the checksum is of."""
    return indexed(title, chunk.heading, chunk.text)


def cut(page_id: str, rev: int, title: str, sections: Sequence[Section], language: str = "") -> list[Chunk]:
    """Return the chunks of a version in order. `text_of(sections)[chunk.start:chunk.end] == chunk.text`.

    Every character but white space is in a chunk, or, where it is a heading's, in the heading of the next.
    """
    text = text_of(sections)
    wide = language in WIDE if language else wide_share(text[:3000]) > 0.3
    limit, overlap = (WIDE_LIMIT, WIDE_OVERLAP) if wide else (LIMIT, OVERLAP)
    found: list[Chunk] = []
    for heading, start, end in _pieces(sections, text, limit, int(overlap * limit)):
        index, said = len(found), text[start:end]
        chunk = Chunk(
            id=chunk_id(page_id, rev, index), page_id=page_id, rev=rev, index=index, heading=heading, text=said,
            start=start, end=end, checksum=hashlib.sha256(indexed(title, heading, said).encode()).hexdigest(),
        )  # fmt: skip
        found.append(chunk)
    return found


def _pieces(sections: Sequence[Section], text: str, limit: int, overlap: int) -> Iterator[tuple[str, int, int]]:
    """Yield (heading, start, end), white space cut off at both ends."""
    placed: list[tuple[Section, int]] = []
    at = 0
    for section in sections:
        placed.append((section, at))
        at += len(section.text) + 2
    for heading, group in groupby(placed, key=lambda pair: pair[0].heading):
        paragraphs = [(section, start) for section, start in group]
        # The heading itself: it is in `heading` of what follows. One with nothing under it is a chunk of its own.
        said = [pair for pair in paragraphs if not _is_heading(pair[0])] or paragraphs[-1:]
        stretches = [(start, start + len(section.text)) for section, start in said]
        for start, end in _packed(stretches, text, limit, overlap):
            if trimmed := _trimmed(text, start, end):
                yield heading, *trimmed


def _is_heading(section: Section) -> bool:
    return section.heading == section.text or section.heading.endswith(CRUMB + section.text)


def _trimmed(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    if not piece.strip():
        return None
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))


def _packed(paragraphs: Sequence[Span], text: str, limit: int, overlap: int) -> Iterator[Span]:
    """Put small paragraphs together, leave bigger ones alone, cut the big ones."""
    run: Span | None = None
    for start, end in paragraphs:
        if run and (end - run[0] > limit or end - start >= ALONE * limit):
            yield run
            run = None
        if end - start > limit:
            yield from _sentences(text, start, end, limit, overlap)
        elif end - start >= ALONE * limit:
            yield start, end
        else:
            run = (run[0] if run else start, end)
    if run:
        yield run


def _sentences(text: str, start: int, end: int, limit: int, overlap: int) -> Iterator[Span]:
    """Cut a paragraph into chunks of whole sentences, about alike in length, each beginning with the last of the one
    before it when that is short.
    """
    parts = [piece for a, b in spans(text[start:end]) for piece in _hard(text, start + a, start + b, limit)]
    even = (end - start) / -(-(end - start) // limit)  # as many chunks as are needed, and those alike
    first = last = back = shared = parts[0][0]
    for a, b in parts:
        size = last - first
        if size and (b - shared > limit or size + (b - a) / 2 > even):
            yield shared, last
            shared = back if last - back <= overlap and b - back <= limit and back > first else a
            first = a
        last, back = b, a
    yield shared, last


def _hard(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """Cut a sentence that is over the limit: at a space, else after a clause mark, else anywhere."""
    while end - start > limit:
        piece = text[start : start + limit]
        cuts = [max(piece.rfind(mark) for mark in marks) + 1 for marks in _SOFT]
        at = next((cut for cut in cuts if cut > limit / 2), limit)
        yield start, start + at
        start += at
    if end > start:
        yield start, end
