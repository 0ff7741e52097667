"""What a voice is given to say: marks dropped, scripts told apart, figures read in the right language."""

import pytest

from domain.persona import Language
from functions.engines.mandarin import number, write_out
from functions.engines.speakable import clean, runs


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Hello** there 😀!", "Hello there!"),
        ("I ❤️ you", "I you"),
        ("See [the docs](http://a.b/c)", "See the docs"),
        ("- item one\n- item two", "item one. item two"),
        ("# Title\n`code`", "Title. code"),
        ("1️⃣ First", "First"),
        ("好呀～ 走吧！！", "好呀 走吧！！"),
        ("a\x00b \ud800c", "a b c"),
        ("Temperatures 10–20 °C", "Temperatures 10-20 °C"),
        ("5%", "5%"),
    ],
)
def test_marks_of_writing_are_dropped_and_never_named(written: str, spoken: str) -> None:
    assert clean(written) == spoken


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Hello there.", "zh", [("en", "Hello there.")]),
        ("你好。", "en", [("zh", "你好。")]),
        ("12:30", "zh", [("zh", "12:30")]),
        ("和GPT-4聊", "zh", [("zh", "和"), ("en", "GPT-4"), ("zh", "聊")]),
        ("on 3月5日 we met", "en", [("en", "on"), ("zh", "3月5日"), ("en", "we met")]),
        ("I said 你好！", "en", [("en", "I said"), ("zh", "你好！")]),
        ("我有2个iPhone 15。", "zh", [("zh", "我有2个"), ("en", "iPhone"), ("zh", "15。")]),
    ],
)
def test_scripts_are_told_apart_and_digits_go_with_the_text(
    text: str, language: Language, expected: list[tuple[str, str]]
) -> None:
    assert runs(text, language) == expected


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("0", "零"),
        ("10", "十"),
        ("101", "一百零一"),
        ("1010", "一千零一十"),
        ("10001", "一万零一"),
        ("100500", "十万零五百"),
        ("100010000", "一亿零一万"),
        ("3.14", "三点一四"),
        ("1,250", "一千二百五十"),
    ],
)
def test_numbers_are_read_as_chinese_does(figure: str, said: str) -> None:
    assert number(figure) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2024年3月5日", "二零二四年三月五日"),
        ("2024-03-05", "二零二四年三月五日"),
        ("14:05", "十四点零五分"),
        ("3.5%", "百分之三点五"),
        ("10%-20%", "百分之十到百分之二十"),
        ("-5℃", "零下五摄氏度"),
        ("¥9.9", "九点九元"),
        ("1/2", "二分之一"),
        ("2个人", "两个人"),
        ("第2个", "第二个"),
        ("12个", "十二个"),
        ("30年", "三十年"),
        ("13800138000", "幺三八零零幺三八零零零"),
        ("3-5天", "三到五天"),
    ],
)
def test_dates_money_and_measures_are_written_out(text: str, said: str) -> None:
    assert write_out(text) == said
