"""The parts of an attachment's text that fit a question: by their words (BM25, as domain/knowledge/sparse.py weighs),
and by their meaning too where that is known (domain/filing/meanings.py), put together as search does.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from domain.filing.whole import of_the_whole
from domain.knowledge import fusion
from domain.knowledge.chunks import cut
from domain.knowledge.fusion import Scored
from domain.knowledge.languages import wide_share
from domain.knowledge.model import Section
from domain.knowledge.ports import Sparse
from domain.knowledge.quoting import LEAST, clean, cut_to
from domain.knowledge.rewrite import subject
from domain.knowledge.sparse import passage_weights, slots
from domain.knowledge.threshold import mostly_cjk

LEAST_SLOTS = 2  # words of a question: one word in common is chance
HEADING = 120  # characters
KNOWN = 32  # texts that are kept cut and weighed: 14 ms of work for one of 20,000 characters
TRUSTED = 10  # of the parts that fit best by their words, one tells how far words are to be trusted
WIDE = 0.5  # of a part's words: then it is Chinese, Japanese or Korean
_HEADING = re.compile(r"#{1,6} +(.+)")

Near = Mapping[str, Sequence[float]]  # by attachment: how near each of its parts is to a question, as cosines


class Part(msgspec.Struct, frozen=True):
    heading: str
    text: str
    weights: Sparse
    wide: bool = False  # whether it is in Chinese, Japanese or Korean

    @property
    def meant(self) -> str:
        """What of it is embedded: what its words are counted in."""
        return f"{self.heading}\n{self.text}".strip()


@lru_cache(KNOWN)
def parts_of(name: str, title: str, text: str, characters: int) -> tuple[Part, ...]:
    """Return the text whole where it fits into so many characters, else in chunks, in order. `name` is its id."""
    if len(text) <= characters:
        return (_part("", text),) if text.strip() else ()
    return tuple(_part(chunk.heading, chunk.text) for chunk in cut(name, 1, title, _sections(text)))


def best(
    question: str, parts: Mapping[str, Sequence[Part]], characters: int, near: Near | None = None
) -> dict[str, list[Part]]:
    """Return, by attachment and in their order, clean parts of so many characters in all: those that fit best.

    Each attachment's best goes before the second of any. Where no word fits and nothing is known of the meaning, and
    for a question about the whole, it is what stands at the beginning.
    """
    wanted = [] if of_the_whole(question) else slots(subject(question))
    words = _by_words(wanted, parts)
    scores = _by_both(question, wanted, parts, words, near) if near and wanted else words
    order: list[tuple[bool, float, int, str, Part]] = []
    for key, some in parts.items():
        fits = any(scores[key])
        ranked = sorted(zip(scores[key], range(len(some)), some, strict=True), key=lambda one: (-one[0], one[1]))
        order += [
            (place > 0, -score, number, key, part)
            for place, (score, number, part) in enumerate(ranked)
            if score or not fits
        ]
    chosen: dict[str, list[tuple[int, Part]]] = {}
    for *_, number, key, part in sorted(order, key=lambda one: one[:3]):
        if characters < LEAST and chosen:
            break
        text = cut_to(clean(part.text), characters)
        if text:
            chosen.setdefault(key, []).append((number, msgspec.structs.replace(part, text=text)))
            characters -= len(text)
    return {key: [part for _, part in sorted(some, key=lambda one: one[0])] for key, some in chosen.items()}


def speaks_of(question: str, parts: Sequence[Part], least: float, least_slots: int = LEAST_SLOTS) -> bool:
    """Whether one part holds such a share of the question's words, and at least so many of them."""
    wanted = slots(subject(question))
    needed = max(least_slots, least * len(wanted))
    return any(sum(1 for slot in wanted if slot in part.weights) >= needed for part in parts)


def _by_words(wanted: Sequence[int], parts: Mapping[str, Sequence[Part]]) -> dict[str, list[float]]:
    worth = _worth(wanted, [part for some in parts.values() for part in some])
    return {
        key: [sum(worth[slot] * part.weights[slot] for slot in wanted if slot in part.weights) for part in some]
        for key, some in parts.items()
    }


def _by_both(
    question: str, wanted: Sequence[int], parts: Mapping[str, Sequence[Part]], words: Mapping[str, Sequence[float]],
    near: Near,
) -> dict[str, list[float]]:  # fmt: skip
    """Fuse as search does (domain/knowledge/fusion.py), which see: words count as far as they are found at all."""
    scored, shares = {}, []
    for key, some in parts.items():
        cosines: Sequence[float | None] = near.get(key) or [None] * len(some)
        for number, (part, score, cosine) in enumerate(zip(some, words[key], cosines, strict=True)):
            scored[f"{key}/{number}"] = Scored(cosine, score, wide=part.wide)
            shares.append((score, sum(1 for slot in wanted if slot in part.weights) / len(wanted)))
    trust = fusion.gate([share for _, share in sorted(shares, reverse=True)[:TRUSTED]])
    fused = fusion.fuse(scored, trust=trust, wide=mostly_cjk(question))
    return {key: [fused[f"{key}/{number}"] for number in range(len(some))] for key, some in parts.items()}


def _worth(wanted: Sequence[int], parts: Sequence[Part]) -> dict[int, float]:
    """Return the IDF of each word among these parts."""
    common = Counter(slot for part in parts for slot in wanted if slot in part.weights)
    return {slot: math.log(1 + (len(parts) - n + 0.5) / (n + 0.5)) for slot, n in common.items()}


def _part(heading: str, text: str) -> Part:
    return Part(heading, text, passage_weights(f"{heading}\n{text}"), wide_share(text) > WIDE)


def _sections(text: str) -> list[Section]:
    found: list[Section] = []
    heading = ""
    for block in filter(None, map(str.strip, re.split(r"\n\s*\n", text))):
        match = _HEADING.match(block)
        if match is not None:
            heading = match.group(1).strip()[:HEADING]
        found.append(Section(block, heading))
    return found
