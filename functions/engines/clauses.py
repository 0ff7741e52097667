"""A text cut where a voice would breathe, the first piece small: sound begins when the first is made, not the last."""

import re
from collections.abc import Iterator
from itertools import accumulate

FIRST, LATER = 24, 120  # letters; a Chinese character weighs as three
_TITLES = "".join(rf"(?<!\b{title})" for title in ("Dr", "Mr", "Mrs", "Ms", "St", "Prof"))
_ENDS = re.compile(rf"(?:[。！？!?…；;，：、—]+|(?:,|:)(?!\d)|{_TITLES}\.+(?!\w))[\"'”’」』）)]*\s*")
_SENTENCE = "。！？!?….；;"


def weight(text: str) -> int:
    return sum(3 if char > "\u2e7f" else 1 for char in text)


def clauses(text: str) -> Iterator[str]:
    """Yield pieces that together are the text. Short ones are joined, but a first one ends as soon as it may.

    A stretch without marks is cut at a space, or where it is full.
    """
    piece, most = "", FIRST
    for part in _parts(text):
        if piece.strip() and weight(piece) + weight(part) > most:
            yield piece
            piece, most = "", LATER
        piece += part
        first = most == FIRST
        if (first and weight(piece) >= 6) or (weight(piece) >= LATER // 3 and piece.rstrip()[-1:] in _SENTENCE):
            yield piece
            piece, most = "", LATER
    if piece.strip():
        yield piece


def _parts(text: str) -> Iterator[str]:
    """Cut behind every mark, and what is too long for one piece besides."""
    start = 0
    for match in _ENDS.finditer(text):
        yield from _short(text[start : match.end()])
        start = match.end()
    yield from _short(text[start:])


def _short(part: str) -> Iterator[str]:
    while weight(part) > LATER:
        full = sum(reached <= LATER for reached in accumulate(map(weight, part)))
        space = part.rfind(" ", full // 2, full)
        cut = space + 1 if space > 0 else full
        yield part[:cut]
        part = part[cut:]
    if part:
        yield part
