"""The whole put together with scripted engines: what a turn cost stands in the ledger, and on whose account."""

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from domain.audio import HEARD_RATE, Audio
from domain.errors import NotFound
from domain.knowledge.model import Shelf, Source
from domain.people import Pending, Role, User
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


async def test_parts_of_attachments_are_compared_by_their_meaning_wherever_there_is_an_encoder(
    services: Services, tmp_path: Path
) -> None:
    assert services.attaching.meanings is None, "a script's vectors mean nothing"
    real = assemble(read({"DATA_DIR": str(tmp_path), "LLM_BASE_URL": "http://127.0.0.1:1/v1", "LLM_MODEL": "m"}))
    assert real.attaching.meanings is not None
    for each in (services, real):
        await each.stop()


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


class Killed(BaseException):
    """Nothing of ours catches it, as nothing catches a SIGKILL."""


def settle(services: Services, name: str, role: Role = "member") -> None:
    """Give an account of the id "id-" + name."""
    now, accounts = services.clock.now(), services.members.accounts
    user = User(id=f"id-{name}", username=name, email=f"{name}@x.org", role=role, created_at=now, password_at=now)
    accounts.pend(
        Pending(
            token_hash=f"t-{name}", username=name, email=user.email, phone=None, password_hash="-",
            language="en", guest="", expires_at=now + timedelta(days=1),
        )
    )
    accounts.confirm(f"t-{name}", user, now)


def give(services: Services, name: str) -> str:
    """Put a source on somebody's own shelf; return its id."""
    now, shelf = services.clock.now(), Shelf(f"id-{name}", "")
    url = "http://127.0.0.1/"
    made = Source(id=f"source-{name}", shelf=shelf, kind="page", url=url, created_at=now, next_at=now)
    return services.knowledge.sources.add(made).id


async def test_an_account_that_is_erased_takes_its_knowledge_along_whenever_the_program_was_killed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, sources = services.members.accounts, services.knowledge.sources
    for name in ("anna", "ben"):
        settle(services, name)
        give(services, name)
    accounts.delete("id-anna", services.clock.now() - timedelta(days=8))

    def killed(_: datetime) -> list[str]:
        raise Killed  # between the two databases

    monkeypatch.setattr(accounts, "purge", killed)
    with pytest.raises(Killed):
        await services.erase()
    monkeypatch.undo()
    assert sources.owned("id-anna") == []  # nobody's pages outlive their account
    assert accounts.get("id-anna").deleted_at is not None
    await services.erase()
    with pytest.raises(NotFound, match="account_gone"):
        accounts.get("id-anna")
    assert [row.event.target for row in services.members.audit.find(action="erased")] == ["id-anna"]
    assert len(sources.owned("id-ben")) == 1
    await services.stop()


async def test_what_members_gave_is_visited_as_long_as_they_are_members_and_neither_suspended_nor_leaving(
    services: Services,
) -> None:
    """Loopback is refused by the fetcher: a visit that is made fails, one that is not made is stopped."""
    accounts, now = services.members.accounts, services.clock.now()
    ids: dict[str, str] = {}
    for name in ("anna", "ben", "carl", "dora", "guest"):
        if name != "guest":
            settle(services, name, "user" if name == "ben" else "member")
        ids[name] = give(services, name)
    accounts.suspend("id-carl", now)
    accounts.delete("id-dora", now)
    states = {}
    for name, source_id in ids.items():
        run = await services.knowledge.crawler.crawl(source_id)
        states[name] = run.state if run is not None else ""
    await services.stop()
    assert states == {"anna": "failed", "ben": "stopped", "carl": "stopped", "dora": "stopped", "guest": "stopped"}
