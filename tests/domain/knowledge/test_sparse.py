"""BM25 as sparse vectors: whatever an index multiplies and sums must come to the formula."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.knowledge.sparse import (
    K1,
    MAX_QUERY_TOKENS,
    USUAL,
    Average,
    B,
    average_of,
    indexed,
    passage_weights,
    query_weights,
    slot_of,
    slots,
)
from domain.knowledge.tokens import tokens


def test_slots_are_the_same_in_every_process() -> None:
    assert [slot_of("panther"), slot_of("黑豹")] == [299458270, 3512131520]


def test_product_of_query_and_passage_is_bm25() -> None:
    text, average = "panther panther lion", Average(words=6.0)
    tf = {"panther": 2, "lion": 1}
    expected = sum(n * (K1 + 1) / (n + K1 * (1 - B + B * 3 / 6.0)) for n in tf.values())
    passage, query = passage_weights(text, average), query_weights("a lion, a panther and a panther")
    assert sum(weight * passage.get(slot, 0.0) for slot, weight in query.items()) == pytest.approx(expected)


def test_a_word_of_the_question_counts_once() -> None:
    assert query_weights("lion lions Lion") == {slot_of("lion"): 1.0}


def test_chinese_and_english_passages_have_averages_of_their_own() -> None:
    average = Average(words=10.0, cjk=100.0)
    assert average.of(Counter(tokens("lion tiger"))) == 10.0
    assert average.of(Counter(tokens("黑豹队"))) == 100.0
    assert 10.0 < average.of(Counter(tokens("lion tiger 黑豹队"))) < 100.0


def test_a_collection_is_measured_by_what_it_has() -> None:
    assert average_of(["lion tiger", "lion", "黑豹"]) == Average(words=1.5, cjk=3.0)
    assert average_of([]) == USUAL
    assert average_of(["lion"]).cjk == USUAL.cjk


def test_title_and_heading_are_searched_too() -> None:
    words = indexed("Opening hours", "Weekend", "From nine to five.")
    assert set(slots("weekend hours")) <= set(passage_weights(words))
    assert indexed("", "", "text") == "text"


def test_long_questions_are_cut_and_empty_ones_have_no_words() -> None:
    assert len(query_weights(" ".join(f"word{number}" for number in range(2_000)))) == MAX_QUERY_TOKENS
    assert query_weights("the of and") == {}
    assert passage_weights("") == {}


@given(st.lists(st.sampled_from(["lion", "tiger", "黑豹", "308"]), min_size=1, max_size=30))
def test_weights_lie_between_nothing_and_saturation(words: list[str]) -> None:
    weights = passage_weights(" ".join(words))
    assert all(0 < weight < K1 + 1 and math.isfinite(weight) for weight in weights.values())
    assert all(0 <= slot < 2**32 for slot in weights)
