"""Which questions are about an attachment as a whole, and which about something in it."""

import pytest

from domain.filing.whole import of_the_whole
from tests.bench.rag_data import questions


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the file.", "What is this about?", "What does it say?", "Can you give me an overview?",
        "What are the main points?", "Tell me more!", "What do you think of it?", "Is it any good?",
        "Explain it to me.", "Please translate the beginning.", "Who wrote this?", "What is the title?", "",
        "Sum it up in two sentences, please.", "Could you read this document and describe what's in it?",
        "总结一下。", "这份文件讲了什么？", "主要内容是什么？", "翻译一下", "你觉得怎么样？", "这是什么？",
        "概括一下这个文件", "给我讲讲。", "有什么意思？", "帮我看看这篇文章说了些什么", "这份PDF写了什么？",
    ],
)  # fmt: skip
def test_it_is_about_the_whole(question: str) -> None:
    assert of_the_whole(question)


@pytest.mark.parametrize(
    "question",
    [
        "Where is the lamp?", "What does the file say about bread?", "Summarise what it says of the storm.",
        "When does it start to rain?", "How much is the rope?", "In 1912?", "灯在哪里？", "文件里说面包多少钱？",
        "总结一下关于风暴的部分", "绳子呢？", "上海在哪里？",
    ],
)  # fmt: skip
def test_it_is_about_something_in_it(question: str) -> None:
    assert not of_the_whole(question)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_questions_of_fact_are_about_something(language: str) -> None:
    asked = [question.text for question in questions(language)]
    taken = [text for text in asked if of_the_whole(text)]
    assert len(taken) <= 0.003 * len(asked), taken
