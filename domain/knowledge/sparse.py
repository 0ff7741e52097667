"""BM25 as sparse vectors: what a passage weighs is stored, what a word is worth (IDF) the index knows.

score(query, passage) = sum over the query's tokens of idf(token) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length /
average)). The index multiplies and sums; the weight of a token in a passage is made here, and is one in a query.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2s

import msgspec

from domain.knowledge.ports import Sparse
from domain.knowledge.tokens import is_cjk, tokens

K1, B = 1.2, 0.75
MAX_QUERY_TOKENS = 256  # distinct ones; a spoken question has ten


class Average(msgspec.Struct, frozen=True):
    """Tokens in a usual passage: of words, and of Chinese, where each character makes two."""

    words: float = 40.0
    cjk: float = 320.0

    def of(self, found: Counter[str]) -> float:
        """Return the average for a passage like this one, which may hold both."""
        total = found.total()
        share = sum(count for token, count in found.items() if is_cjk(token)) / total if total else 0.0
        return (1 - share) * self.words + share * self.cjk


USUAL = Average()  # of our chunks. A constant, so that a passage weighs the same whenever it is indexed.


def indexed(title: str, heading: str, text: str) -> str:
    """Return what of a chunk is searched, by words and by meaning alike."""
    return "\n".join(part for part in (title, heading, text) if part)


def passage_weights(text: str, average: Average = USUAL) -> Sparse:
    found = Counter(tokens(text))
    longer = 1 - B + B * found.total() / average.of(found) if found else 1.0
    weights: dict[int, float] = {}
    for token, count in found.items():
        # Two tokens in one slot are one in 4,000 passages of 500; they add up.
        slot = slot_of(token)
        weights[slot] = weights.get(slot, 0.0) + count * (K1 + 1) / (count + K1 * longer)
    return weights


def query_weights(text: str) -> Sparse:
    """Return each token of the query once: people repeat themselves when they speak."""
    return dict.fromkeys(slots(text), 1.0)


def slots(text: str) -> list[int]:
    """Return the slots of the distinct tokens, in order."""
    return list(dict.fromkeys(map(slot_of, tokens(text))))[:MAX_QUERY_TOKENS]


def average_of(texts: Iterable[str]) -> Average:
    """Measure the passages of a collection, to make it with averages of its own."""
    totals, counts = [0, 0], [0, 0]
    for text in texts:
        found = tokens(text)
        kind = int(2 * sum(map(is_cjk, found)) > len(found))
        totals[kind] += len(found)
        counts[kind] += 1
    words, cjk = (total / count if total else None for total, count in zip(totals, counts, strict=True))
    return Average(words or USUAL.words, cjk or USUAL.cjk)


@lru_cache(65_536)
def slot_of(token: str) -> int:
    """Return the place of a token among 2^32: the same in every process and for ever."""
    return int.from_bytes(blake2s(token.encode("utf-8", "replace"), digest_size=4).digest(), "big")
