"""Bad input: a named error of the domain with its type and detail, in front of which the container stays alive."""

import asyncio
import math
from typing import Any

import pytest

from domain.audio import Audio
from domain.errors import BadInput, ParleyError, TooLong
from domain.persona import Voice
from functions.engines.setting import BadSetting
from tests.conformance.app import KEY, Sulking
from tests.conformance.case import IN_PROCESS, MODALS_OWN, PATIENT_S, Target, case
from tests.conformance.samples import HEART, prompt, speech

BAD = "Bad input"


async def _refused(t: Target, kind: type[ParleyError], code: str, *asked: Any, **detail: object) -> None:
    """The call is refused by this name, and the container that refused it answers the next one."""
    function, method, *args = asked
    before = await _good(t, function)
    with pytest.raises(ParleyError) as refused:
        await (t.read if method in ("speak", "reply", "stream") else t.ask)(function, method, *args)
    assert (type(refused.value), refused.value.code, refused.value.detail) == (kind, code, detail)
    assert await _good(t, function) == before


async def _good(t: Target, function: str) -> str:
    if function == "asr":
        await t.ask("asr", "transcribe", speech(0.2), "en")
    elif function == "tts":
        assert [piece async for piece in t.stream("tts", "speak", "Good.", HEART, "en")]
    elif function == "llm":
        await t.ask("llm", "prepare", prompt())
    else:
        await t.ask(function, "embed", ["good"], "query")
    return t.rows[-1].container


@case(BAD)
async def no_bytes_at_all(t: Target) -> None:
    await _refused(t, BadInput, "speech_empty", "asr", "transcribe", b"", "en")
    await _refused(t, BadInput, "speech_empty", "asr", "transcribe", Audio(b"", 16_000), "en")


@case(BAD)
async def a_sound_file_that_is_cut_off(t: Target) -> None:
    await _refused(t, BadInput, "speech_unreadable", "asr", "transcribe", speech().wav()[:20], "en")


@case(BAD)
async def bytes_that_are_no_sound(t: Target) -> None:
    await _refused(t, BadInput, "speech_unreadable", "asr", "transcribe", b"%PDF-1.7 " * 400, "en")
    await _refused(t, BadInput, "speech_unreadable", "asr", "stream", b"%PDF-1.7 " * 400, "en")


@case(BAD)
async def samples_at_another_rate(t: Target) -> None:
    await _refused(t, BadInput, "speech_unreadable", "asr", "transcribe", speech(0.1, 44_100), "en")


@case(BAD)
async def more_than_a_minute_of_speech(t: Target) -> None:
    await _refused(t, TooLong, "speech_too_long", "asr", "transcribe", speech(61), "en", seconds=60)
    await _refused(t, TooLong, "speech_too_long", "asr", "transcribe", speech(61).wav(), "en", seconds=60)


@case(BAD)
async def a_language_that_nobody_hears_or_speaks(t: Target) -> None:
    await _refused(t, BadInput, "language_unknown", "asr", "transcribe", speech(), "tlh", language="tlh")
    await _refused(t, BadInput, "language_unknown", "tts", "speak", "Hello", HEART, "tlh", language="tlh")


@case(BAD)
async def a_voice_that_there_is_not(t: Target) -> None:
    nobody = Voice("../../etc/passwd")
    await _refused(t, BadInput, "voice_unknown", "tts", "speak", "Hello", nobody, "en", voice="../../etc/passwd")


@case(BAD)
async def a_text_of_no_characters(t: Target) -> None:
    await _refused(t, BadInput, "text_empty", "tts", "speak", "", HEART, "en")


@case(BAD)
async def a_text_of_100_000_characters(t: Target) -> None:
    await _refused(t, TooLong, "text_too_long", "tts", "speak", "a" * 100_000, HEART, "en", characters=2_000)
    await _refused(t, TooLong, "text_too_long", "llm", "reply", prompt("a" * 300_000), characters=200_000)


@case(BAD)
async def sampling_and_voices_that_are_no_numbers(t: Target) -> None:
    await _refused(t, BadInput, "sampling_bad", "llm", "reply", prompt(temperature=math.nan), name="temperature")
    await _refused(t, BadInput, "sampling_bad", "llm", "prepare", prompt(max_tokens=0), name="max_tokens")
    await _refused(t, BadInput, "voice_bad", "tts", "speak", "Hello", Voice("heart", pitch=math.nan), "en")


@case(BAD)
async def a_kind_of_text_that_there_is_not(t: Target) -> None:
    await _refused(t, BadInput, "kind_unknown", "passages", "embed", ["text"], "poem")


@case(BAD)
async def too_many_texts(t: Target) -> None:
    await _refused(t, TooLong, "texts_too_many", "passages", "embed", ["text"] * 65, "passage", texts=64)


@case(BAD)
async def one_bad_query_of_a_batch_fails_alone(t: Target) -> None:
    asked = ((["one"], "query"), (["two"], "poem"), (["x"] * 65, "query"), (["one"], "query"))
    calls = (t.ask("queries", "embed", texts, kind) for texts, kind in asked)
    answers: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
    assert answers[0] == answers[3] and len(answers[0]) == 1
    codes = [(type(answer), getattr(answer, "code", "")) for answer in answers[1:3]]
    assert codes == [(BadInput, "kind_unknown"), (TooLong, "texts_too_many")]


@case(BAD, "the process says so when it wakes the engine: tests/functions/test_embed.py")
async def a_model_of_the_wrong_dimension(t: Target) -> None:
    with pytest.raises(BadInput) as refused:
        await t.apps.odd.ask("queries", "embed", ["text"], "query", within_s=PATIENT_S)
    assert (refused.value.code, refused.value.detail) == ("dimension_wrong", {"found": 8, "expected": 384})


@case(BAD, MODALS_OWN)
async def a_secret_that_is_missing(t: Target) -> None:
    echo = t.apps.cls("Echo")()
    before = await echo.where.remote.aio()
    with pytest.raises(BadSetting, match=f"{KEY}=: the secret is missing") as refused:
        await echo.need.remote.aio(KEY)
    assert refused.value.code == "setting_bad" and refused.value.detail["setting"] == KEY
    assert await echo.where.remote.aio() == before


@case(BAD, IN_PROCESS)
async def errors_of_every_kind_cross_the_border_whole(t: Target) -> None:
    echo = t.apps.cls("Echo")()
    for kind, code, detail in (
        ("bad", "language_unknown", {"language": "tlh"}),
        ("long", "speech_too_long", {"seconds": 60}),
        ("away", "engine_busy", {"engine": "asr", "retry_after": 7}),
    ):
        with pytest.raises(ParleyError) as refused:
            await echo.fail.remote.aio(kind)
        assert (refused.value.code, refused.value.detail) == (code, detail)
    with pytest.raises(Sulking, match="not today") as sulk:
        await echo.fail.remote.aio("own")
    assert sulk.value.seconds == 7
    stream = echo.fail_late.remote_gen.aio()
    assert await anext(stream) == 1
    with pytest.raises(BadInput, match="voice_unknown"):
        await anext(stream)
