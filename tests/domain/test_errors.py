"""Errors cross the border between processes whole, however their kind is made."""

import pickle

import pytest

from domain.errors import ParleyError, TooLong, Unavailable


class Odd(Unavailable):
    """Made from other things than a code and its detail."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__("setting_bad", setting=name)
        self.words = f"{name}: {problem}"

    def __str__(self) -> str:
        return self.words


@pytest.mark.parametrize("error", [TooLong("speech_too_long", seconds=60), Odd("KEY", "missing"), Unavailable("away")])
def test_a_pickled_error_has_its_kind_code_detail_and_words(error: ParleyError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert (again.code, again.detail, again.args, str(again)) == (error.code, error.detail, error.args, str(error))
