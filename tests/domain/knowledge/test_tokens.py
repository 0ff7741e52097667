"""The words that the lexical half of search counts."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.knowledge.tokens import MAX_TOKENS, MAX_WORD, is_cjk, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Panthers' defenses surrendered 1,308 points", ["panther", "defens", "surrend", "1308", "point"]),
        ("isn't it the panther's?", ["panther"]),
        ("Python 3.11 at example.com", ["python", "3.11", "exampl", "com"]),
        ("U.S.A. and USA", ["usa", "usa"]),
        ("Café NAÏVE Łódź", ["cafe", "naiv", "łodz"]),
        ("ＡＢＣ１２", ["abc12"]),
        ("state-of-the-art snake_case", ["state", "art", "snake", "case"]),
        ("Привет हिन्दी", ["привет", "हिन्दी"]),
        ("", []),
        ("?! … 🙂", []),
    ],
)
def test_words_are_cut_to_their_stems(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_chinese_is_single_characters_and_pairs_and_digits_stay_apart() -> None:
    assert tokens("防守丢了308分") == ["防", "守", "丢", "防守", "守丢", "丢了", "308", "分"]
    assert tokens("NFL球队") == ["nfl", "球", "队", "球队"]
    assert [is_cjk(token) for token in tokens("NFL球")] == [False, True]


def test_traditional_characters_are_the_simplified_ones() -> None:
    assert tokens("漢語軟體") == tokens("汉语软体")
    assert tokens("臺灣的發展與頭髮") == tokens("台湾的发展与头发")


def test_japanese_and_korean_are_found_by_characters_too() -> None:
    assert tokens("カナ") == ["カ", "ナ", "カナ"]
    assert tokens("한국") == ["한", "국", "한국"]


HOSTILE = ["\ufdfa", "a", "a'", "1.", "a.", "漢", "\ud800漢", "e\u0301", "1,000 ", "_", "\0", "\u202e", "ab ", "．"]


@pytest.mark.parametrize("piece", HOSTILE, ids=[ascii(piece) for piece in HOSTILE])
def test_hostile_text_gives_few_tokens_none_of_them_long(piece: str) -> None:
    found = tokens(piece * 200_000)
    assert len(found) <= MAX_TOKENS
    assert max(map(len, found), default=0) <= MAX_WORD


@given(st.text(max_size=200))
def test_any_text_gives_tokens_that_are_found_again(text: str) -> None:
    found = tokens(text)
    assert all(found)
    assert found == tokens(text)
    assert tokens(text + " ") == found


def test_threads_stem_alike() -> None:
    words = " ".join(f"running{number} generously surrendered" for number in range(200))
    with ThreadPoolExecutor(8) as pool:
        assert len({tuple(found) for found in pool.map(tokens, [words] * 32)}) == 1
