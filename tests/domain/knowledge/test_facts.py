"""Which questions a character without a source must not answer."""

import pytest

from domain.knowledge.facts import asks_for_a_fact


@pytest.mark.parametrize(
    "question",
    [
        "How much does the Saltmarsh museum cost?",
        "Who won the harbour race in 1998?",
        "When was the lighthouse of Saltmarsh built?",
        "where is the whale skeleton in the museum",
        "What year did the Panthers join the league?",
        "盐沼博物馆的门票多少钱？",
        "灯塔是哪年建成的",
        "一九九八年的港口帆船赛谁赢了？",
        "盐沼博物馆什么时候闭馆？",
    ],
)
def test_a_name_a_number_a_time_or_a_place_is_a_fact(question: str) -> None:
    assert asks_for_a_fact(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "Hello there!",
        "I had a hard day today.",
        "What is courage, and can it be taught at all?",
        "Why do people lie to those whom they love?",
        "Who are you?",
        "When did you last see the sea, old friend?",
        "How old was he?",  # leans on what was said
        "And where?",
        "Tell me a story about the fox and the miller.",
        "什么是勇气？",
        "你是谁？",
        "我今天很累。",
        "他多大了？",
        "给我讲个狐狸的故事吧。",
    ],
)
def test_everything_else_may_be_talked_about(question: str) -> None:
    assert not asks_for_a_fact(question)
