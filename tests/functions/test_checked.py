"""What functions refuse before an engine sees it: callers are other machines, perhaps of another version."""

import math
from typing import Any

import pytest

from domain.audio import HEARD_RATE, Audio
from domain.chat import Line
from domain.errors import BadInput, ParleyError, TooLong
from domain.persona import Voice
from domain.ports import Prompt
from domain.usage import Meter
from functions import checked, handlers
from functions.engines.style import Style

SCRIPTED = handlers.Choice({"ENGINES": "scripted"})


NO_BYTES: Any = "text"


@pytest.mark.parametrize(
    "sound",
    [None, "text", 5, [], Audio(NO_BYTES, HEARD_RATE), Audio(b"12", 0), Audio(b"12", -1), Audio(b"123", HEARD_RATE)],
)
def test_what_is_no_speech_is_unreadable(sound: Any) -> None:
    with pytest.raises(BadInput, match="speech_unreadable"):
        checked.speech(sound)


@pytest.mark.parametrize("name", [None, 5, ["heart"]])
def test_a_voice_has_a_name(name: Any) -> None:
    with pytest.raises(BadInput, match="voice_unknown"):
        checked.voice(Voice(name))


@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0, "1", None, True])
def test_a_voice_speaks_at_a_pace_that_is_a_number(number: Any) -> None:
    with pytest.raises(BadInput, match="voice_bad"):
        checked.voice(Voice("heart", pace=number))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        *(({"temperature": value}, "sampling_bad") for value in (math.nan, -0.1, 2.1, None, "1")),
        *(({"max_tokens": value}, "sampling_bad") for value in (0, 8_193, 2.5, math.inf, None, "5")),
        ({"system": None}, "text_unreadable"),
        ({"system": "half a pair: \ud83d"}, "text_unreadable"),
        ({"lines": (Line("user", "half a pair: \ud83d"),)}, "text_unreadable"),
        ({"lines": (Line("user", "x" * 200_001),)}, "text_too_long"),
    ],
)
def test_a_prompt_that_no_engine_could_read(wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(ParleyError, match=code) as refused:
        checked.prompt(Prompt(**{"chat_id": "a", "system": "s", "lines": (), **wrong}))
    assert isinstance(refused.value, BadInput | TooLong)


@pytest.mark.parametrize("texts", [None, 5, "one string", [None], [b"bytes"], {"a": 1}])
def test_texts_are_a_list_of_text(texts: Any) -> None:
    with pytest.raises(BadInput, match="text_unreadable"):
        checked.texts(texts, "query")


@pytest.mark.anyio
async def test_whoever_asks_nonsense_in_a_batch_is_refused_alone() -> None:
    embed = handlers.embed(SCRIPTED)
    embed.load()
    asked: list[Any] = [["a text"], None, "one string", ["a text"], ["a text"]]
    kinds: list[Any] = ["query", "query", "query", ["query"], "query"]
    answers = await embed.batch(asked, kinds, Meter())
    codes = [answer.code if isinstance(answer, ParleyError) else len(answer) for answer in answers]
    assert codes == [1, "text_unreadable", "text_unreadable", "kind_unknown", 1]
    embed.close()


@pytest.mark.anyio
async def test_a_style_with_a_list_where_a_tuple_belongs_is_refused_by_name() -> None:
    tts = handlers.tts(SCRIPTED)
    tts.load()
    style = Style(emotion_vector=[0.1] * 8)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="voice_bad"):
        await anext(tts.speak("Hello.", Voice("heart"), "en", style))
    tts.close()


@pytest.mark.parametrize("name", ["THREADS", "EMBED_DIMENSION"])
@pytest.mark.parametrize("value", ["two", "-1", "1.5", "\u0663"])
def test_a_setting_that_is_no_number_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name}="):
        handlers.Choice({name: value})


@pytest.mark.parametrize(
    "images", [(b"GIF89a",), ("text",), (b"",), (b"\xff\xd8\xff" + bytes(2 << 20),), (b"\xff\xd8\xff",) * 5]
)
def test_what_is_shown_is_a_few_jpegs_of_a_bearable_size(images: Any) -> None:
    with pytest.raises(BadInput, match="picture_bad"):
        checked.prompt(Prompt("chat", "You are Odo.", (Line("user", "Hi"),), images=images))
    checked.prompt(Prompt("chat", "You are Odo.", (Line("user", "Hi"),), images=(b"\xff\xd8\xff",) * 4))
