"""Which part of a long attachment is quoted: by words, and by words and meaning. `python -m tests.bench.attached`.

The articles of tests/data/retrieval (XQuAD: the same paragraphs and questions in both languages, written by people who
did not know of this) are attachments: each by itself, and four after each other as one text. Counted is how often an
answer stands in what would be quoted, of 600 characters as an embedded LLM is given and 2,000 as an endpoint is.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from domain.filing.model import MOST_CHARS, Attachment
from domain.filing.passages import Near, parts_of
from domain.filing.showing import show
from domain.looking_up import QUOTED_CHARS, QUOTED_CHARS_QUICK
from tests.bench.rag_data import CACHE, PAIRS, CachedEncoder, DevSet, Language, dev_set, docs, questions

AT = datetime(2026, 11, 29, tzinfo=UTC)
TOGETHER = (1, 4)  # articles of one text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=10, help="ask each such question (1190 of them)")
    parser.add_argument("--articles", type=int, default=48, help="of the first so many of 48")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where vectors are kept between runs")
    asked = parser.parse_args()
    encoder = CachedEncoder(asked.cache)
    print("| questions -> texts | articles of a text | characters | by words | and meaning |")
    for name, (_, language) in PAIRS.items():
        for row in rows(dev_set(name), language, asked.every, asked.articles, encoder):  # type: ignore[arg-type]
            print(row, flush=True)


def rows(made: DevSet, language: Language, every: int, articles: int, encoder: CachedEncoder) -> Iterator[str]:
    answers = {one.id: one.answers for one in questions(language)}
    first = {id_ for id_, one in attachments(language, 1).items() if int(one.id.rpartition("-")[2]) < articles}
    asked = [question for question in made.questions[::every] if first.intersection(made.qrels[question.id])]
    for together in TOGETHER:
        texts = attachments(language, together)
        for characters in (QUOTED_CHARS, QUOTED_CHARS_QUICK):
            hits = [0, 0]
            for question in asked:
                one = texts[next(iter(made.qrels[question.id]))]
                for way, how in enumerate((None, near(question.text, one, characters, encoder))):
                    shown = show(question.text, [one], [one.id], (), characters, near=how)
                    said = "\n".join(citation.text for citation in shown.citations)
                    hits[way] += any(answer in said for answer in answers[question.id])
            shares = " | ".join(f"{hit} of {len(asked)}" for hit in hits)
            yield f"| {made.name} | {together} | {characters} | {shares} |"


def attachments(language: Language, together: int) -> dict[str, Attachment]:
    """Return, by paragraph id, the text that it is in; `together` articles make one."""
    articles: dict[str, list[tuple[str, str]]] = {}
    for doc in docs(language):
        articles.setdefault(doc.article, []).append((doc.id, doc.text))
    some = list(articles.values())
    found: dict[str, Attachment] = {}
    for start in range(0, len(some), together):
        paragraphs = [pair for article in some[start : start + together] for pair in article]
        text = "\n\n".join(said for _, said in paragraphs)
        assert len(text) <= MOST_CHARS
        one = Attachment(
            id=f"{language}-{together}-{start}", owner="o", chat_id="c", kind="pdf", name="file.pdf", state="ready",
            text=text, created_at=AT, moved_at=AT,
        )  # fmt: skip
        found |= {id_: one for id_, _ in paragraphs}
    return found


def near(question: str, one: Attachment, characters: int, encoder: CachedEncoder) -> Near:
    """Return what domain.filing.meanings would tell: nothing of a text that is shown whole."""
    parts = parts_of(one.id, one.name, one.text, characters)
    if len(parts) < 2:
        return {}
    vectors = np.asarray(encoder.encode([part.meant for part in parts], "passage"), np.float32)
    asked = np.asarray(encoder.encode([question], "query"), np.float32)[0]
    return {one.id: [float(cosine) for cosine in vectors @ asked]}


if __name__ == "__main__":
    main()
