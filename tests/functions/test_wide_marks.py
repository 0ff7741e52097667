"""What was heard in Chinese is shown as Chinese is printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.engines.wide_marks import widen


@pytest.mark.parametrize(
    ("heard", "shown"),
    [
        ("你好,我是苏格拉底.", "你好，我是苏格拉底。"),
        ("什么是勇气? 告诉我!", "什么是勇气？告诉我！"),
        ("我想说...算了", "我想说……算了"),
        ("他说:好;我走了", "他说：好；我走了"),
        ("看《理想国》, 好吗", "看《理想国》，好吗"),
        ("打开文件.md", "打开文件.md"),
        ("一共3.5公里, 走了2小时", "一共3.5公里，走了2小时"),
        ("我用Python,你呢", "我用Python,你呢"),
        ("今天真好，我们走吧。", "今天真好，我们走吧。"),
        ("Hello, how are you?", "Hello, how are you?"),
        ("", ""),
    ],
)
def test_marks_behind_han_characters_are_wide(heard: str, shown: str) -> None:
    assert widen(heard) == shown


@given(st.text(alphabet="你好,.?! a1《》", max_size=30))
def test_no_word_changes_and_twice_is_as_good_as_once(text: str) -> None:
    letters = [c for c in text if c.isalnum()]
    assert [c for c in widen(text) if c.isalnum()] == letters
    assert widen(widen(text)) == widen(text)
