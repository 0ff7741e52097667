"""How much of a text is kept, and in which form."""

from domain.filing.model import MOST_CHARS
from domain.knowledge.quoting import clean, clean_text

MOST_TITLE = 200  # characters


def kept(text: str, most: int = MOST_CHARS) -> tuple[str, bool]:
    """Return the text clean and cut to `most` characters, at the end of a line where one is near, and whether it was.

    Nobody's text is cleaned much further than it is kept: what is hidden between may be megabytes.
    """
    more = len(text) > 4 * most
    whole = clean_text(text[: 4 * most])
    if len(whole) <= most:
        return whole, more
    end = whole.rfind("\n", most * 9 // 10, most + 1)
    if end < 0:
        end = whole.rfind(" ", most * 9 // 10, most + 1)
    return whole[: end if end > 0 else most].rstrip(), True


def title(text: str) -> str:
    """Return one clean line of a title."""
    return clean(text[: 10 * MOST_TITLE])[:MOST_TITLE].strip()
