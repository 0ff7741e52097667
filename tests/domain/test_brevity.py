from collections.abc import AsyncGenerator

import pytest

from domain.brevity import LONG, SHORT, brief, measure

pytestmark = pytest.mark.anyio


async def said(*pieces: str, asked: str = "Why?") -> list[str]:
    async def source() -> AsyncGenerator[str, None]:
        for piece in pieces:
            yield piece

    return [piece async for piece in brief(source(), measure(asked))]


async def test_a_reply_ends_after_three_sentences() -> None:
    assert await said("One,", " two.", " Three!", " Four?", " Five.") == ["One,", " two.", " Three!", " Four?"]


async def test_or_after_the_sentence_that_makes_it_long() -> None:
    long = " ".join(["word"] * 30) + "."
    assert await said(long, " And more.") == [long]
    assert await said("很" * 45 + "。", "还有。") == ["很" * 45 + "。"]


async def test_a_sentence_is_never_cut_in_the_middle() -> None:
    pieces = [f"{'word ' * 10},"] * 6 + ["end."]
    assert await said(*pieces, "Not this.") == pieces


@pytest.mark.parametrize("asked", ["Tell me a story.", "please go on", "能详细解释一下吗", "再讲一个故事吧"])
async def test_who_asks_for_more_gets_more(asked: str) -> None:
    assert measure(asked) is LONG
    assert len(await said(*["A sentence."] * 8, asked=asked)) == 8


@pytest.mark.parametrize("asked", ["Hello", "What is courage?", "你好", "Anymore?"])
async def test_ordinary_words_do_not_ask_for_more(asked: str) -> None:
    assert measure(asked) is SHORT
