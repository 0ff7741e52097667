"""The whole put together with scripted engines: what a turn cost stands in the ledger, and on whose account."""

import asyncio
from datetime import date
from pathlib import Path

import pytest

from domain.audio import HEARD_RATE, Audio
from domain.turn import Ask, Turn
from infra.config import ConfigError, read
from infra.wiring import Services, assemble, migrate
from tests.web.house import key

pytestmark = pytest.mark.anyio
SPEECH = Audio(b"\x10\x20\xf0\xdf" * HEARD_RATE, HEARD_RATE).wav()


@pytest.fixture
async def services(tmp_path: Path) -> Services:
    config = read({"DATA_DIR": str(tmp_path), "ENGINES": "scripted"})
    await asyncio.to_thread(migrate, config)
    services = assemble(config)
    await services.engines.wake()
    return services


async def test_every_call_of_a_turn_is_in_the_ledger_once_even_those_made_before_it_began(services: Services) -> None:
    chat = services.chats.create("guest", "socrates", "en", "", services.clock.now())
    await services.turns.segment("guest", chat.id, "utterance-1", 0, SPEECH, pause=True)  # heard early
    turn = await services.turns.begin("guest", chat.id, Ask(key(), 0.0, SPEECH, utterance="utterance-1"))
    assert isinstance(turn, Turn)
    async for _ in turn.events():
        pass
    await services.stop()

    rows = services.ledger.turn(turn.id)
    kinds = [row.kind for row in rows]
    assert kinds.count("asr") == kinds.count("llm") == 1
    assert kinds.count("tts") >= 3  # the script has three sentences
    assert {(row.runtime, row.outcome, row.microusd, row.price_class) for row in rows} == {("inline", "done", 0, "own")}
    assert len({row.id for row in rows}) == len(rows)


async def test_what_is_read_and_made_between_turns_is_on_nobodys_account(services: Services) -> None:
    chat = services.chats.create("guest", "socrates", "en", "", services.clock.now())
    turn = await services.turns.begin("guest", chat.id, Ask(key(), 0.0, text="Who are you?"))
    assert isinstance(turn, Turn)
    async for _ in turn.events():
        pass
    while services.turns.busy:  # noqa: ASYNC110 - nothing tells when the last chore ends
        await asyncio.sleep(0.01)
    await services.stop()

    assert [cost.turn_id for cost in services.ledger.turns()] == [turn.id]
    assert sorted({row.kind for row in services.ledger.turn(turn.id)}) == ["llm", "tts"]
    sums = {row.kind: row.calls for row in services.ledger.sums(turn_day(services), turn_day(services))}
    assert sums["llm"] == 2  # the reply, and the prompt read for the next one


def turn_day(services: Services) -> date:
    return services.clock.now().date()


async def test_the_local_runtime_without_its_plane_is_refused_rather_than_sent_to_the_real_modal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODAL_SERVER_URL", raising=False)
    with pytest.raises(ConfigError, match="make run RUNTIME=local"):
        assemble(read({"DATA_DIR": str(tmp_path), "RUNTIME": "local"}))


@pytest.mark.parametrize("address", ["http://127.0.0.1:4242", "unix:/tmp/a-container-of-the-plane.sock"])
async def test_scripted_engines_run_on_the_local_plane_too_and_begin_their_replies_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MODAL_SERVER_URL", address)
    continues = {}
    for engines in ("real", "scripted"):
        services = assemble(read({"DATA_DIR": str(tmp_path), "RUNTIME": "local", "ENGINES": engines}))
        continues[engines] = services.turns._tools.llm.continues
        await services.stop()
    assert continues == {"real": True, "scripted": False}


def test_scripted_engines_are_refused_on_modal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ENGINES='scripted' needs RUNTIME='inline' or 'local'"):
        read({"DATA_DIR": str(tmp_path), "RUNTIME": "modal", "ENGINES": "scripted"})
