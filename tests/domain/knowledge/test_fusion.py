"""Fusion: pure, so it is told by its properties."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.knowledge.fusion import Scored, fuse, gate, ranked, together
from domain.knowledge.model import Mode

MODES: tuple[Mode, ...] = ("hybrid", "lexical", "vector", "classic")
SCORED = st.builds(
    Scored,
    dense=st.none() | st.floats(-1, 1),
    lexical=st.floats(0, 60),
    by_dense=st.booleans(),
    by_lexical=st.booleans(),
    wide=st.booleans(),
)
MANY = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), SCORED, max_size=20)
TRUST = st.floats(0, 1)


@pytest.mark.parametrize("mode", MODES)
@given(scored=MANY, trust=TRUST)
def test_scores_lie_between_0_and_1_for_chunks_that_were_found(
    mode: Mode, scored: dict[str, Scored], trust: float
) -> None:
    scores = fuse(scored, mode, trust)
    assert set(scores) <= set(scored)
    assert all(0.0 <= score <= 1.0 for score in scores.values())


@pytest.mark.parametrize("mode", MODES)
@given(scored=MANY, trust=TRUST)
def test_the_order_of_what_came_in_does_not_matter(mode: Mode, scored: dict[str, Scored], trust: float) -> None:
    turned = dict(reversed(scored.items()))
    assert ranked(fuse(scored, mode, trust)) == ranked(fuse(turned, mode, trust))


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0, 1)))
def test_ties_come_by_id(scores: dict[str, float]) -> None:
    order = ranked(scores)
    for before, after in pairwise(order):
        assert scores[before] > scores[after] or (scores[before] == scores[after] and before < after)


COSINES = st.integers(-100, 100).map(lambda number: number / 100)


@given(st.dictionaries(st.text("abcdef", min_size=1), st.builds(Scored, dense=COSINES, lexical=st.floats(0, 60))))
def test_words_that_are_not_trusted_leave_the_order_of_meaning(scored: dict[str, Scored]) -> None:
    assert ranked(fuse(scored, "hybrid", 0.0)) == sorted(scored, key=lambda name: (-(scored[name].dense or 0.0), name))


@given(MANY)
def test_better_by_both_is_never_worse_among_pages_of_one_script(scored: dict[str, Scored]) -> None:
    known = {name: one for name, one in scored.items() if one.dense is not None}
    scores = fuse(known, "hybrid", 0.7)
    for one in known:
        for other in (name for name in known if known[name].wide == known[one].wide):
            if (known[one].dense or 0) >= (known[other].dense or 0) and known[one].lexical >= known[other].lexical:
                assert scores[one] >= scores[other] - 1e-12


def test_a_page_without_vectors_is_taken_by_its_words() -> None:
    scored = {
        "new": Scored(None, 12.0),
        "near": Scored(0.9, 3.0),
        "far": Scored(0.7, 0.0),
    }
    assert ranked(fuse(scored, "hybrid", 1.0)) == ["new", "near", "far"]
    assert ranked(fuse(scored, "hybrid", 0.1)) == ["near", "new", "far"]


def test_a_page_in_the_other_script_is_judged_by_how_it_stands_out_among_its_own() -> None:
    """To the encoder whatever is in the question's script is nearer; the words of the others cannot be there."""
    ours = {f"ours {number}": Scored(0.82 - number / 1_000, 3.0, wide=True) for number in range(30)}
    theirs = {f"theirs {number}": Scored(0.72 - number / 1_000, 0.0) for number in range(30)}
    answer = {"answer": Scored(0.79, 0.0)}
    assert ranked(fuse(ours | theirs | answer, "hybrid", 0.7, wide=True))[0] == "answer"
    assert ranked(fuse(ours | answer, "hybrid", 0.7, wide=True))[0] == "answer", "one page of its kind, too"
    plain = {name: Scored(one.dense, one.lexical) for name, one in (theirs | answer).items()}
    assert fuse(theirs | answer, "hybrid", 0.7, wide=True) == fuse(plain, "hybrid", 0.7), "alone they are as they were"


def test_the_classic_rule_is_the_convex_combination_of_two_lists() -> None:
    scored = {
        "a": Scored(0.9, 5.0, by_lexical=False),
        "b": Scored(0.8, 10.0),
        "c": Scored(0.5, 4.0),
        "d": Scored(0.85, 7.0, by_dense=False),
    }
    expected = {"a": 0.6, "b": 0.6 * 0.75 + 0.4, "c": 0.0, "d": 0.4 * 0.5}
    assert fuse(scored, "classic") == pytest.approx(expected)


def test_single_modes_go_by_one_score_and_drop_who_has_none() -> None:
    scored = {"a": Scored(0.9, 0.0), "b": Scored(None, 8.0), "c": Scored(0.2, 4.0)}
    assert fuse(scored, "lexical") == {"b": 1.0, "c": 0.5}
    assert fuse(scored, "vector") == {"a": 0.9, "c": 0.2}


def test_the_gate_opens_with_the_share_of_words_that_are_found() -> None:
    assert gate([]) == 0.0
    assert gate([0.0, 0.25]) == 0.5
    assert gate([1.0, 0.1]) == 1.0


def test_phrasings_that_agree_are_better_than_one_alone() -> None:
    assert together([{"a": 1.0, "b": 0.8}, {"b": 0.8, "c": 1.0}]) == {"a": 0.5, "b": 0.8, "c": 0.5}
    assert together([{"a": 0.3}]) == {"a": 0.3}
