"""The lock of the functions; that each of their methods has it on a real plane is tests/conformance/door_cases.py."""

from typing import Any

import pytest

from domain.errors import NotAllowed
from domain.worker_tokens import WorkerTokens
from functions.door import SETTING, Door
from functions.engines.setting import BadSetting
from infra.clock import SystemClock
from tests.conformance.door_cases import bad_tokens

KEY = "of the workers, in this test: 32 signs"


def test_the_web_comes_in_with_the_token_of_the_function() -> None:
    token = WorkerTokens(KEY, SystemClock()).token("tts")
    Door("tts", {SETTING: KEY}).admit(token)
    assert Door("tts", {SETTING: KEY}).refusal(token) is None


@pytest.mark.parametrize("kind", list(bad_tokens(KEY, "tts")))
def test_nobody_comes_in_with_anything_else(kind: str) -> None:
    door = Door("tts", {SETTING: KEY})
    token = bad_tokens(KEY, "tts")[kind]
    with pytest.raises(NotAllowed, match="token_bad"):
        door.admit(token)
    assert isinstance(door.refusal(token), NotAllowed)


@pytest.mark.parametrize("token", [None, 7, b"", [], {"token": "x"}])
def test_what_is_no_text_is_refused_like_any_other(token: Any) -> None:
    assert isinstance(Door("asr", {SETTING: KEY}).refusal(token), NotAllowed)


@pytest.mark.parametrize("env", [{}, {SETTING: ""}, {SETTING: "hunter2"}])
def test_a_function_without_its_key_does_not_start_and_does_not_repeat_it(env: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="parley-worker") as refused:
        Door("asr", env)
    assert "hunter2" not in str(refused.value)
