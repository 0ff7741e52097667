"""Is an answer within the first N characters that would be quoted? Hybrid search over chunks of whole articles."""

import asyncio

from domain.knowledge import chunks
from domain.knowledge.model import Section
from tests.bench.rag_data import CachedEncoder, Language, docs, questions
from tests.bench.rag_stack import Stack, Written, stack

LENGTHS = (500, 1_000, 2_000)
TO_REACH = {"en": 0.957, "zh": 0.987}  # ans@1000
MOST = 20  # passages: small ones fill 2,000 characters by then
PER_PAGE = (3, 2)  # as a turn may quote


def answers(encoder: CachedEncoder) -> None:
    print("pages  of a page  " + "  ".join(f"ans@{length}" for length in LENGTHS) + "  to reach at 1000")
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        with stack(encoder, encoder.model) as made:
            made.add(articles(language), lambda texts: encoder.encode(texts, "passage"))
            for per_page in (MOST, *PER_PAGE):
                shares = answered(made, language, per_page)
                row = "   ".join(f"{share:.4f}" for share in shares)
                few = "any" if per_page == MOST else str(per_page)
                print(f"{language:6} {few:9}  {row}   {TO_REACH[language]}", flush=True)


def articles(language: Language) -> list[Written]:
    """Return each article as a page, cut as the crawler cuts it."""
    paragraphs: dict[str, list[str]] = {}
    for doc in docs(language):
        paragraphs.setdefault(doc.article, []).append(doc.text)
    found = []
    for number, (article, texts) in enumerate(paragraphs.items()):
        title, sections = article.replace("_", " "), [Section(text) for text in texts]
        name = f"article{number}"
        cut = chunks.cut(name, 1, title, sections, language)
        found.append(Written(name, chunks.text_of(sections), language, title, cut))
    return found


def answered(made: Stack, language: Language, per_page: int) -> list[float]:
    counts = [0] * len(LENGTHS)
    asked = questions(language)
    every = asyncio.run(made.found([question.text for question in asked], "hybrid", limit=MOST, per_page=per_page))
    for question, found in zip(asked, every, strict=True):
        quoted = "\n".join(passage.text for passage in found)
        for place, length in enumerate(LENGTHS):
            counts[place] += any(answer in quoted[:length] for answer in question.answers)
    return [count / len(asked) for count in counts]
