"""The scripted engines behind the real handlers, as ENGINES=scripted chooses them; and voices that there are not."""

import threading

import pytest

from domain.audio import Audio
from domain.chat import Line
from domain.errors import BadInput
from domain.persona import Voice
from domain.ports import Prompt
from functions import handlers
from functions.engines import scripted
from functions.engines.rehearsed import Mouth, Reader, mouths
from functions.engines.voices import HIBARI, KOKORO, RECOMMENDED, chinese_for
from functions.tts import Tts

pytestmark = pytest.mark.anyio
HEART = Voice("heart")


def test_one_setting_chooses_all_scripted_engines_and_each_can_be_chosen_by_itself() -> None:
    everything = handlers.Choice({"ENGINES": "scripted"})
    assert (everything.asr, everything.tts, everything.embed, everything.llm) == ("scripted",) * 4
    one = handlers.Choice({"PARLEY_POOLS": "laptop", "TTS_ENGINE": "scripted"})
    assert (one.asr, one.tts, one.embed, one.llm) == ("whisper", "scripted", "e5", "llama")
    with pytest.raises(ValueError, match="ASR_ENGINE='loud': use whisper or sensevoice or scripted"):
        handlers.Choice({"ASR_ENGINE": "loud"})


def test_they_say_what_the_scripted_engines_of_this_process_say() -> None:
    never = threading.Event()
    assert len(list(Mouth().speak("One two three.", HEART, "en", never))) == scripted.chunks("One two three.")
    choice = handlers.Choice({"ENGINES": "scripted"})
    llm, prompt = handlers.llm(choice)._room.engine(), Prompt("c", "Be brief.", (Line("user", "讲吧"),))
    assert tuple(llm.reply(prompt, never)) == scripted.REPLY["zh"]
    assert llm.cost.read == 3
    assert Reader().embed(["ships"], "query") == [scripted.vector("ships", 384)]


def test_they_end_soon_after_they_are_stopped() -> None:
    stop = threading.Event()
    stop.set()
    assert list(Mouth().speak("One two three.", HEART, "en", stop)) == []


async def test_a_voice_that_there_is_not_is_refused_by_name_and_costs_the_engine_no_trust() -> None:
    tts = Tts(lambda: mouths(frozenset({"heart"}), chinese_for))
    tts.load()
    for _ in range(5):  # more than would open the circuit
        with pytest.raises(BadInput, match="voice_unknown") as refused:
            [_ async for _ in tts.speak("Hello.", Voice("nobody"), "en")]
        assert refused.value.detail == {"voice": "nobody"}
    assert [type(piece) async for piece in tts.speak("Hello.", HEART, "en")] == [Audio] * 3
    tts.close()


def test_every_voice_that_is_recommended_is_one_of_those_there_are() -> None:
    assert {voice.name for pair in RECOMMENDED.values() for voice in pair.values()} <= {*HIBARI, *KOKORO}
