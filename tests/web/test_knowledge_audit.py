"""Changes to what characters and members are given to read, in the audit log and within a limit: nothing is a fake."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from domain.knowledge.model import Shelf
from domain.limits import LIMITS
from domain.people import Role, User
from tests.web.real import Real, copied
from tests.web.visitors import account, session_of, signed

Client = TestClient[Any]
ADDRESS = "https://harbour.example/tides?for=the-whole-crew"


@pytest.fixture
def real(tmp_path: Path, database: Path) -> Iterator[Real]:
    with closing(Real(copied(database, tmp_path), tmp_path)) as real:
        yield real


@pytest.fixture
def client(real: Real) -> Iterator[Client]:
    with real.open() as client:
        yield client


def enter(real: Real, client: Client, role: Role) -> User:
    user = account(real, role)
    asking = signed(real, user, session_of(real, user), {})
    client.cookies.clear()
    for name, value in asking.cookies.items():
        client.cookies.set(name, value)
    client.headers["x-csrf-token"] = asking.headers["x-csrf-token"]
    return user


def post(client: Client, path: str, **fields: str) -> httpx.Response:
    return client.post(path, data=fields, headers={"accept": "application/json"}, follow_redirects=False)


def test_what_an_admin_gives_a_character_and_takes_away_is_in_the_log_and_admins_read_it_there(
    real: Real, client: Client
) -> None:
    admin = enter(real, client, "admin")
    post(client, "/knowledge/sources", url=ADDRESS, kind="page", character="socrates", everybody="1")
    [source] = real.sources.on(Shelf("", "socrates"))
    for act, fields in (("pause", {"on": "1"}), ("pause", {"on": "0"}), ("remove", {}), ("restore", {})):
        assert post(client, f"/knowledge/sources/{source.id}/{act}", **fields).status_code < 400, act
    log = real.services.members.audit
    rows = [row.event for row in reversed(log.find(about=admin.id)) if row.event.action.startswith("source_")]
    assert [event.action for event in rows] == [
        "source_added", "source_changed", "source_changed", "source_removed", "source_restored"
    ]  # fmt: skip
    assert {event.target for event in rows} == {source.id}
    assert {(event.detail["shelf"], event.detail["character"]) for event in rows} == {("everybody", "socrates")}
    assert "harbour" not in repr(rows) and "crew" not in repr(rows)
    assert log.verify() is None
    page = client.get("/admin/audit?action=source_removed").text
    assert source.id[:13] in page and "Source removed" in page and "read by: everybody" in page


def test_a_members_own_shelf_is_in_the_log_without_its_addresses_and_in_what_they_take_along(
    real: Real, client: Client
) -> None:
    anna = enter(real, client, "member")
    post(client, "/knowledge/sources", url=ADDRESS, kind="page")
    [source] = real.sources.owned(anna.id)
    [row] = real.services.members.audit.find(action="source_added")
    assert (row.event.actor, row.event.target) == (anna.id, source.id)
    assert row.event.detail == {"character": "", "shelf": "own"}
    with zipfile.ZipFile(io.BytesIO(client.post("/account/export").content)) as archive:
        events = json.loads(archive.read("events.json"))
        assert ("source_added", source.id) in [(event["action"], event["target"]) for event in events]
        assert ADDRESS in archive.read(f"knowledge/{source.id}.json").decode()  # theirs: here it is told


@pytest.mark.parametrize("act", ["pause", "change", "remove", "restore"])
def test_who_changes_sources_without_end_is_asked_to_wait_and_fills_no_log(
    real: Real, client: Client, act: str
) -> None:
    anna = enter(real, client, "member")
    post(client, "/knowledge/sources", url=ADDRESS, kind="page")
    [source] = real.sources.owned(anna.id)
    for _ in range(LIMITS["source_change"].most):
        real.services.members.gate.check_now("source_change", anna.id)
    before = len(real.services.members.audit.find(limit=1_000))
    answers = [post(client, f"/knowledge/sources/{source.id}/{act}", on="1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429] * 3
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert real.sources.get(source.id) == source
    new = real.services.members.audit.find(limit=1_000)[: -before or None]
    assert [(row.event.action, row.event.target) for row in new] == [("limit_reached", "source_change")]
