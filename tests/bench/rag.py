"""`make bench-rag`: how well search finds, on the development sets, beside what was measured before it was built.

    python -m tests.bench.rag                 quality of ranking, of chunks, and how fast it is
    python -m tests.bench.rag --only ranking  one of ranking, chunks, bars, speed
"""

import argparse
import asyncio
import math
import sys
from collections.abc import Sequence

import numpy as np

from domain.knowledge.model import Mode
from domain.knowledge.sparse import average_of
from tests.bench import rag_answers, rag_bars, rag_speed
from tests.bench.rag_data import PAIRS, CachedEncoder, DevSet, dev_set
from tests.bench.rag_stack import Stack, Written, stack

MODES: tuple[Mode, ...] = ("lexical", "vector", "classic", "hybrid")
BASELINES = {  # nDCG@10 by another program with the same encoder; the last column is what is to be reached
    "en": (0.9708, 0.9704, 0.9835, 0.9842, 0.984),
    "zh": (0.9664, 0.9516, 0.9753, 0.9762, 0.976),
    "en->zh": (0.1332, 0.8459, 0.8207, 0.8457, 0.846),
    "zh->en": (0.1334, 0.8116, 0.8150, 0.8140, 0.815),
}
AT = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["ranking", "chunks", "bars", "speed"])
    parser.add_argument("--sizes", default="1000,10000,100000", help="chunks, for the speed")
    parser.add_argument("--postgresql", default="", help="URL of an empty database, for the speed with it")
    asked = parser.parse_args()
    encoder = CachedEncoder()
    if asked.only in (None, "ranking"):
        ranking(encoder)
    if asked.only in (None, "chunks"):
        rag_answers.answers(encoder)
    if asked.only in (None, "bars"):
        rag_bars.bars(encoder)
    if asked.only in (None, "speed"):
        rag_speed.speed([int(size) for size in asked.sizes.split(",")], asked.postgresql)
    print(f"{encoder.made} texts were encoded, the others were known", file=sys.stderr)


def ranking(encoder: CachedEncoder) -> None:
    print("questions->pages  mode      nDCG@10 (before)  recall@10  MRR@10")
    for pages in ("en", "zh"):
        with stack(encoder, encoder.model) as made:
            sets = [dev_set(name) for name, (_, language) in PAIRS.items() if language == pages]
            fill(made, sets[0], pages, encoder)
            for one in sets:
                for number, mode in enumerate(MODES):
                    found = asyncio.run(made.found([question.text for question in one.questions], mode, limit=AT))
                    ndcg, recall, mrr = judge(one, [[passage.page_id for passage in some] for some in found])
                    before = BASELINES[one.name][number]
                    row = f"{ndcg:.4f}  ({before:.4f})  {recall:.4f}     {mrr:.4f}"
                    print(f"{one.name:17s} {mode:9s} {row}", flush=True)
                print(f"{'':17s} to reach  {BASELINES[one.name][4]:.3f}")


def fill(made: Stack, one: DevSet, language: str, encoder: CachedEncoder) -> None:
    made.add(
        [Written(doc.id, doc.text, language, doc.title) for doc in one.docs],
        lambda texts: encoder.encode(texts, "passage"),
        average_of(doc.text for doc in one.docs),  # they are longer than our chunks
    )


def judge(one: DevSet, rankings: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """Return nDCG@10, recall@10 and MRR@10, means over the questions."""
    rows = [scores(one.qrels[question.id], ranked) for question, ranked in zip(one.questions, rankings, strict=True)]
    ndcg, recall, mrr = (float(mean) for mean in np.mean(rows, axis=0))
    return ndcg, recall, mrr


def scores(relevant: dict[str, int], ranked: Sequence[str]) -> tuple[float, float, float]:
    gains = [relevant.get(name, 0) for name in ranked[:AT]]
    best = sorted(relevant.values(), reverse=True)[:AT]
    first = next((place for place, gain in enumerate(gains, 1) if gain > 0), 0)
    found = sum(gain > 0 for gain in gains) / sum(gain > 0 for gain in relevant.values())
    return _dcg(gains) / _dcg(best), found, 1 / first if first else 0.0


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


if __name__ == "__main__":
    main()
