import random
from collections.abc import AsyncGenerator

import pytest

from domain.sentences import pieces

pytestmark = pytest.mark.anyio


async def deltas(*parts: str) -> AsyncGenerator[str, None]:
    for part in parts:
        yield part


async def cut(*parts: str) -> list[str]:
    return [piece async for piece in pieces(deltas(*parts))]


async def test_the_first_piece_is_a_clause_of_a_few_words() -> None:
    assert (await cut("Well, my friend, that is a hard question. Let me think."))[0] == "Well, my friend,"


async def test_a_clause_is_spoken_without_waiting_for_the_next_token() -> None:
    seen: list[str] = []

    async def tokens() -> AsyncGenerator[str, None]:
        for token in ("Ah", " my", " friend", ","):
            yield token
        yield "".join(seen) and " and so on."

    async for piece in pieces(tokens()):
        seen += [piece]
    assert seen == ["Ah my friend,", " and so on."]


async def test_later_pieces_are_whole_sentences() -> None:
    text = "One, two, three. Four, five six seven. Eight nine, ten eleven. Now, here it is, all of it, at once. Bye."
    assert (await cut(text))[-2:] == [" Now, here it is, all of it, at once.", " Bye."]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("It costs 3.50 dollars, I think.", "It costs 3.50 dollars,"),
        ("About 1,000 people came here. Then", "About 1,000 people came here."),
        ("Dr. Watson came. He sat.", "Dr. Watson came."),
        ("你好，朋友。今天怎么样？", "你好，"),
        ("嗯，我想想。", "嗯，我想想。"),
        ("Yes.", "Yes."),
        ("... well, then", "... well, then"),
    ],
)
async def test_numbers_titles_and_chinese_marks_are_understood(text: str, first: str) -> None:
    for parts in ([text], list(text)):
        assert (await cut(*parts))[0] == first


async def test_without_any_mark_the_first_piece_still_comes_after_some_words() -> None:
    text = "the quick brown fox jumps over the lazy dog and never comes back to the river again"
    assert len((await cut(*[f"{w} " for w in text.split()]))[0].split()) <= 9
    assert len(await cut("天" * 200)) > 1


async def test_however_the_text_is_split_the_pieces_give_it_back() -> None:
    text = "Ah, 3.5 miles! “Quiet,” said Mr. Fox... 你好，世界。再见, 朋友！ No 1,000 more; e.g. this one? yes"
    dice = random.Random(7)
    for _ in range(200):
        at = sorted(dice.sample(range(len(text)), 12))
        parts = [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]
        assert "".join(await cut(*parts)) == text
