"""Signed out while the character speaks: by every way a session ends, the stream says so and the turn is over."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.accounts import People
from domain.places import Place
from domain.sign_ins import Fresh
from tests.web.events import parse
from tests.web.house import House, key, new_chat
from tests.web.test_api_auth import PASSWORD
from tests.web.test_signed_in import sign_up, word

PLACE = Place("Firefox", "203.0.113.7")
End = Callable[[People, Fresh], Awaitable[object]]
WAYS: dict[str, End] = {
    "signed out elsewhere": lambda people, me: people.sign_out(me.signed.session, PLACE),
    "ended in the list": lambda people, me: people.end_session(me.signed.session, me.signed.session.id, PLACE),
    "all others ended": lambda people, me: _from_another(people, me),
    "another password": lambda people, me: people.change_password(
        me.signed.session, PASSWORD, "seven herons by the lock", PLACE
    ),
    "to be deleted": lambda people, me: people.delete(me.signed.session, PLACE),
    "suspended": lambda people, me: asyncio.to_thread(
        people._accounts.suspend, me.signed.user.id, me.signed.session.created_at
    ),
    "a stolen token": lambda people, me: asyncio.to_thread(_twice, people, me),
}


async def _from_another(people: People, me: Fresh) -> None:
    other = await people.open_session(me.signed.user, PLACE, "password")
    await people.end_others(other.fresh.signed.session, PLACE)


def _twice(people: People, me: Fresh) -> None:
    session = me.signed.session
    assert people._sessions.rotate(session.id, "stolen long ago", "new", session.created_at, 10.0) is None


@pytest.fixture
def house(tmp_path: Path, database: Path) -> House:
    return House(tmp_path, database, argon2=(64, 1, 1))


def speaking(client: TestClient[Any], house: House, chat: str, number: int = 1) -> str:
    return client.post(f"/chats/{chat}/turns", data={"text": "Hello", "key": key(number)}).text


async def until_spoken(house: House) -> None:
    while not house.turns.running:  # noqa: ASYNC110 - and no look at what is spoken: greetings are made ahead too
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("way", WAYS)
def test_a_turn_is_cut_when_its_session_ends(house: House, way: str) -> None:
    house.mouth.pause_s = 60.0  # it would speak for minutes
    with house.open() as client, ThreadPoolExecutor(1) as threads:
        me = sign_up(client, house)
        client.headers["x-csrf-token"] = word(client)
        chat = new_chat(client)
        heard = threads.submit(speaking, client, house, chat)
        with client.portal() as portal:
            portal.call(until_spoken, house)
            portal.call(WAYS[way], house.services.people, me)
        events = parse(heard.result(30))
        assert [(event.name, event.json["code"], event.json["retry"]) for event in events if event.name == "fail"] == [
            ("fail", "signed_out", False)
        ]
        assert events[-1].name == "fail" and "signed out" in events[-1].json["message"]
        with client.portal() as portal:
            portal.call(_until_over, house)


def test_a_session_that_ends_before_its_turn_has_begun_is_found_too(house: House) -> None:
    house.mouth.pause_s = 60.0
    with house.open() as client:
        me = sign_up(client, house)
        client.headers["x-csrf-token"] = word(client)
        chat = new_chat(client)
        begin = house.turns.begin

        async def late(*ask: Any) -> Any:
            await house.services.people.sign_out(me.signed.session, PLACE)
            return await begin(*ask)

        house.turns.begin = late  # type: ignore[assignment,method-assign]
        assert parse(speaking(client, house, chat))[-1].json["code"] == "signed_out"
        with client.portal() as portal:
            portal.call(_until_over, house)


async def _until_over(house: House) -> None:
    while house.turns.running:  # noqa: ASYNC110 - nothing tells a test
        await asyncio.sleep(0.005)


def test_a_turn_of_another_browser_goes_on(house: House) -> None:
    house.mouth.pause_s = 0.05
    with house.open() as client, ThreadPoolExecutor(1) as threads:
        me = sign_up(client, house)
        client.headers["x-csrf-token"] = word(client)
        chat = new_chat(client)
        heard = threads.submit(speaking, client, house, chat)
        with client.portal() as portal:
            portal.call(until_spoken, house)
            portal.call(house.services.people.end_others, me.signed.session, PLACE)
        assert "event: done" in heard.result(30)
