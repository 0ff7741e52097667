"""What every store of files' rows does: in memory and in SQL on each database."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import msgspec
import pytest

from db.connect import connect
from db.files import SqlFiles
from domain.errors import BadInput, Conflict, NotFound
from domain.filing.model import Area, Stored
from domain.filing.ports import Files, Room
from tests.db.conftest import SQL, emptied
from tests.db.statements import count_rows, noted, plans
from tests.fakes_filing import MemoryFiles

NOON = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOM = Room(files=3, bytes=1_000)
PLENTY = Room(files=1_000, bytes=10**9)


@pytest.fixture(params=["memory", *SQL])
def files(request: pytest.FixtureRequest) -> Iterator[Files]:
    if request.param == "memory":
        yield MemoryFiles()
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield SqlFiles(engine)


def file(
    number: int = 1, owner: str = "anna", size: int = 100, area: Area = "permanent", chat: str = "",
    at: datetime = NOON,
) -> Stored:  # fmt: skip
    return Stored(
        id=f"file{number}", owner=owner, area=area, name="ein Brief 信.pdf", media_type="", size=size, sha256="",
        created_at=at, expires_at=at + 24 * HOUR if area == "temporary" else None,
        purpose="chat" if chat else "upload", chat_id=chat,
    )  # fmt: skip


def written(stored: Stored, size: int | None = None) -> Stored:
    return msgspec.structs.replace(
        stored, size=stored.size if size is None else size, media_type="application/pdf", sha256="c" * 64
    )


def kept(files: Files, stored: Stored, room: Room = PLENTY, now: datetime = NOON) -> Stored:
    files.reserve(stored, room, now)
    files.keep([written(stored)], now)
    return written(stored)


def code(wrong: pytest.ExceptionInfo[Conflict] | pytest.ExceptionInfo[NotFound]) -> str:
    return wrong.value.code


def test_a_file_is_none_until_its_bytes_are_there(files: Files) -> None:
    stored = file(size=400)
    assert files.reserve(stored, ROOM, NOON) == 400
    assert files.of("anna", NOON) == []
    with pytest.raises(NotFound):
        files.get("anna", stored.id, NOON)
    assert files.quota("anna", NOON) == (1, 400)  # but its room is taken
    files.keep([written(stored, 250)], NOON)
    assert files.get("anna", stored.id, NOON) == written(stored, 250)
    assert files.of("anna", NOON) == [written(stored, 250)]
    assert files.quota("anna", NOON) == (1, 250)


def test_what_did_not_come_gives_its_room_back(files: Files) -> None:
    files.reserve(file(size=1_000), ROOM, NOON)
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(2, size=1), ROOM, NOON)
    assert code(wrong) == "files_heavy"
    files.drop(["file1", "nobodys"])
    assert files.quota("anna", NOON) == (0, 0)
    assert files.reserve(file(2, size=1_000), ROOM, NOON) == 1_000


def test_there_are_never_more_files_or_bytes_than_there_is_room_for(files: Files) -> None:
    for number in (1, 2, 3):
        kept(files, file(number, size=10), ROOM)
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(4, size=10), ROOM, NOON)
    assert code(wrong) == "files_full"
    files.drop(["file2"])
    assert files.reserve(file(4, size=5_000), ROOM, NOON) == 980  # as much as there is room for, if that will do
    files.drop(["file4"])
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(4, size=5_000), msgspec.structs.replace(ROOM, least=981), NOON)
    assert code(wrong) == "files_heavy"
    assert files.reserve(file(5, owner="ben", size=900), ROOM, NOON) == 900  # everybody has room of their own


def test_however_many_come_at_once_the_room_is_not_exceeded(files: Files) -> None:
    barrier = Barrier(12)

    def send(number: int) -> int:
        barrier.wait()
        try:
            size = files.reserve(file(number, size=100), Room(files=100, bytes=550, least=100), NOON)
        except Conflict as error:
            return 0 if error.code == "files_heavy" else 10_000
        files.keep([written(file(number, size=size))], NOON)
        return size

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(send, range(12))) == 500
    assert files.quota("anna", NOON) == (5, 500)
    assert len(files.of("anna", NOON)) == 5


def test_the_number_of_files_is_not_exceeded_either(files: Files) -> None:
    barrier = Barrier(12)

    def send(number: int) -> bool:
        barrier.wait()
        try:
            files.reserve(file(number, size=1), ROOM, NOON)
        except Conflict as error:
            return error.code != "files_full"
        return True

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(send, range(12))) == 3


def test_anothers_file_is_as_if_it_were_not_there(files: Files) -> None:
    stored = kept(files, file())
    attempts: list[Callable[[], object]] = [
        lambda: files.get("ben", stored.id, NOON),
        lambda: files.remove("ben", stored.id, NOON, NOON + HOUR),
        lambda: files.restore("ben", stored.id, PLENTY, NOON),
        lambda: files.make_permanent("ben", stored.id, NOON),
        lambda: files.get("anna", "no such/file", NOON),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound) as wrong:
            attempt()
        assert code(wrong) == "file_gone"
    assert files.of("ben", NOON) == []
    assert files.of("ben", NOON, before=stored.id) == []
    assert files.get("anna", stored.id, NOON) == stored


def test_files_are_listed_newest_first_and_page_by_page(files: Files) -> None:
    several = [kept(files, file(number, at=NOON + timedelta(seconds=number // 2))) for number in range(1, 8)]
    newest = sorted(several, key=lambda each: (each.created_at, each.id), reverse=True)
    assert files.of("anna", NOON) == newest
    first = files.of("anna", NOON, limit=3)
    rest = files.of("anna", NOON, limit=10, before=first[-1].id)
    assert first + rest == newest
    assert files.of("anna", NOON, before="nobodys") == []


def test_a_temporary_file_is_gone_when_its_time_is_over_swept_or_not(files: Files) -> None:
    stored = kept(files, file(area="temporary"))
    last, over = NOON + 24 * HOUR - timedelta(seconds=1), NOON + 24 * HOUR
    assert files.of("anna", last) == [stored]
    assert files.take_ended(last) == []
    assert files.of("anna", over) == []
    assert files.quota("anna", over) == (0, 0)
    with pytest.raises(NotFound):
        files.get("anna", stored.id, over)
    with pytest.raises(NotFound):
        files.make_permanent("anna", stored.id, over)
    assert files.take_ended(over) == [stored.id]
    assert files.of("anna", NOON) == []  # not even for one whose clock is late
    assert files.take_ended(over) == [stored.id]  # again until it is dropped: whoever swept may have died
    files.drop([stored.id])
    assert files.take_ended(over) == []
    assert files.known([stored.id, "nobodys"]) == set()


def test_a_temporary_file_can_be_made_permanent(files: Files) -> None:
    stored = kept(files, file(area="temporary"))
    permanent = files.make_permanent("anna", stored.id, NOON)
    assert permanent == msgspec.structs.replace(stored, area="permanent", expires_at=None)
    assert files.make_permanent("anna", stored.id, NOON) == permanent
    assert files.take_ended(NOON + 1_000 * HOUR) == []
    assert files.get("anna", stored.id, NOON + 1_000 * HOUR) == permanent


def test_room_for_what_never_came_is_swept_after_an_hour(files: Files) -> None:
    stored = file()
    files.reserve(stored, ROOM, NOON)
    assert files.take_ended(NOON + HOUR - timedelta(seconds=1)) == []
    assert files.quota("anna", NOON + HOUR) == (0, 0)
    assert files.take_ended(NOON + HOUR) == [stored.id]
    with pytest.raises(NotFound):  # too late: its bytes are being erased
        files.keep([written(stored)], NOON)
    assert files.known([stored.id]) == {stored.id}


def test_a_removed_file_can_be_brought_back_until_another_is_removed(files: Files) -> None:
    first, second = kept(files, file(1)), kept(files, file(2))
    assert files.remove("anna", first.id, NOON, NOON + HOUR) == (first, [])
    assert files.of("anna", NOON) == [second]
    assert files.quota("anna", NOON) == (1, 100)
    assert files.restore("anna", first.id, ROOM, NOON) == first
    assert files.get("anna", first.id, NOON) == first
    with pytest.raises(NotFound):  # it is there
        files.restore("anna", first.id, ROOM, NOON)

    files.remove("anna", first.id, NOON, NOON + HOUR)
    assert files.remove("anna", second.id, NOON, NOON + HOUR) == (second, [first.id])
    with pytest.raises(NotFound):
        files.restore("anna", first.id, ROOM, NOON)
    assert files.take_ended(NOON) == [first.id]
    assert files.take_ended(NOON + HOUR) == [first.id, second.id]
    with pytest.raises(NotFound):
        files.restore("anna", second.id, ROOM, NOON + HOUR)


def test_bringing_back_needs_room(files: Files) -> None:
    stored = kept(files, file(1, size=900))
    files.remove("anna", stored.id, NOON, NOON + HOUR)
    kept(files, file(2, size=200), ROOM)
    with pytest.raises(Conflict) as wrong:
        files.restore("anna", stored.id, ROOM, NOON)
    assert code(wrong) == "files_heavy"
    files.drop(["file2"])
    assert files.restore("anna", stored.id, ROOM, NOON) == stored


def test_a_key_is_used_once(files: Files) -> None:
    key = "a" * 64
    files.reserve(file(1), PLENTY, NOON, key)
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(2), PLENTY, NOON, key)
    assert code(wrong) == "file_coming"
    files.keep([written(file(1))], NOON)
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(2), PLENTY, NOON, key)
    assert (code(wrong), wrong.value.detail) == ("file_sent", {"file_id": "file1"})
    files.reserve(file(3, owner="ben"), PLENTY, NOON, key)  # everybody's keys are their own
    files.remove("anna", "file1", NOON, NOON + HOUR)
    files.reserve(file(4), PLENTY, NOON, key)  # what was removed does not stand in its way
    files.reserve(file(5), PLENTY, NOON + HOUR, key)  # nor what never came


def test_of_many_with_one_key_one_comes(files: Files) -> None:
    barrier = Barrier(8)

    def send(number: int) -> int:
        barrier.wait()
        try:
            return int(files.reserve(file(number), PLENTY, NOON, "k" * 64) > 0)
        except Conflict as error:
            return 0 if error.code == "file_coming" else 10

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(send, range(8))) == 1


def test_a_chat_that_is_saved_again_replaces_what_was_saved(files: Files) -> None:
    room = Room(files=1, bytes=1_000, saved_chats=1, replaces="chat1")
    first = [file(1, chat="chat1", size=400), file(2, chat="chat1", size=400)]
    for each in first:
        files.reserve(each, room, NOON)
    assert files.keep([written(each) for each in first], NOON, "chat1") == []
    other = kept(files, file(3, size=100), room)
    again = [file(4, chat="chat1", size=400), file(5, chat="chat1", size=400)]
    for each in again:  # what is to be replaced takes no room
        files.reserve(each, room, NOON)
    assert files.keep([written(each) for each in again], NOON, "chat1") == ["file1", "file2"]
    assert {each.id for each in files.of("anna", NOON)} == {"file3", "file4", "file5"}
    assert files.get("anna", other.id, NOON) == other
    assert files.take_ended(NOON) == ["file1", "file2"]


def test_saves_of_one_chat_at_once_leave_one(files: Files) -> None:
    room = Room(files=100, bytes=10**6, saved_chats=1, replaces="chat1")
    barrier = Barrier(6)

    def save(number: int) -> None:
        barrier.wait()
        both = [file(10 * number, chat="chat1"), file(10 * number + 1, chat="chat1")]
        for each in both:
            files.reserve(each, room, NOON)
        files.keep([written(each) for each in both], NOON, "chat1")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(save, range(1, 7)))
    left = sorted(int(each.id.removeprefix("file")) for each in files.of("anna", NOON))
    assert len(left) == 2
    assert left[1] == left[0] + 1


def test_so_many_chats_are_saved_as_a_plan_gives(files: Files) -> None:
    room = Room(files=100, bytes=10**6, saved_chats=2)
    for number in (1, 2):
        kept(files, file(number, chat=f"chat{number}"), room)
    kept(files, file(3, chat="chat2"), room)  # one that is saved twice counts once
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(4, chat="chat3"), room, NOON)
    assert code(wrong) == "chats_full"
    files.reserve(file(5), room, NOON)  # other files do not mind
    files.remove("anna", "file1", NOON, NOON + HOUR)
    kept(files, file(6, chat="chat3"), room)
    with pytest.raises(Conflict) as wrong:
        files.restore("anna", "file1", room, NOON)
    assert code(wrong) == "chats_full"


def test_saves_that_are_kept_side_by_side_are_counted_too(files: Files) -> None:
    room = Room(files=1, bytes=10**6, saved_chats=1)
    for number in (1, 2, 3):
        kept(files, file(number, chat="chat1"), room)
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(4, chat="chat1"), room, NOON)
    assert code(wrong) == "chats_full"
    files.reserve(file(5, chat="chat1"), msgspec.structs.replace(room, replaces="chat1"), NOON)


def test_saved_chats_and_attachments_take_the_room_of_bytes_but_not_of_uploads(files: Files) -> None:
    room = Room(files=1, bytes=350)
    kept(files, file(1, chat="chat1"), room)
    kept(files, msgspec.structs.replace(file(2), purpose="attachment"), room)
    assert files.quota("anna", NOON) == (0, 200)
    kept(files, file(3), room)
    with pytest.raises(Conflict) as wrong:
        files.reserve(file(4), room, NOON)
    assert code(wrong) == "files_full"
    assert files.reserve(file(5, chat="chat1"), room, NOON) == 50
    assert files.quota("anna", NOON) == (1, 350)


def test_attachments_are_not_kept_past_their_chat(files: Files) -> None:
    stored = msgspec.structs.replace(
        file(1), purpose="attachment", area="temporary", expires_at=NOON + HOUR, chat_id="chat1"
    )
    kept(files, stored)
    with pytest.raises(Conflict) as wrong:
        files.make_permanent("anna", stored.id, NOON)
    assert code(wrong) == "file_of_chat"
    with pytest.raises(NotFound):
        files.make_permanent("ben", stored.id, NOON)
    with pytest.raises(NotFound):
        files.get("anna", stored.id, NOON + HOUR)


def test_nothing_is_kept_when_one_of_several_lost_its_room(files: Files) -> None:
    kept(files, file(1, chat="chat1"))
    for number in (2, 3):
        files.reserve(file(number, chat="chat1"), PLENTY, NOON)
    files.drop(["file3"])
    with pytest.raises(NotFound):
        files.keep([written(file(2, chat="chat1")), written(file(3, chat="chat1"))], NOON, "chat1")
    assert [each.id for each in files.of("anna", NOON)] == ["file1"]


def test_files_of_a_guest_move_to_their_account(files: Files) -> None:
    stored = kept(files, file(owner="guest"))
    coming = file(2, owner="guest")
    files.reserve(coming, PLENTY, NOON)
    files.move("guest", "anna")
    assert files.of("guest", NOON) == []
    files.keep([written(coming)], NOON)  # one that was on its way arrives there
    assert {each.id for each in files.of("anna", NOON)} == {stored.id, coming.id}
    assert {each.owner for each in files.of("anna", NOON)} == {"anna"}
    files.move("no guest", "anna")


def test_of_an_erased_owner_nothing_is_left(files: Files) -> None:
    kept(files, file(1))
    kept(files, file(2))
    files.remove("anna", "file2", NOON, NOON + HOUR)
    files.reserve(file(3), PLENTY, NOON)
    other = kept(files, file(4, owner="ben"))
    assert sorted(files.erase_owner("anna")) == ["file1", "file2", "file3"]
    assert files.erase_owner("anna") == []
    assert files.known(["file1", "file2", "file3", "file4"]) == {"file4"}
    with pytest.raises(NotFound):
        files.keep([written(file(3))], NOON)
    assert files.of("ben", NOON) == [other]


def test_what_no_database_can_hold_is_refused(files: Files) -> None:
    for name in ("a\0b.txt",):
        with pytest.raises(BadInput):
            files.reserve(msgspec.structs.replace(file(), name=name), PLENTY, NOON)
    with pytest.raises(BadInput):
        files.reserve(file(owner=""), PLENTY, NOON)


def test_every_statement_finds_its_rows_by_an_index(sqlite: str) -> None:
    engine = connect(sqlite)
    files = SqlFiles(engine)
    for number in range(60):
        kept(files, file(number, owner=f"user{number % 9}", area="temporary" if number % 2 else "permanent"))
    count_rows(engine)
    with noted(engine) as asked:
        room = Room(files=100, bytes=10**6, saved_chats=1, replaces="chat")
        files.reserve(file(90, owner="user1", chat="chat"), room, NOON, "k" * 64)
        files.keep([written(file(90, owner="user1", chat="chat"))], NOON, "chat")
        files.get("user1", "file1", NOON)
        files.of("user1", NOON, before="file1")
        files.remove("user1", "file1", NOON, NOON + HOUR)
        files.restore("user1", "file1", PLENTY, NOON)
        files.make_permanent("user1", "file1", NOON)
        files.quota("user1", NOON)
        files.take_ended(NOON + 25 * HOUR)
        files.known(["file1", "file2"])
        files.drop(["file2"])
        files.move("user3", "user4")
        files.erase_owner("user4")

    found = plans(engine, asked)
    engine.dispose()
    assert len(found) >= 16
    assert {s: plan for s, plan in found.items() if any(step.startswith("SCAN") for step in plan)} == {}
