"""Cut streamed text into pieces worth speaking.

The first piece is a clause of a few words, because nothing sounds until it is complete; the next two
may be clauses as well, so that speech stays ahead of the ear; later ones are sentences, which sound
better. The pieces joined give the text back exactly.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

SENTENCE_MARKS = "。！？!?…\n"
CLAUSE_MARKS = "，；：、—,;:"
SHORT_PIECES = 3  # this many pieces may end at a clause mark
FIRST_WORDS = 2  # a first clause has at least so many words, or so many Chinese characters
SHORT_WORDS = 4  # a second or third clause
FIRST_LIMIT = 8  # words (1.5 Chinese characters count as one) after which the first piece ends at a space
LIMIT = 40  # words, for any piece
_WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[^\s\u2e80-\u9fff\uf900-\ufaff]*\w[^\s\u2e80-\u9fff\uf900-\ufaff]*")
_TITLES = frozenset("mr mrs ms dr prof st sr jr vs etc no fig gen col capt lt rev hon".split())


def words(text: str) -> float:
    """Count words; 1.5 Chinese characters weigh as much as one."""
    return len(_WORD.findall(text)) + len(_WIDE.findall(text)) / 1.5


def _ends(text: str, at: int, clause: bool) -> bool:
    """Say whether the mark at `at` ends a sentence (or a clause), without looking past the text.

    Only after a digit ("3.5", "1,000") or an abbreviation must one wait for what follows.
    """
    mark, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if mark in SENTENCE_MARKS:
        return True
    if mark == ".":
        word = re.search(r"[\w.]*$", text[:at])
        last = word.group().lower() if word else ""
        if last in _TITLES or len(last) == 1 or "." in last or not last:
            return False
        return after.isspace() if before.isdigit() else not after or after.isspace() or after in "\"'”’)"
    if clause and mark in CLAUSE_MARKS:
        return after.isspace() if before.isdigit() and mark in ",:" else True
    return False


def _cut(buffer: str, index: int, start: int) -> int | None:
    """Return where the first complete piece of `buffer` ends; marks before `start` were looked at before."""
    short = index < SHORT_PIECES
    least = FIRST_WORDS if index == 0 else SHORT_WORDS
    for at in range(start, len(buffer)):
        if buffer[at] in SENTENCE_MARKS or buffer[at] in CLAUSE_MARKS or buffer[at] == ".":
            head = buffer[: at + 1]
            if _ends(buffer, at, clause=short and words(head) >= least) and words(head) > 0:
                return at + 1
    limit = FIRST_LIMIT if index == 0 else LIMIT
    count = words(buffer)
    if count > limit:
        space = buffer.rstrip().rfind(" ")
        if space > 0:
            return space
        if _WIDE.search(buffer):
            return min(len(buffer), int(limit * 1.5))
    return None


def ends_sentence(piece: str) -> bool:
    """Whether a sentence ends with this piece."""
    return piece.rstrip("\"'”’)） ")[-1:] in (*SENTENCE_MARKS, ".")


async def pieces(deltas: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Yield the pieces of a streamed text, each as soon as it is complete."""
    buffer, index, seen = "", 0, 0
    async with aclosing(deltas) as stream:
        async for delta in stream:
            buffer += delta
            while (end := _cut(buffer, index, max(0, seen - 1))) is not None:
                yield buffer[:end]
                buffer, index, seen = buffer[end:], index + 1, 0
            seen = len(buffer)
    if buffer.strip():
        yield buffer


async def after(opening: str, rest: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Yield the opening as a piece of its own, while `rest` is already being made by whoever reads ahead."""
    async with aclosing(rest) as source:
        if opening:
            yield opening + (" " if opening[-1].isascii() else "")
        async for piece in source:
            yield piece
