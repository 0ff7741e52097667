"""Parley's own functions through the runtime port: results, usage, streams, cancels, deadlines, the ledger."""

import asyncio
import math
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from domain.audio import SPOKEN_RATE, Audio
from domain.errors import Unavailable
from functions.engines import scripted
from tests.conformance.case import IN_PROCESS, PATIENT_S, Target, case
from tests.conformance.samples import HEART, prompt, speech

FACES = "Parley's functions"
LONG = "a " * 990  # 25 seconds of work for the engine
SOON_S = 20.0


@case(FACES)
async def a_transcript_comes_with_its_usage_in_the_ledger(t: Target) -> None:
    heard = await t.ask("asr", "transcribe", speech(1.5), "en")
    assert (heard.text, heard.language) == (scripted.HEARD["en"], "en")
    (row,) = t.rows
    assert (row.kind, row.outcome, row.audio_ms) == ("asr", "done", 1_500)
    assert row.engine_ms >= 100
    assert bool(row.container) == t.remote


@case(FACES)
async def a_sound_file_is_heard_as_well(t: Target) -> None:
    heard = await t.ask("asr", "transcribe", speech().wav(), "zh")
    assert heard.text == scripted.HEARD["zh"]


@case(FACES)
async def silence_is_no_speech(t: Target) -> None:
    assert (await t.ask("asr", "transcribe", Audio(bytes(32_000), 16_000), "en")).text == ""


@case(FACES)
async def partial_transcripts_grow_and_the_last_is_final(t: Target) -> None:
    texts = [part.text async for part in t.stream("asr", "stream", speech(), "en")] + [scripted.HEARD["en"]]
    assert len(texts) >= 2 and texts[-2] == texts[-1]
    assert all(later.startswith(text) for text, later in pairwise(texts))


@case(FACES)
async def speech_streams_and_its_length_is_in_the_ledger(t: Target) -> None:
    pieces = await t.read("tts", "speak", "One two three, four.", HEART, "en")
    assert len(pieces) == 10 and {piece.rate for piece in pieces} == {SPOKEN_RATE}
    (row,) = t.rows
    assert (row.kind, row.outcome, row.audio_ms) == ("tts", "done", 1_000)
    assert bool(row.remote_id) == t.remote  # the header came


@case(FACES)
async def a_text_with_nothing_to_say_is_an_empty_stream(t: Target) -> None:
    assert await t.read("tts", "speak", "😀", HEART, "en") == []


@case(FACES)
async def a_reply_streams_token_by_token_and_they_are_counted(t: Target) -> None:
    assert tuple([delta async for delta in t.stream("llm", "reply", prompt("讲吧"))]) == scripted.REPLY["zh"]
    (row,) = t.rows
    assert (row.outcome, row.tokens_out) == ("done", 24)
    assert row.tokens_in > 0


@case(FACES)
async def reading_ahead_answers_nothing(t: Target) -> None:
    assert await t.ask("llm", "prepare", prompt()) is None


@case(FACES)
async def the_vector_of_a_query_is_of_length_one(t: Target) -> None:
    (vector,) = await t.ask("queries", "embed", ["the black sea"], "query")
    assert len(vector) == 384 and math.isclose(sum(x * x for x in vector), 1.0, rel_tol=1e-6)


@case(FACES)
async def passages_are_embedded_in_order(t: Target) -> None:
    vectors = await t.ask("passages", "embed", ["one", "two", "one"], "passage")
    assert vectors[0] == vectors[2] != vectors[1]


@case(FACES)
async def similarity_and_rerank_tell_likeness(t: Target) -> None:
    alike = await t.ask("passages", "similarity", "a black sea", "the black sea")
    assert 0.5 < alike < 1.0
    near, far = await t.ask("passages", "rerank", "ships at sea", ["the ships", "green tea"])
    assert near > far


@case(FACES)
async def queries_that_come_together_get_each_its_own_answer(t: Target) -> None:
    texts = [f"word{number}" for number in range(16)]
    alone = [(await t.ask("queries", "embed", [text], "query"))[0] for text in texts[:2]]
    together = await asyncio.gather(*(t.ask("queries", "embed", [text], "query") for text in texts))
    assert [answer[0] for answer in together[:2]] == alone
    assert len({tuple(answer[0]) for answer in together}) == 16


@case(FACES)
async def streams_beside_each_other_all_end_whole(t: Target) -> None:
    async def count(number: int) -> int:
        return len([piece async for piece in t.stream("tts", "speak", f"Ship {number}.", HEART, "en")])

    assert await asyncio.gather(*(count(number) for number in range(6))) == [5] * 6
    assert len(t.rows) == 6


async def _container(t: Target, function: Any, method: str, *args: object) -> str:
    """Return the container that answers now."""
    await t.ask(function, method, *args)
    return t.rows[-1].container


@case(FACES)
async def a_stream_that_is_left_stops_and_its_container_stays_warm(t: Target) -> None:
    async with aclosing(t.stream("tts", "speak", LONG, HEART, "en")) as pieces:
        await anext(pieces)
    row = t.rows[-1]
    assert (row.outcome, bool(row.remote_id)) == ("stopped", t.remote)
    # A synthesis that went on would hold the engine for longer: it has one thread.
    async with asyncio.timeout(SOON_S):
        after = await t.read("tts", "speak", "Next.", HEART, "en")
    assert len(after) == 3 and t.rows[-1].container == row.container


@case(FACES)
async def a_stream_that_is_left_before_its_first_item_stops_too(t: Target) -> None:
    assert [piece async for piece in t.stream("tts", "speak", "Warm.", HEART, "en")]  # so that a container is up
    warm = t.rows[-1].container
    async with aclosing(t.stream("tts", "speak", f"b {LONG}", HEART, "en")) as pieces:
        reading = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0.01)
        if reading.cancel():  # else the machine stood still for as long as the first item took
            with pytest.raises(asyncio.CancelledError):
                await reading
    async with asyncio.timeout(SOON_S):
        assert await t.read("tts", "speak", "Next one.", HEART, "en")
    assert t.rows[-1].container == warm


@case(FACES)
async def a_late_answer_is_an_error_of_the_domain_and_the_next_call_works(t: Target) -> None:
    warm = await _container(t, "asr", "transcribe", speech(), "en")
    with pytest.raises(Unavailable, match="engine_late") as late:
        await t.ask("asr", "transcribe", speech(), "en", within_s=0.02)
    assert late.value.detail["engine"] == "asr"
    assert await _container(t, "asr", "transcribe", speech(), "en") == warm


@case(FACES)
async def a_late_first_item_is_an_error_of_the_domain(t: Target) -> None:
    assert await t.read("tts", "speak", "Warm.", HEART, "en")
    with pytest.raises(Unavailable, match="engine_late"):
        async for _ in t.calls.stream("tts", "speak", f"c {LONG}", HEART, "en", first_s=0.05, gap_s=5):
            pass


@case(FACES)
async def every_call_has_one_row_of_its_own(t: Target) -> None:
    await asyncio.gather(*(t.ask("queries", "embed", [str(number)], "query") for number in range(20)))
    assert len({row.id for row in t.rows}) == len(t.rows) == 20
    assert {row.outcome for row in t.rows} == {"done"}


@case(FACES, IN_PROCESS)
async def a_pool_is_woken_in_the_background_and_once(t: Target) -> None:
    pools = t.apps.pools
    for _ in range(3):
        pools.wake("passages")
    assert pools.state("passages") == "waking" and pools.patience("passages") > 0
    async with asyncio.timeout(PATIENT_S):
        while pools.state("passages") == "waking":  # noqa: ASYNC110 - it has no event to tell of
            await asyncio.sleep(0.01)
    assert (pools.state("passages"), pools.patience("passages")) == ("ready", 0.0)


@case(FACES, IN_PROCESS)
async def calls_while_the_app_is_deployed_again_are_all_answered(t: Target) -> None:
    old = await _container(t, "asr", "transcribe", speech(), "en")
    deploying = asyncio.ensure_future(t.apps.deploy("tests.conformance.faces"))
    while not deploying.done():
        await t.ask("asr", "transcribe", speech(), "en")
    await deploying
    assert await _container(t, "asr", "transcribe", speech(), "en") != old
    assert {row.outcome for row in t.rows} == {"done"}


@case(FACES, IN_PROCESS)
async def functions_that_are_not_deployed_are_said_to_be_missing(t: Target) -> None:
    with pytest.raises(Unavailable, match="functions_missing"):
        await t.apps.nobody.ask("asr", "transcribe", speech(), "en", within_s=PATIENT_S)
