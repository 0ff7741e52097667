"""What every store of attachments promises."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from db.attachments import SqlAttachments
from db.chats import SqlChats
from domain.errors import BadInput, Conflict, NotFound
from domain.filing.model import Attachment
from domain.filing.ports import Attachments
from domain.ports import Chats
from tests.db.conftest import SQL, emptied, opened
from tests.db.statements import noted, plans
from tests.fakes_attachments import MemoryAttachments
from tests.fakes_stores import MemoryChats

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
READ = Attachment(
    id="", owner="anna", chat_id="", kind="pdf", name="灯塔.pdf", file_id="file1", media_type="application/pdf",
    size=12_345_678_901, state="ready", share=1.0, text="The lamp is forty metres high. 灯高四十米。", cut=True,
    pages=12,
    seconds=61.25, width=640, height=480, image_id="image1", created_at=NOON, moved_at=NOON,
)  # fmt: skip


class House(msgspec.Struct, frozen=True):
    chats: Chats
    attachments: Attachments

    def chat(self, owner: str = "anna") -> str:
        return self.chats.create(owner, "socrates", "en", "", NOON).id

    def put(self, chat: str, id_: str, owner: str = "anna", **fields: object) -> Attachment:
        at = NOON + timedelta(seconds=sum(map(ord, id_)))
        usual = {"id": id_, "owner": owner, "chat_id": chat, "created_at": at, "moved_at": at}
        one = msgspec.structs.replace(READ, **usual | fields)
        self.attachments.add(one, 9)
        return one


@pytest.fixture(params=["memory", *SQL])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    if request.param == "memory":
        chats = MemoryChats()
        yield House(chats, MemoryAttachments(chats))
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield House(SqlChats(engine), SqlAttachments(engine))


def head(attachment: Attachment, **more: object) -> Attachment:
    return msgspec.structs.replace(attachment, text="", **more)


def test_what_was_added_is_read_again_with_all_it_has(house: House) -> None:
    chat = house.chat()
    one = house.put(chat, "a")
    assert house.attachments.get("anna", chat, "a") == one
    assert house.attachments.waiting("anna", chat) == [head(one)]
    assert house.attachments.of_chat("anna", chat) == []


def test_nobody_sees_or_touches_anothers(house: House) -> None:
    chat, other = house.chat(), house.chat("ben")
    house.put(chat, "a", state="failed", error="file_broken")
    store = house.attachments
    for owner, where, which in (
        ("ben", chat, "a"), ("ben", other, "a"), ("anna", other, "a"), ("anna", chat, "b"), ("", "", ""),
        ("anna", chat, "\0"), ("anna", "\ud800", "a"), ("a" * 999, chat, "a"), ("anna ", chat, "a"),
        ("Anna", chat, "a"),
    ):  # fmt: skip
        for touch in (store.get, store.remove):
            with pytest.raises(NotFound, match="attachment_gone"):
                touch(owner, where, which)
        with pytest.raises(NotFound, match="attachment_gone"):
            store.read_again(owner, where, which, NOON)
    assert store.waiting("ben", chat) == store.waiting("ben", other) == store.waiting("\0", chat) == []
    assert store.take("ben", chat, ["a"], "turn-1") == store.take("anna", other, ["a"], "turn-1") == []
    assert store.to_show("ben", chat, ["a"], 9) == []
    store.give_back("ben", chat, "turn-1")
    assert [one.id for one in store.waiting("anna", chat)] == ["a"]


def test_one_cannot_be_put_into_a_chat_of_somebody_else_or_one_that_is_gone(house: House) -> None:
    chat = house.chat("ben")
    for where in (chat, "nowhere", "\0"):
        with pytest.raises(NotFound, match="chat_gone"):
            house.put(where, "a")
    mine = house.chat()
    house.chats.delete("anna", mine, NOON)
    with pytest.raises(NotFound, match="chat_gone"):
        house.put(mine, "a")


def test_text_that_no_database_keeps_is_refused(house: House) -> None:
    chat = house.chat()
    for field in ("name", "text", "url", "media_type"):
        for bad in ("a\0b", "a\ud800b"):
            with pytest.raises(BadInput, match="text_unreadable"):
                house.put(chat, "a", **{field: bad})


def test_only_so_many_wait_and_those_of_turns_do_not_count(house: House) -> None:
    chat = house.chat()
    for name in "abc":
        house.put(chat, name)
    house.attachments.take("anna", chat, ["a"], "turn-1")
    more = msgspec.structs.replace(READ, id="d", chat_id=chat)
    house.attachments.add(more, 3)
    with pytest.raises(Conflict, match="attachments_waiting") as refused:
        house.attachments.add(msgspec.structs.replace(more, id="e"), 3)
    assert refused.value.detail == {"most": 3}
    house.put(house.chat(), "f")  # another chat has places of its own


def test_of_many_that_come_at_once_no_more_wait_than_may(house: House) -> None:
    chat = house.chat()

    def add(number: int) -> bool:
        try:
            house.attachments.add(msgspec.structs.replace(READ, id=f"n{number}", chat_id=chat), 3)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(12))) == 3
    assert len(house.attachments.waiting("anna", chat)) == 3


def test_reading_is_noted_until_it_is_over(house: House) -> None:
    chat = house.chat()
    one = house.put(chat, "a", state="reading", share=0.0, text="")
    later = NOON + timedelta(seconds=5)
    half = msgspec.structs.replace(one, share=0.512, moved_at=later)
    assert house.attachments.save(half)
    assert house.attachments.get("anna", chat, "a") == half
    done = msgspec.structs.replace(half, state="ready", share=1.0, text="Words.")
    assert house.attachments.save(done)
    assert not house.attachments.save(half), "whoever reads it a second time comes too late"
    assert house.attachments.get("anna", chat, "a") == done


def test_what_was_removed_while_it_was_read_stays_removed(house: House) -> None:
    chat = house.chat()
    one = house.put(chat, "a", state="reading")
    assert house.attachments.remove("anna", chat, "a") == one
    assert not house.attachments.save(msgspec.structs.replace(one, state="ready"))
    with pytest.raises(NotFound):
        house.attachments.get("anna", chat, "a")


def test_only_what_failed_is_read_again_and_by_one_only(house: House) -> None:
    chat = house.chat()
    house.put(chat, "a", state="failed", error="file_broken", share=0.3)
    later = NOON + timedelta(seconds=5)
    again = house.attachments.read_again("anna", chat, "a", later)
    assert (again.state, again.error, again.share, again.moved_at) == ("reading", "", 0.0, later)
    with pytest.raises(Conflict, match="attachment_reading"):
        house.attachments.read_again("anna", chat, "a", later)


def test_a_turn_takes_what_is_ready_and_leaves_the_rest(house: House) -> None:
    chat = house.chat()
    one, two = house.put(chat, "a"), house.put(chat, "b")
    reading = house.put(chat, "c", state="reading")
    taken = house.attachments.take("anna", chat, ["b", "a", "c", "a", "none", "\0"], "turn-1")
    assert taken == [head(one, turn_id="turn-1"), head(two, turn_id="turn-1")]
    assert house.attachments.of_chat("anna", chat) == taken
    assert house.attachments.waiting("anna", chat) == [head(reading)]
    with pytest.raises(Conflict, match="attachment_sent"):
        house.attachments.remove("anna", chat, "a")


def test_what_came_with_a_turn_that_is_forgotten_waits_again_unless_the_next_has_it_already(house: House) -> None:
    chat = house.chat()
    one, two = house.put(chat, "a"), house.put(chat, "b")
    house.attachments.take("anna", chat, ["a", "b"], "turn-1")
    assert house.attachments.take("anna", chat, ["a"], "turn-2") == [head(one, turn_id="turn-2")]
    house.attachments.give_back("anna", chat, "turn-1")
    assert house.attachments.waiting("anna", chat) == [head(two)]
    assert house.attachments.of_chat("anna", chat) == [head(one, turn_id="turn-2")]


def test_what_is_to_be_shown_comes_with_its_words_oldest_first(house: House) -> None:
    chat = house.chat()
    for name in "abcd":
        house.put(chat, name)
    house.put(chat, "e", state="reading")
    house.attachments.take("anna", chat, ["a", "b"], "turn-1")
    house.attachments.take("anna", chat, ["c"], "turn-2")
    shown = house.attachments.to_show("anna", chat, ["d", "e", "c"], 2)
    assert [(one.id, one.turn_id) for one in shown] == [("b", "turn-1"), ("c", "turn-2"), ("d", "")]
    assert all(one.text == READ.text for one in shown)
    assert house.attachments.to_show("anna", chat, [], 0) == []


def test_they_are_whose_the_chat_is_and_go_with_it(house: House) -> None:
    chat, kept = house.chat(), house.chat()
    one, two = house.put(chat, "a"), house.put(kept, "b")
    house.attachments.take("anna", chat, ["a"], "turn-1")
    house.chats.delete("anna", chat, NOON)
    assert house.attachments.of_chat("anna", chat) == []
    with pytest.raises(NotFound):
        house.attachments.get("anna", chat, "a")
    assert house.attachments.owned("anna") == [msgspec.structs.replace(one, turn_id="turn-1"), two]
    assert house.attachments.owned("ben") == house.attachments.owned("\0") == []
    later = NOON + timedelta(days=1)
    assert house.attachments.purgeable(NOON) == []
    assert house.attachments.purgeable(later) == [head(one, turn_id="turn-1")]
    house.chats.purge(later)
    assert house.attachments.purgeable(later) == []
    assert house.attachments.owned("anna") == [two]


def test_of_those_being_read_the_silent_ones_are_found(house: House) -> None:
    chat = house.chat()
    one = house.put(chat, "a", state="reading", moved_at=NOON)
    house.put(chat, "b", state="ready", moved_at=NOON)
    house.put(chat, "c", state="reading", moved_at=NOON + timedelta(seconds=60))
    assert house.attachments.silent(NOON + timedelta(seconds=30)) == [head(one)]
    assert house.attachments.silent(NOON) == []
    assert len(house.attachments.silent(NOON + timedelta(seconds=61), limit=1)) == 1


def test_no_statement_that_a_visitor_waits_for_scans_a_table(sqlite: str) -> None:
    with opened(sqlite) as engine:
        house = House(SqlChats(engine), SqlAttachments(engine))
        chat = house.chat()
        with noted(engine) as asked:
            one = house.put(chat, "a", state="reading")
            house.attachments.save(msgspec.structs.replace(one, state="failed"))
            house.attachments.read_again("anna", chat, "a", NOON)
            house.attachments.save(msgspec.structs.replace(one, state="ready"))
            house.attachments.waiting("anna", chat)
            house.attachments.to_show("anna", chat, ["a"], 5)
            house.attachments.take("anna", chat, ["a"], "turn-1")
            house.attachments.of_chat("anna", chat)
            house.attachments.give_back("anna", chat, "turn-1")
            house.attachments.remove("anna", chat, "a")
            house.attachments.silent(NOON)
            house.attachments.owned("anna")
        found = plans(engine, asked)
    assert len(found) >= 12
    assert {s: plan for s, plan in found.items() if any("SCAN" in step for step in plan)} == {}
