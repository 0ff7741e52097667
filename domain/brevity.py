"""How much a character says at once: a spoken reply is one to three sentences, unless more was asked for.

Small models are told so and ramble all the same; what is not written also costs no time and no power.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from domain.sentences import ends_sentence, words

_MORE = re.compile(
    r"\b(more|story|stories|tale|explain|detail|details|longer|continue|go on|keep going|everything|list|poem|recite|"
    r"step by step|assessment|feedback)\b|"
    r"继续|详细|多说|多讲|再说|再讲|接着|故事|解释|展开|全部|一步一步|念|背|诗|评价|反馈|点评",
    re.IGNORECASE,
)


class Measure(msgspec.Struct, frozen=True):
    """A reply ends with the sentence that reaches either number; 1.5 Chinese characters weigh as a word."""

    sentences: int
    words: int


SHORT = Measure(3, 28)
LONG = Measure(12, 140)


def measure(asked: str) -> Measure:
    return LONG if _MORE.search(asked) else SHORT


async def brief(pieces: AsyncGenerator[str, None], limit: Measure) -> AsyncGenerator[str, None]:
    """Pass on whole sentences until the limit is reached, then stop the source."""
    sentences, said = 0, 0.0
    async with aclosing(pieces) as source:
        async for piece in source:
            yield piece
            said += words(piece)
            if ends_sentence(piece):
                sentences += 1
                if sentences >= limit.sentences or said >= limit.words:
                    return
