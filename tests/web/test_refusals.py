"""What guards refuse is in the audit log, once, and nobody fills the log with it."""

from pathlib import Path
from typing import Any

import pytest

from domain.people import AuditEvent
from infra.audit_log import AuditWriter
from tests.web.house import House, new_chat
from tests.web.test_signed_in import sign_up, word


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[AuditEvent]:
    """What is noted, before the writer gets to it some seconds later."""
    found: list[AuditEvent] = []
    monkeypatch.setattr(AuditWriter, "note", lambda self, event: found.append(event))
    return found


@pytest.fixture
def house(tmp_path: Path, database: Path, told: list[AuditEvent]) -> House:
    return House(tmp_path, database, argon2=(64, 1, 1))


def rows(told: list[AuditEvent]) -> list[tuple[str, str, Any]]:
    return [(event.actor, event.target, event.detail["code"]) for event in told if event.action == "refused"]


def test_a_page_that_is_not_for_ones_role_is_refused_and_written_down_once(
    house: House, told: list[AuditEvent]
) -> None:
    with house.open() as client:
        me = sign_up(client, house).signed.user.id
        for _ in range(3):
            assert client.get("/admin/users").status_code == 404
            assert client.get("/admin/audit").status_code == 404
    assert rows(told) == [(me, "/admin/users", "page_gone"), (me, "/admin/audit", "page_gone")]


def test_changes_that_come_from_elsewhere_are_written_down(house: House, told: list[AuditEvent]) -> None:
    with house.open() as client:
        assert client.post("/characters/socrates/chats", headers={"sec-fetch-site": "cross-site"}).status_code == 403
        me = sign_up(client, house).signed.user.id
        assert client.post("/characters/socrates/chats", data={"language": "en"}).status_code == 403
    [(guest, _, code), theirs] = rows(told)
    assert guest.startswith("guest:") and code == "cross_site"
    assert theirs == (me, "/characters/{slug}/chats", "csrf_bad")


def test_who_is_asked_to_sign_in_and_who_mistypes_an_address_leave_no_row(
    house: House, told: list[AuditEvent]
) -> None:
    with house.open() as client:
        assert client.get("/account").status_code == 403
        assert client.get("/no/such/page").status_code == 404
        sign_up(client, house)
        client.headers["x-csrf-token"] = word(client)
        assert client.get(f"/chats/{new_chat(client)}x").status_code == 404
    assert rows(told) == []


def test_the_log_cannot_be_filled_with_refusals(house: House, told: list[AuditEvent]) -> None:
    with house.open() as client:
        for number in range(1_000):  # one guest after the other, from one network
            client.cookies.clear()
            answer = client.post(f"/characters/c{number}/chats", headers={"sec-fetch-site": "cross-site"})
            assert answer.status_code == 403
    assert len(rows(told)) == 1
