"""Taking files in and handing them out: what is kept, what is refused, and what is left when it breaks off."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from domain.errors import BadInput, Conflict, NeedsMembership, NotFound, TooLong, Unavailable
from domain.filing.cabinet import COMING, SWEPT, UNDO, Cabinet
from domain.filing.intake import FILE_BYTES
from domain.filing.rooms import MB, Rules
from tests.fakes import HandClock
from tests.fakes_filing import Generous, MemoryBlobs, MemoryFiles

pytestmark = pytest.mark.anyio
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
DAY_S = 24 * 3_600


class Desk:
    """A cabinet with its parts at hand."""

    def __init__(self, rules: Rules = Rules(), **limits: int) -> None:  # noqa: B008
        self.clock, self.files = HandClock(), MemoryFiles()
        self.blobs = MemoryBlobs(self.clock.now)
        self.allowances = Generous("plus", **limits)
        self.points: list[str] = []
        self.cabinet = Cabinet(self.files, self.blobs, self.allowances, self.clock, rules, self.points.append)

    @property
    def empty(self) -> bool:
        return self.blobs.kept == {} and self.files.quota("anna", self.clock.now()) == (0, 0)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def stream(*pieces: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if error is not None:
        raise error


async def test_a_file_is_kept_as_it_came_and_named_as_it_may_be(desk: Desk) -> None:
    stored = await desk.cabinet.put("anna", "../../a\u202eletter.pdf", stream(PDF[:100], b"", PDF[100:]))
    assert (stored.name, stored.media_type, stored.size) == ("aletter.pdf", "application/pdf", len(PDF))
    assert stored.sha256 == hashlib.sha256(PDF).hexdigest()
    assert stored.area == "temporary"
    assert stored.expires_at == desk.clock.now() + timedelta(hours=24)
    assert await desk.cabinet.bytes_of("anna", stored.id) == PDF
    assert await desk.cabinet.all_of("anna") == [stored]
    assert list(desk.blobs.kept) == [f"{stored.id[:2]}/{stored.id}"]
    assert desk.points == ["file_reserved", "file_written", "file_kept"]


async def test_a_large_stream_is_kept_piece_by_piece(desk: Desk) -> None:
    piece = os.urandom(MB)
    stored = await desk.cabinet.put("anna", "a.wav", stream(b"RIFF\0\0\0\0WAVE", *[piece] * 9), area="permanent")
    assert (stored.size, stored.expires_at) == (9 * MB + 12, None)
    assert await desk.cabinet.bytes_of("anna", stored.id) == b"RIFF\0\0\0\0WAVE" + piece * 9


async def test_ranges_of_a_file(desk: Desk) -> None:
    stored = await desk.cabinet.put("anna", "a.pdf", PDF)
    found, pieces = await desk.cabinet.open("anna", stored.id, 5, 300)
    assert found == stored
    assert b"".join([piece async for piece in pieces]) == PDF[5:300]


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a.pdf", b"", "file_empty"),
        ("a.png", PDF, "file_mislabelled"),
        ("a.bin", bytes(100), "file_unknown"),
        ("a.exe", b"MZ" + bytes(100), "file_unknown"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_is_no_file_of_ours_leaves_nothing(
    desk: Desk, name: str, body: bytes, code: str, streamed: bool
) -> None:
    with pytest.raises(BadInput) as wrong:
        await desk.cabinet.put("anna", name, stream(body) if streamed else body)
    assert wrong.value.code == code
    assert desk.empty


async def test_what_is_too_large_is_refused_before_it_comes_where_that_is_known(desk: Desk) -> None:
    came = 0

    async def data() -> AsyncIterator[bytes]:
        nonlocal came
        while True:
            came += MB
            yield PDF[:16] + bytes(MB - 16)

    with pytest.raises(TooLong) as wrong:
        await desk.cabinet.put("anna", "a.pdf", data(), size=FILE_BYTES + 5_000, least=FILE_BYTES + 1)
    assert (wrong.value.code, wrong.value.detail, came) == ("file_large", {"most": 50}, 0)
    with pytest.raises(TooLong):
        await desk.cabinet.put("anna", "a.pdf", data())
    assert came == FILE_BYTES + MB
    with pytest.raises(TooLong) as wrong:
        await desk.cabinet.put("anna", "a.pdf", data(), most=2 * MB)
    assert wrong.value.detail == {"most": 2}
    assert desk.empty


async def test_what_breaks_off_leaves_nothing(desk: Desk) -> None:
    for error in (OSError("the line was cut"), Unavailable("store_unavailable"), TimeoutError()):
        with pytest.raises(type(error)):
            await desk.cabinet.put("anna", "a.pdf", stream(PDF, PDF, error=error))
        assert desk.empty


async def test_who_is_cancelled_leaves_nothing(desk: Desk) -> None:
    reached = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield PDF
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(desk.cabinet.put("anna", "a.pdf", slow()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.empty


@pytest.mark.parametrize("code", ["storage_unavailable", "disk_full"])
async def test_a_store_in_trouble_leaves_nothing(desk: Desk, code: str) -> None:
    desk.blobs.full = 5_000 if code == "disk_full" else None
    desk.blobs.fail = Unavailable(code) if code != "disk_full" else None
    with pytest.raises(Unavailable) as wrong:
        await desk.cabinet.put("anna", "a.pdf", stream(PDF))
    assert wrong.value.code == code
    desk.blobs.fail = desk.blobs.full = None
    desk.clock.seconds += COMING.total_seconds()
    await desk.cabinet.sweep()
    assert desk.empty
    assert (await desk.cabinet.put("anna", "a.pdf", PDF)).size == len(PDF)


async def test_files_and_bytes_have_limits(desk: Desk) -> None:
    desk = Desk(Rules(files=2, bytes=3 * len(PDF)))
    for _ in range(2):
        await desk.cabinet.put("anna", "a.pdf", PDF)
    with pytest.raises(Conflict) as wrong:
        await desk.cabinet.put("anna", "a.pdf", PDF)
    assert (wrong.value.code, wrong.value.detail) == ("files_full", {"most": 2})
    await desk.cabinet.put("anna", "picture", PDF, purpose="attachment")
    with pytest.raises(Conflict) as wrong:
        await desk.cabinet.put("anna", "picture", stream(PDF), purpose="attachment")
    assert wrong.value.code == "files_heavy"
    quota = await desk.cabinet.quota("anna")
    assert (quota.files, quota.bytes, quota.most_files, quota.most_bytes) == (2, 3 * len(PDF), 2, 3 * len(PDF))


async def test_a_stream_may_fill_what_is_left_and_not_a_byte_more() -> None:
    desk = Desk(Rules(bytes=2 * len(PDF) + 10))
    await desk.cabinet.put("anna", "a.pdf", PDF)
    with pytest.raises(Conflict) as wrong:
        await desk.cabinet.put("anna", "b.pdf", stream(PDF, b"x" * 11))
    assert wrong.value.code == "files_heavy"
    assert (await desk.cabinet.put("anna", "b.pdf", stream(PDF, b"x" * 10))).size == len(PDF) + 10
    with pytest.raises(Conflict):
        await desk.cabinet.put("anna", "c.pdf", stream(PDF))


async def test_a_plan_that_gives_less_says_which_gives_more() -> None:
    desk = Desk(files=1, file_bytes=2 * MB)
    assert (await desk.cabinet.quota("anna")).most_files == 1
    await desk.cabinet.put("anna", "a.pdf", PDF)
    with pytest.raises(NeedsMembership) as wrong:
        await desk.cabinet.put("anna", "a.pdf", PDF)
    assert wrong.value.code == "files_full"
    assert wrong.value.detail == {"feature": "files", "better": "plus", "most": 1}
    with pytest.raises(NeedsMembership) as wrong:
        await desk.cabinet.put("anna", "a.pdf", stream(PDF, bytes(3 * MB)), purpose="attachment")
    assert wrong.value.detail == {"feature": "file_bytes", "better": "plus", "most": 2}

    nobody_gives_more = Desk(Rules(files=1), files=50)
    await nobody_gives_more.cabinet.put("anna", "a.pdf", PDF)
    with pytest.raises(Conflict):
        await nobody_gives_more.cabinet.put("anna", "a.pdf", PDF)


async def test_many_at_the_edge_of_the_quota_fill_it_and_leave_nothing_else() -> None:
    desk = Desk(Rules(files=100, bytes=5 * len(PDF) + 100))

    async def send() -> bool:
        try:
            await desk.cabinet.put("anna", "a.pdf", stream(PDF[:4_000], PDF[4_000:]), size=len(PDF), least=len(PDF))
        except Conflict as error:
            return error.code != "files_heavy"
        return True

    assert sum(await asyncio.gather(*(send() for _ in range(40)))) == 5
    assert len(desk.blobs.kept) == 5
    assert (await desk.cabinet.quota("anna")).bytes == 5 * len(PDF)


async def test_temporary_files_end_and_permanent_ones_stay(desk: Desk) -> None:
    short, long = await desk.cabinet.put("anna", "a.pdf", PDF), await desk.cabinet.put("anna", "b.pdf", PDF)
    assert (await desk.cabinet.make_permanent("anna", long.id)).expires_at is None
    desk.clock.seconds = DAY_S
    with pytest.raises(NotFound):
        await desk.cabinet.bytes_of("anna", short.id)
    assert [each.id for each in await desk.cabinet.all_of("anna")] == [long.id]
    assert await desk.cabinet.sweep() == 1
    assert list(desk.blobs.kept) == [f"{long.id[:2]}/{long.id}"]
    assert await desk.cabinet.bytes_of("anna", long.id) == PDF


async def test_a_removed_file_can_be_brought_back_for_an_hour(desk: Desk) -> None:
    first, second = [await desk.cabinet.put("anna", name, PDF, area="permanent") for name in ("a.pdf", "b.pdf")]
    await desk.cabinet.remove("anna", first.id)
    with pytest.raises(NotFound):
        await desk.cabinet.get("anna", first.id)
    assert await desk.cabinet.restore("anna", first.id) == first
    assert await desk.cabinet.bytes_of("anna", first.id) == PDF
    await desk.cabinet.remove("anna", first.id)
    await desk.cabinet.remove("anna", second.id)  # the one before is erased at once
    assert list(desk.blobs.kept) == [f"{second.id[:2]}/{second.id}"]
    desk.clock.seconds += UNDO.total_seconds()
    with pytest.raises(NotFound):
        await desk.cabinet.restore("anna", second.id)
    await desk.cabinet.sweep()
    assert desk.empty


async def test_anothers_files_are_as_if_they_were_not_there(desk: Desk) -> None:
    stored = await desk.cabinet.put("anna", "a.pdf", PDF)
    for attempt in (
        desk.cabinet.get, desk.cabinet.bytes_of, desk.cabinet.remove, desk.cabinet.restore, desk.cabinet.make_permanent
    ):  # fmt: skip
        with pytest.raises(NotFound) as wrong:
            await attempt("ben", stored.id)
        assert wrong.value.code == "file_gone"
    assert await desk.cabinet.all_of("ben") == []


async def test_the_same_key_and_bytes_are_the_same_file(desk: Desk) -> None:
    first = await desk.cabinet.put("anna", "a.pdf", stream(PDF), key="a key of mine")
    assert await desk.cabinet.put("anna", "a.pdf", stream(PDF[:9], PDF[9:]), key="a key of mine") == first
    with pytest.raises(Conflict) as wrong:
        await desk.cabinet.put("anna", "a.pdf", PDF + b"!", key="a key of mine")
    assert wrong.value.code == "key_used"
    assert await desk.cabinet.all_of("anna") == [first]
    assert len(desk.blobs.kept) == 1
    other = await desk.cabinet.put("anna", "a.pdf", PDF, key="another")
    assert other.id != first.id


async def test_of_several_with_one_key_at_once_one_is_kept(desk: Desk) -> None:
    async def send() -> str:
        try:
            return (await desk.cabinet.put("anna", "a.pdf", stream(PDF), key="k")).id
        except Conflict as error:
            return error.code

    answers = await asyncio.gather(*(send() for _ in range(10)))
    assert len({*answers} - {"file_coming"}) == 1
    assert len(desk.blobs.kept) == 1


async def test_a_saved_chat_replaces_the_one_before_unless_it_is_kept_besides(desk: Desk) -> None:
    files = [("a.md", b"# Words"), ("a.json", b"{}")]
    first = await desk.cabinet.put_saved("anna", "chat1", files, "permanent")
    assert [(each.name, each.purpose, each.chat_id, each.media_type) for each in first] == [
        ("a.md", "chat", "chat1", "text/markdown"), ("a.json", "chat", "chat1", "application/json"),
    ]  # fmt: skip
    second = await desk.cabinet.put_saved("anna", "chat1", files, "permanent")
    assert {each.id for each in await desk.cabinet.all_of("anna")} == {each.id for each in second}
    assert len(desk.blobs.kept) == 2
    await desk.cabinet.put_saved("anna", "chat1", files, "permanent", besides=True)
    assert len(await desk.cabinet.all_of("anna")) == 4


async def test_saving_needs_a_plan_that_gives_it_and_is_all_or_nothing() -> None:
    desk = Desk(saved_chats=0)
    with pytest.raises(NeedsMembership) as wrong:
        await desk.cabinet.put_saved("anna", "chat1", [("a.md", b"# Words")], "permanent")
    assert (wrong.value.code, wrong.value.detail) == ("saves_not_given", {"feature": "saved_chats", "better": "plus"})
    with pytest.raises(NeedsMembership):
        await desk.cabinet.check_saves("anna")
    desk = Desk(Rules(bytes=30))
    first = await desk.cabinet.put_saved("anna", "chat1", [("a.md", b"# Words")], "permanent")
    with pytest.raises(Conflict):
        await desk.cabinet.put_saved("anna", "chat1", [("a.md", b"# Words"), ("a.json", b"[" * 40)], "permanent")
    with pytest.raises(BadInput):
        await desk.cabinet.put_saved("anna", "chat1", [("a.md", b"# Words"), ("a.json", bytes(9))], "permanent")
    assert await desk.cabinet.all_of("anna") == first
    assert len(desk.blobs.kept) == 1


async def test_bytes_that_no_row_names_are_swept(desk: Desk) -> None:
    stored = await desk.cabinet.put("anna", "a.pdf", PDF, area="permanent")
    await desk.blobs.put("zz/" + "z" * 20, stream(b"left over"))
    assert await desk.cabinet.sweep_lost() == 0  # its row may be on its way
    desk.clock.seconds = COMING.total_seconds() + 1
    await desk.blobs.put("zy/" + "y" * 20, stream(b"just now"))
    assert await desk.cabinet.sweep_lost() == 1
    assert set(desk.blobs.kept) == {f"{stored.id[:2]}/{stored.id}", "zy/" + "y" * 20}


async def test_what_cannot_be_erased_yet_is_no_error_of_whoever_removed_or_replaced_it(desk: Desk) -> None:
    first = await desk.cabinet.put("anna", "a.pdf", PDF)
    second = await desk.cabinet.put("anna", "b.pdf", PDF)
    await desk.cabinet.put_saved("anna", "chat1", [("a.md", b"# Words")], "permanent")
    await desk.cabinet.remove("anna", first.id)

    class Away(MemoryBlobs):
        async def delete(self, keys: Sequence[str]) -> None:
            raise Unavailable("storage_unavailable")

    away = Away(desk.clock.now)
    away.kept = desk.blobs.kept
    elsewhere = Cabinet(desk.files, away, desk.allowances, desk.clock)
    assert (await elsewhere.remove("anna", second.id)).id == second.id
    saved = await elsewhere.put_saved("anna", "chat1", [("b.md", b"# More words")], "permanent")
    assert await elsewhere.all_of("anna") == saved
    assert len(away.kept) == 4
    assert await desk.cabinet.sweep() == 2  # once the store is back
    assert len(away.kept) == 2


async def test_bytes_of_somebody_else_are_not_swept(desk: Desk) -> None:
    others = ["backup.sql", "zz/backup.sql", "zz/" + "y" * 20, "z/" + "z" * 20, "a/zz/" + "z" * 20, "zz/" + "Z" * 20]
    for key in others:
        await desk.blobs.put(key, stream(b"not ours"))
    desk.clock.seconds = COMING.total_seconds() + 1
    assert await desk.cabinet.sweep_lost() == 0
    assert set(desk.blobs.kept) == set(others)


async def test_a_database_that_knows_none_of_many_files_is_not_theirs_and_they_stay(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(SWEPT):
        file_id = f"{number:020}".translate(str.maketrans("0189", "abcd"))
        await desk.blobs.put(f"{file_id[:2]}/{file_id}", stream(b"of another database"))
    desk.clock.seconds = COMING.total_seconds() + 1
    assert await desk.cabinet.sweep_lost() == 0
    assert len(desk.blobs.kept) == SWEPT and "knows none of 100 files" in caplog.text
    await desk.cabinet.put("anna", "a.pdf", PDF)
    await desk.blobs.delete([f"{file_id[:2]}/{file_id}"])  # 99 and one that is known
    desk.clock.seconds += COMING.total_seconds() + 1
    assert await desk.cabinet.sweep_lost() == SWEPT - 1


async def test_of_an_erased_owner_bytes_go_too(desk: Desk) -> None:
    for _ in range(3):
        await desk.cabinet.put("anna", "a.pdf", PDF)
    kept = await desk.cabinet.put("ben", "a.pdf", PDF)
    assert len(desk.cabinet.owned("anna")) == 3
    await desk.cabinet.erase(desk.cabinet.forget_owner("anna"))
    assert desk.cabinet.owned("anna") == []
    assert list(desk.blobs.kept) == [f"{kept.id[:2]}/{kept.id}"]


async def test_who_uploads_many_at_once_waits_and_others_do_not(desk: Desk) -> None:
    cabinet = Cabinet(desk.files, desk.blobs, desk.allowances, desk.clock, Rules(), desk.points.append, wait_s=0.05)
    go, begun = asyncio.Event(), [asyncio.Event() for _ in range(4)]

    async def slow(turn: asyncio.Event) -> AsyncIterator[bytes]:
        turn.set()
        yield PDF
        await go.wait()

    waiting = [asyncio.create_task(cabinet.put("anna", "a.pdf", slow(each), size=20_000)) for each in begun]
    for turn in begun:
        await turn.wait()
    with pytest.raises(Unavailable) as wrong:
        await cabinet.put("anna", "a.pdf", stream(PDF))
    assert wrong.value.code == "files_busy"
    assert (await cabinet.put("ben", "a.pdf", stream(PDF))).size == len(PDF)
    assert (await cabinet.put("anna", "a.pdf", PDF)).size == len(PDF)  # it is here: it waits for no line
    go.set()
    assert len(await asyncio.gather(*waiting)) == 4
    assert (await cabinet.put("anna", "a.pdf", stream(PDF))).size == len(PDF)


