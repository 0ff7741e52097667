"""Fingerprints of near texts are near."""

import pytest

from domain.knowledge.simhash import NEAR, SAME, distance, fold, simhash

EN = " ".join(
    f"On day {n} the keeper of the lighthouse wrote about the {thing}, and what it did to the {other}."
    for n, (thing, other) in enumerate(
        (a, b)
        for a in ("wind", "fog", "ferry", "gulls", "lamp")
        for b in ("harbour", "nets", "school", "market", "pier")
    )
)
ZH = "".join(
    f"第{n}天，守灯塔的人写到了{thing}，也写到它给{other}带来的变化。"
    for n, (thing, other) in enumerate(
        (a, b) for a in ("大风", "浓雾", "渡船", "海鸥") for b in ("港口", "渔网", "学校", "市场")
    )
)
OTHER_EN = " ".join(
    f"Recipe {n}: boil {n} potatoes with leek, butter and cream until they are soft." for n in range(20)
)
OTHER_ZH = "".join(f"菜谱{n}：把{n}个土豆和韭葱、黄油一起煮到变软，再加一点奶油。" for n in range(20))


@pytest.mark.parametrize("text", [EN, ZH])
def test_what_only_looks_different_is_the_same(text: str) -> None:
    assert distance(simhash(text), simhash(f"  {text.upper().replace(' ', '  ')}! ")) <= SAME


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (EN, EN.replace("day 3 ", "morning 3 ")), (EN, EN + " All rights reserved, 2024."),
        (ZH, ZH.replace("第3天", "第3个早晨")), (ZH, ZH + "版权所有，2024年。"),
    ],
)  # fmt: skip
def test_an_edited_word_or_a_footer_is_near(text: str, near: str) -> None:
    assert distance(simhash(text), simhash(near)) <= NEAR


@pytest.mark.parametrize(("one", "other"), [(EN, OTHER_EN), (ZH, OTHER_ZH), (EN, ZH), (OTHER_EN, OTHER_ZH)])
def test_another_text_is_far(one: str, other: str) -> None:
    assert distance(simhash(one), simhash(other)) > 2 * NEAR


def test_it_is_64_unsigned_bits_and_zero_for_nothing() -> None:
    assert simhash("") == simhash(" ?! ") == 0
    assert 0 < simhash("ab") < 1 << 64
    assert fold("Ａ b－C") == "abc"
