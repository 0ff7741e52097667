"""A document as parts of what the encoder reads at once."""

import re

from domain.knowledge.chunks import cut, text_of
from domain.knowledge.model import Section

# Some 400 tokens; the encoder reads 510. A whole abstract ranks better than its best sentence or two, which is what
# the chunks of the app are: they are small because a spoken reply quotes little.
LIMIT, WIDE_LIMIT = 1_800, 600
WIDE_FROM = 0.3  # share of Chinese, Japanese and Korean words from which a document counts as such


def parts(text: str, wide_share: float) -> list[str]:
    """Return the text whole, or in parts of whole sentences. A text of nothing is one empty part."""
    limit = WIDE_LIMIT if wide_share > WIDE_FROM else LIMIT
    if len(text) <= limit:
        return [text]
    sections = [Section(one) for one in re.split(r"\n\s*\n", text) if one.strip()]
    whole, spans = text_of(sections), [(chunk.start, chunk.end) for chunk in cut("", 1, "", sections)]
    found: list[str] = []
    start = at = spans[0][0] if spans else 0
    for first, last in spans:
        if last - start > limit and at > start:
            found.append(whole[start:at])
            start = first
        at = last
    return [*found, whole[start:at]]
