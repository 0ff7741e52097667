"""The parts of an attachment's text that fit a question by their words: BM25, as domain/knowledge/sparse.py weighs."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from domain.knowledge.chunks import cut
from domain.knowledge.model import Section
from domain.knowledge.ports import Sparse
from domain.knowledge.quoting import LEAST, clean, cut_to
from domain.knowledge.rewrite import subject
from domain.knowledge.sparse import passage_weights, slots

LEAST_SLOTS = 2  # words of a question: one word in common is chance
HEADING = 120  # characters
KNOWN = 32  # texts that are kept cut and weighed: 14 ms of work for one of 20,000 characters
_HEADING = re.compile(r"#{1,6} +(.+)")


class Part(msgspec.Struct, frozen=True):
    heading: str
    text: str
    weights: Sparse


@lru_cache(KNOWN)
def parts_of(name: str, title: str, text: str, characters: int) -> tuple[Part, ...]:
    """Return the text whole where it fits into so many characters, else in chunks, in order. `name` is its id."""
    if len(text) <= characters:
        return (_part("", text),) if text.strip() else ()
    return tuple(_part(chunk.heading, chunk.text) for chunk in cut(name, 1, title, _sections(text)))


def best(question: str, parts: Mapping[str, Sequence[Part]], characters: int) -> dict[str, list[Part]]:
    """Return, by attachment and in their order, clean parts of so many characters in all: those that fit best.

    Each attachment's best goes before the second of any. Where no word fits, it is what stands at the beginning.
    """
    wanted = slots(subject(question))
    worth = _worth(wanted, [part for some in parts.values() for part in some])
    order: list[tuple[bool, float, int, str, Part]] = []
    for key, some in parts.items():
        scored = [(sum(worth[s] * part.weights[s] for s in wanted if s in part.weights), part) for part in some]
        fits = any(score for score, _ in scored)
        ranked = sorted(enumerate(scored), key=lambda one: (-one[1][0], one[0]))
        order += [
            (place > 0, -score, number, key, part)
            for place, (number, (score, part)) in enumerate(ranked)
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


def _worth(wanted: Sequence[int], parts: Sequence[Part]) -> dict[int, float]:
    """Return the IDF of each word among these parts."""
    common = Counter(slot for part in parts for slot in wanted if slot in part.weights)
    return {slot: math.log(1 + (len(parts) - n + 0.5) / (n + 0.5)) for slot, n in common.items()}


def _part(heading: str, text: str) -> Part:
    return Part(heading, text, passage_weights(f"{heading}\n{text}"))


def _sections(text: str) -> list[Section]:
    found: list[Section] = []
    heading = ""
    for block in filter(None, map(str.strip, re.split(r"\n\s*\n", text))):
        match = _HEADING.match(block)
        if match is not None:
            heading = match.group(1).strip()[:HEADING]
        found.append(Section(block, heading))
    return found
