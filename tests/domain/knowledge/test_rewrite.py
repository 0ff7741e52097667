"""Questions that lean on what was said before."""

import pytest

from domain.chat import Line
from domain.knowledge.rewrite import Rewriter, joined, needs_context
from tests.fakes import Mind

pytestmark = pytest.mark.anyio
CHAT = (Line("user", "Tell me about the architect of the Sydney Opera House."), Line("assistant", "Jørn Utzon won it."))
CHAT_ZH = (Line("user", "请告诉我悉尼歌剧院的建筑师"), Line("assistant", "是约恩·乌松。"))


@pytest.mark.parametrize(
    "question",
    [
        "How old was he?", "And in Denmark?", "Why?", "What about the roof tiles of the building?", "Tell me more",
        "When did that building open to the public officially?", "Really?", "他多大了？", "为什么？", "那屋顶呢？",
        "这个建筑花了多少钱？", "还有呢", "它是什么时候向公众开放的？", "後來怎麼樣？",
    ],
)  # fmt: skip
async def test_pronouns_and_ellipses_lean_on_what_was_said(question: str) -> None:
    assert needs_context(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which architect designed the Sydney Opera House roof?",
        "What temperature does copper melt at under normal pressure?",
        "悉尼歌剧院的屋顶由哪位建筑师设计？",
        "黑豹队的防守在联赛中排名第几？",
    ],
)
async def test_a_question_with_all_its_words_stands_alone(question: str) -> None:
    assert not needs_context(question)
    mind = Mind("never asked")
    assert await Rewriter(mind)(question, CHAT) == ""
    assert mind.prompts == []


async def test_the_llm_is_asked_with_the_chat_and_one_line_of_it_is_taken() -> None:
    mind = Mind('"How old was Jørn ', 'Utzon?"\n', "Because the user...")
    assert await Rewriter(mind)("How old was he?", CHAT) == "How old was Jørn Utzon?"
    (prompt,) = mind.prompts
    assert "Sydney Opera House" in prompt.lines[-1].text
    assert prompt.max_tokens <= 40


@pytest.mark.parametrize("mind", [None, Mind("How", pause_s=60), Mind("How", fail_after=0), Mind("  ")])
async def test_without_an_answer_in_time_the_words_before_go_along(mind: Mind | None) -> None:
    assert await Rewriter(mind, 0.01)("How old was he?", CHAT) == "How old was he? architect Sydney Opera House"


async def test_chinese_words_before_go_along_too() -> None:
    assert "悉尼歌剧院" in joined("他多大了？", CHAT_ZH)
    assert "建筑师" in await Rewriter()("他多大了？", CHAT_ZH)


async def test_nothing_said_before_is_nothing_to_lean_on() -> None:
    assert await Rewriter(Mind("x"))("How old was he?", ()) == ""
    assert joined("Why?", (Line("user", "Why?"),)) == ""
    assert joined("Why?", (Line("assistant", "Because."),)) == ""
