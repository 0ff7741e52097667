"""Do chunks keep answers together? `python -m tests.bench.rag_chunks [--sweep]`.

Paragraphs of an article are joined, cut, ranked by BM25 for each question, and the texts of the best are put one
after the other: is an answer within the first N characters (ans@N)? semantic-text-splitter stands beside ours. What
is to be reached, .957 and .987, is the whole search's (rag_answers.py): words alone rank worse than words and meaning.
"""

import argparse
import gzip
import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from domain.knowledge import chunks
from domain.knowledge.model import Section
from domain.knowledge.tokens import tokens

ROOT = Path(__file__).parents[2]
PLACES = (
    ROOT / "tests/data/retrieval/{language}-{part}.jsonl.gz",
    ROOT.parent / "shared/data/retrieval/{name}/{part}.jsonl.gz",
)
SETS = {"xquad-en": "en", "xquad-zh": "zh"}
LENGTHS = (500, 1000, 2000)
K1, B = 1.2, 0.75

Articles = dict[str, list[str]]
Piece = tuple[str, str]  # what is ranked, what is quoted


def file_of(name: str, part: str) -> Path | None:
    found = (Path(str(path).format(name=name, language=SETS[name], part=part)) for path in PLACES)
    return next((path for path in found if path.is_file()), None)


def rows(name: str, part: str) -> list[dict[str, Any]]:
    found = file_of(name, part)
    assert found is not None, f"no {part} of {name}"
    with gzip.open(found, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def articles(name: str) -> Articles:
    found: Articles = defaultdict(list)
    for row in rows(name, "docs"):
        found[row["article"]].append(row["text"])
    return found


def ours(all_of: Articles, language: str) -> list[Piece]:
    found: list[Piece] = []
    for article, paragraphs in all_of.items():
        title = article.replace("_", " ")
        cut = chunks.cut("page", 1, title, [Section(text) for text in paragraphs], language)
        found += [(chunks.embedding_text(title, chunk), chunk.text) for chunk in cut]
    return found


def theirs(all_of: Articles, language: str) -> list[Piece]:
    from semantic_text_splitter import TextSplitter

    splitter = TextSplitter(chunks.WIDE_LIMIT if language == "zh" else chunks.LIMIT)
    return [
        (f"{article.replace('_', ' ')}\n{piece}", piece)
        for article, paragraphs in all_of.items()
        for piece in splitter.chunks("\n\n".join(paragraphs))
    ]


def fixed(all_of: Articles, language: str) -> list[Piece]:
    size = chunks.WIDE_LIMIT if language == "zh" else chunks.LIMIT
    joined = ((article.replace("_", " "), "\n\n".join(paragraphs)) for article, paragraphs in all_of.items())
    return [
        (f"{title}\n{text[at : at + size]}", text[at : at + size])
        for title, text in joined
        for at in range(0, len(text), size * 7 // 8)
    ]


class Bm25:
    def __init__(self, texts: Iterable[str]) -> None:
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.lengths: list[int] = []
        for number, text in enumerate(texts):
            counts = Counter(tokens(text))
            self.lengths.append(counts.total())
            for token, count in counts.items():
                self.postings[token].append((number, count))
        self.mean = statistics.fmean(self.lengths)

    def rank(self, question: str, most: int = 40) -> list[int]:
        scores: dict[int, float] = defaultdict(float)
        for token in set(tokens(question)):
            listed = self.postings.get(token, [])
            idf = math.log(1 + (len(self.lengths) - len(listed) + 0.5) / (len(listed) + 0.5))
            for number, count in listed:
                norm = K1 * (1 - B + B * self.lengths[number] / self.mean)
                scores[number] += idf * count * (K1 + 1) / (count + norm)
        return sorted(scores, key=lambda number: (-scores[number], number))[:most]


def answered(pieces: list[Piece], name: str) -> dict[int, float]:
    """Return ans@N: the share of questions with an answer in the first N characters of the best pieces."""
    index = Bm25(ranked for ranked, _ in pieces)
    hits: Counter[int] = Counter()
    questions = rows(name, "queries")
    for row in questions:
        quoted = "\n".join(pieces[number][1] for number in index.rank(row["text"]))
        for length in LENGTHS:
            hits[length] += any(answer in quoted[:length] for answer in row["answers"])
    return {length: hits[length] / len(questions) for length in LENGTHS}


WAYS: dict[str, Callable[[Articles, str], list[Piece]]] = {
    "ours": ours, "semantic-text-splitter": theirs, "fixed window": fixed,
}  # fmt: skip


def show() -> dict[tuple[str, str], dict[int, float]]:
    found: dict[tuple[str, str], dict[int, float]] = {}
    print(f"{'set':10} {'chunks':24} {'number':>6} {'mean':>5} {'max':>5} " + " ".join(f"ans@{n:<5}" for n in LENGTHS))
    for name, language in SETS.items():
        for way, cut in WAYS.items():
            pieces = cut(articles(name), language)
            sizes = [len(text) for _, text in pieces]
            found[name, way] = answered(pieces, name)
            shares = " ".join(f"{share:.4f}   " for share in found[name, way].values())
            print(f"{name:10} {way:24} {len(sizes):6} {statistics.fmean(sizes):5.0f} {max(sizes):5} {shares}")
    return found


@pytest.mark.bench
def test_chunks_keep_answers_as_well_as_the_yardstick_and_better_than_a_window() -> None:
    found = show()
    for name in SETS:
        ours, splitter, window = (found[name, way][1000] for way in WAYS)
        assert ours >= splitter > window


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    show()
