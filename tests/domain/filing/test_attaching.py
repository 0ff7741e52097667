"""Attachments from being thrown in to being ready, failed, taken back or purged: nothing is left, nothing overspent."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from domain.audio import HEARD_RATE
from domain.errors import BadInput, Conflict, NeedsMembership, NotFound, ParleyError, TooLong, Unavailable
from domain.filing import meanings as meanings_module
from domain.filing import reading_room as module
from domain.filing.attaching import MOST_BYTES, MOST_WAITING, Attaching
from domain.filing.cabinet import Cabinet
from domain.filing.counting import HELD
from domain.filing.meanings import Meanings
from domain.filing.model import Attachment, Read
from domain.filing.reading import Reading
from domain.knowledge.model import Extracted, Section
from domain.knowledge.ports import Fetched
from domain.membership.model import Hold
from tests.fakes import Ear, HandClock
from tests.fakes_attachments import MemoryAttachments, PaperReader
from tests.fakes_filing import Generous, MemoryBlobs, MemoryFiles
from tests.fakes_meanings import Thesaurus
from tests.fakes_meters import MemoryMeters
from tests.fakes_stores import MemoryChats

pytestmark = pytest.mark.anyio
LAMP = "The lamp stands forty metres above the sea."
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))


class Web:
    """Fetches and reads one page, or fails as it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: ParleyError | None = None
        self.page_ = Extracted(
            title="Light <b>houses</b>", site="coast.example", language="en", published=None, text=LAMP,
            sections=(Section("The light", "North > The light"), Section(LAMP, "North > The light")),
        )  # fmt: skip

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "", robots: bool = True) -> Fetched:
        self.asked.append(url)
        if self.error is not None:
            raise self.error
        return Fetched(url=url, status=200, content_type="text/html", charset="utf-8", body=b"<p>")

    async def page(self, fetched: Fetched) -> Extracted:
        return self.page_

    async def links(self, fetched: Fetched) -> tuple[str, ...]:
        return ()


async def at_once() -> None:
    """Nobody is being answered."""


class Desk:
    def __init__(self, **limits: int) -> None:
        self.clock, self.chats, self.files = HandClock(), MemoryChats(), MemoryFiles()
        self.blobs = MemoryBlobs(self.clock.now)
        self.store, self.meters = MemoryAttachments(self.chats), MemoryMeters()
        self.reader, self.web = PaperReader(), Web()
        self.allowances, self.ear = Generous("plus", **limits), Ear("And then we sailed.")
        self.encoder = Thesaurus()
        self.cabinet = Cabinet(self.files, self.blobs, Generous(), self.clock)
        self.chat = self.chats.create("anna", "socrates", "en", "", self.clock.now()).id
        self.attaching = self.another()

    def another(self) -> Attaching:
        """Another process on the same stores."""
        reading = Reading(self.reader, self.web, self.web, self.ear, at_once)
        meanings = self.meanings = Meanings(self.encoder, 600)
        return Attaching(
            self.store, self.chats, self.cabinet, reading, self.allowances, self.meters, self.clock, meanings
        )

    async def add(self, name: str = "lamp.txt", data: bytes = LAMP.encode()) -> Attachment:
        return await self.attaching.add_file("anna", self.chat, name, data)

    async def done(self, one: Attachment) -> Attachment:
        await self.attaching.room.idle()
        return self.store.get("anna", self.chat, one.id)

    @property
    def used(self) -> tuple[int, int]:
        return self.meters.used("anna", "attachments", "")

    @property
    def bytes_left(self) -> int:
        return len(self.blobs.kept)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk(attachments=10)
    yield desk
    await desk.attaching.close()


async def test_a_file_is_taken_at_once_and_read_in_the_background(desk: Desk) -> None:
    desk.reader.gate = asyncio.Event()
    one = await desk.add("../../lamp.txt")
    assert (one.state, one.name, one.kind) == ("reading", "lamp.txt", "text")
    assert (one.size, one.media_type) == (43, "text/plain")
    assert [w.state for w in await desk.attaching.waiting("anna", desk.chat)] == ["reading"]
    assert desk.used == (0, 1), "held while it is read"
    desk.reader.gate.set()
    ready = await desk.done(one)
    assert (ready.state, ready.share, ready.text) == ("ready", 1.0, LAMP)
    assert desk.used == (1, 0)


async def test_a_picture_is_kept_as_it_was_made_anew(desk: Desk) -> None:
    desk.reader.found["sea.png"] = Read(kind="image", media_type="image/png", image=JPEG, width=640, height=480)
    one = await desk.done(await desk.add("sea.png", b"\x89PNG\r\n\x1a\n" + bytes(40)))
    assert (one.kind, one.width, one.height, one.text) == ("image", 640, 480, "")
    assert await desk.attaching.picture("anna", desk.chat, one.id) == JPEG
    kept = desk.files.get("anna", one.image_id, desk.clock.now())
    assert (kept.name, kept.area, kept.purpose, kept.chat_id) == ("sea.jpg", "permanent", "attachment", desk.chat)


async def test_what_cannot_be_read_fails_with_its_reason_costs_nothing_and_can_be_tried_again(desk: Desk) -> None:
    desk.reader.found["lamp.txt"] = BadInput("file_broken")
    one = await desk.done(await desk.add())
    assert (one.state, one.error, one.share) == ("failed", "file_broken", 0.0)
    assert desk.used == (0, 0)
    del desk.reader.found["lamp.txt"]
    again = await desk.attaching.again("anna", desk.chat, one.id)
    assert again.state == "reading"
    assert (await desk.done(one)).text == LAMP
    assert desk.used == (1, 0)
    with pytest.raises(Conflict, match="attachment_reading"):
        await desk.attaching.again("anna", desk.chat, one.id)
    assert desk.used == (1, 0)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Read(kind="pdf", media_type="application/pdf", note="text_missing"), "text_missing"),
        (Read(kind="text", media_type="text/plain", text=" \n "), "attachment_empty"),
        (TooLong("file_large", most=25), "file_large"),
        (Unavailable("reader_away"), "reader_away"),
    ],
)
async def test_there_is_a_reason_for_each_failure(desk: Desk, found: Read | ParleyError, code: str) -> None:
    desk.reader.found["lamp.txt"] = found
    one = await desk.done(await desk.add())
    assert (one.state, one.error) == ("failed", code)
    assert desk.used == (0, 0)


async def test_what_nobody_expected_is_a_failure_too(desk: Desk) -> None:
    desk.reader.found["lamp.txt"] = "no Read at all"  # type: ignore[assignment]
    one = await desk.done(await desk.add())
    assert (one.state, one.error) == ("failed", "attachment_failed")
    assert desk.used == (0, 0)


async def test_nothing_and_too_much_are_refused_before_anything_is_kept(desk: Desk) -> None:
    with pytest.raises(BadInput, match="file_empty"):
        await desk.add(data=b"")
    with pytest.raises(TooLong, match="file_large"):
        await desk.add(data=bytes(MOST_BYTES + 1))
    with pytest.raises(BadInput, match="file_unknown"):
        await desk.add("run.exe", b"MZ\x90\x00\x03" + bytes(range(200)))
    assert desk.store.waiting("anna", desk.chat) == []
    assert desk.bytes_left == 0 and desk.used == (0, 0)


async def test_a_chat_of_somebody_else_is_not_there(desk: Desk) -> None:
    for call in (
        desk.attaching.add_file("ben", desk.chat, "a.txt", b"Hello"),
        desk.attaching.add_link("ben", desk.chat, "https://a.example/"),
        desk.attaching.admit("ben", desk.chat),
    ):
        with pytest.raises(NotFound, match="chat_gone"):
            await call
    one = await desk.done(await desk.add())
    for touch in (desk.attaching.remove, desk.attaching.again, desk.attaching.get, desk.attaching.picture):
        with pytest.raises(NotFound, match="attachment_gone"):
            await touch("ben", desk.chat, one.id)
    assert desk.used == (1, 0)


async def test_who_has_none_of_it_is_told_so_before_anything_is_kept() -> None:
    desk = Desk(attachments=0)
    for call in (desk.add(), desk.attaching.add_link("anna", desk.chat, "https://a.example/")):
        with pytest.raises(NeedsMembership, match="attachments_not_given") as refused:
            await call
        assert refused.value.detail["better"] == "plus"
    assert desk.bytes_left == 0
    await desk.attaching.close()


async def test_of_many_at_once_no_more_are_read_than_the_plan_gives(desk: Desk) -> None:
    desk.allowances.limits["attachments"] = 2
    got = await asyncio.gather(*(desk.add(f"{n}.txt") for n in range(5)), return_exceptions=True)
    assert sum(isinstance(one, Attachment) for one in got) == 2
    assert {one.code for one in got if isinstance(one, ParleyError)} == {"attachments_spent"}
    await desk.attaching.room.idle()
    assert desk.used == (2, 0)
    assert desk.bytes_left == 2, "of the refused ones nothing is left"


async def test_only_so_many_wait_and_what_is_refused_leaves_nothing(desk: Desk) -> None:
    for number in range(MOST_WAITING):
        await desk.add(f"{number}.txt")
    with pytest.raises(Conflict, match="attachments_waiting"):
        await desk.add("more.txt")
    with pytest.raises(Conflict, match="attachments_waiting"):
        await desk.attaching.add_link("anna", desk.chat, "https://a.example/")
    await desk.attaching.room.idle()
    assert desk.bytes_left == MOST_WAITING
    assert desk.used == (MOST_WAITING, 0)


async def test_one_owner_has_two_read_at_a_time_and_leaves_places_for_others(desk: Desk) -> None:
    desk.reader.gate = asyncio.Event()
    for number in range(4):
        await desk.add(f"anna{number}.txt")
    theirs = desk.chats.create("ben", "socrates", "en", "", desk.clock.now()).id
    await desk.attaching.add_file("ben", theirs, "ben.txt", b"Hello")
    await desk.reader.began(3)
    await asyncio.sleep(0.05)
    assert sorted(desk.reader.asked) == ["anna0.txt", "anna1.txt", "ben.txt"]
    desk.reader.gate.set()
    await desk.attaching.room.idle()
    assert len(desk.reader.asked) == 5
    assert desk.attaching.room._each == {}


async def test_what_is_taken_back_goes_with_its_bytes_whether_it_is_being_read_or_ready(desk: Desk) -> None:
    ready = await desk.done(await desk.add("ready.txt"))
    desk.reader.gate = asyncio.Event()
    reading = await desk.add("reading.txt")
    await desk.reader.began(2)
    await desk.attaching.remove("anna", desk.chat, reading.id)
    await desk.attaching.remove("anna", desk.chat, ready.id)
    await desk.attaching.room.idle()
    assert desk.store.waiting("anna", desk.chat) == []
    assert desk.bytes_left == 0
    assert desk.used == (1, 0), "what was read has been looked at; what was not, costs nothing"


async def test_what_was_sent_cannot_be_taken_back(desk: Desk) -> None:
    one = await desk.done(await desk.add())
    desk.store.take("anna", desk.chat, [one.id], "turn-1")
    with pytest.raises(Conflict, match="attachment_sent"):
        await desk.attaching.remove("anna", desk.chat, one.id)
    assert desk.bytes_left == 1


async def test_a_link_is_fetched_and_read_as_the_page_that_it_is(desk: Desk) -> None:
    one = await desk.attaching.add_link("anna", desk.chat, "coast.example/north")
    assert (one.kind, one.name, one.url) == ("web", "coast.example/north", "https://coast.example/north")
    page = await desk.done(one)
    assert (page.state, page.name) == ("ready", "Light <b>houses</b>")
    assert page.text == f"## The light\n\n{LAMP}"
    assert desk.web.asked == ["https://coast.example/north"]
    assert desk.used == (1, 0)
    assert desk.bytes_left == 0


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "https://u:p@a.example/", "a\nb", "x" * 3_000]
)
async def test_what_is_no_address_is_refused_at_once(desk: Desk, url: str) -> None:
    with pytest.raises(ParleyError) as refused:
        await desk.attaching.add_link("anna", desk.chat, url)
    assert refused.value.code in ("url_bad", "text_too_long")
    assert desk.used == (0, 0)


async def test_a_page_that_cannot_be_had_says_why(desk: Desk) -> None:
    desk.web.error = BadInput("url_refused")
    one = await desk.done(await desk.attaching.add_link("anna", desk.chat, "http://10.0.0.1/"))
    assert (one.state, one.error) == ("failed", "url_refused")
    desk.web.error = None
    desk.web.page_ = msgspec.structs.replace(desk.web.page_, text="Loading", needs_script=True)
    one = await desk.done(await desk.attaching.add_link("anna", desk.chat, "https://app.example/"))
    assert one.error == "page_needs_script"
    assert desk.used == (0, 0)


async def test_a_recording_is_written_down_stretch_by_stretch(desk: Desk) -> None:
    sound = (3_000 * np.sin(np.arange(70 * HEARD_RATE) / 9)).astype("<i2").tobytes()
    desk.reader.found["memo.wav"] = Read(kind="audio", media_type="audio/wav", sound=sound, seconds=70.0)
    one = await desk.done(await desk.add("memo.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)))
    assert (one.state, one.kind, one.seconds) == ("ready", "audio", 70.0)
    assert one.text == "\n\n".join([desk.ear.text] * len(desk.ear.calls))
    assert sum(desk.ear.calls) == pytest.approx(70.0)
    assert max(desk.ear.calls) <= 28.0


async def test_a_recording_in_which_nobody_speaks_says_so(desk: Desk) -> None:
    desk.ear.text = ""
    desk.reader.found["memo.wav"] = Read(kind="audio", media_type="audio/wav", sound=bytes(32_000), seconds=1.0)
    one = await desk.done(await desk.add("memo.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)))
    assert (one.state, one.error) == ("failed", "recording_silent")


async def test_what_was_being_read_when_the_program_died_fails_and_can_be_tried_again(desk: Desk) -> None:
    desk.reader.gate = asyncio.Event()
    one = await desk.add()
    await desk.attaching.close()  # as if it had been killed: nothing more is written
    assert desk.store.get("anna", desk.chat, one.id).state == "reading"
    assert desk.used == (0, 1)
    desk.reader.gate = None
    desk.attaching = desk.another()
    await desk.attaching.start()
    assert desk.store.get("anna", desk.chat, one.id).state == "reading", "it may be another process's"
    desk.clock.seconds += module.SILENT_S + 1
    await desk.attaching.start()
    failed = desk.store.get("anna", desk.chat, one.id)
    assert (failed.state, failed.error) == ("failed", "attachment_interrupted")
    assert desk.used == (0, 0)
    await desk.attaching.again("anna", desk.chat, one.id)
    assert (await desk.done(one)).text == LAMP
    assert desk.used == (1, 0)


async def test_what_is_held_for_one_that_was_never_kept_comes_free_again(desk: Desk) -> None:
    desk.reader.gate = asyncio.Event()
    await desk.add()
    now = desk.clock.now()
    lost = Hold(id="lost", owner="anna", feature="attachments", window="", amount=1, at=now, expires_at=now + HELD)
    voice = msgspec.structs.replace(lost, id="turn", feature="voice_seconds")
    for hold in (lost, voice):  # as if the program had died right after
        desk.meters.hold(hold, 99, 1)
    assert desk.used == (0, 2)
    await desk.attaching.start()
    assert desk.used == (0, 2)
    desk.clock.seconds += HELD.total_seconds() + 1
    await desk.attaching.start()
    assert desk.used == (0, 1), "the one that is being read here is held on"
    assert desk.meters.used("anna", "voice_seconds", "") == (0, 1), "turns are settled by those who count them"
    desk.reader.gate.set()


async def test_whoever_looks_finds_out_that_a_reading_died(desk: Desk) -> None:
    desk.reader.gate = asyncio.Event()
    one = await desk.add()
    await desk.attaching.close()
    desk.attaching = desk.another()
    desk.clock.seconds += module.SILENT_S + 1
    assert [found.error for found in await desk.attaching.waiting("anna", desk.chat)] == ["attachment_interrupted"]
    assert desk.store.get("anna", desk.chat, one.id).state == "failed"


async def test_a_reading_that_lives_is_left_alone_by_other_processes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    desk.reader.gate = asyncio.Event()
    one = await desk.add()
    desk.clock.seconds += module.SILENT_S + 1
    async with asyncio.timeout(60):
        while desk.store.get("anna", desk.chat, one.id).moved_at < desk.clock.now():  # noqa: ASYNC110 - its sign of life
            await asyncio.sleep(0.01)
    other = desk.another()
    assert [found.state for found in await other.waiting("anna", desk.chat)] == ["reading"]
    desk.reader.gate.set()


async def test_with_a_chat_that_is_erased_its_files_go_first(desk: Desk) -> None:
    desk.reader.found["sea.png"] = Read(kind="image", media_type="image/png", image=JPEG)
    one = await desk.done(await desk.add("sea.png", b"\x89PNG\r\n\x1a\n" + bytes(40)))
    desk.store.take("anna", desk.chat, [one.id], "turn-1")
    assert desk.bytes_left == 2
    desk.chats.delete("anna", desk.chat, desk.clock.now())
    assert await desk.attaching.purge(desk.clock.now()) == 0
    assert await desk.attaching.purge(desk.clock.now() + timedelta(seconds=1)) == 1
    assert desk.bytes_left == 0
    assert desk.chats.purge(desk.clock.now() + timedelta(seconds=1)) == 1
    assert desk.store.owned("anna") == []


async def test_what_a_long_text_means_is_there_once_it_was_read_and_goes_when_it_is_taken_back(desk: Desk) -> None:
    long = await desk.done(await desk.add(data="\n\n".join([LAMP * 8] * 4).encode()))
    short = await desk.done(await desk.add())
    await desk.meanings.idle()
    assert desk.meanings.has([long.id]) and not desk.meanings.has([short.id])
    await desk.attaching.remove("anna", desk.chat, long.id)
    assert not desk.meanings.has([long.id])


async def test_with_what_is_erased_goes_what_nobody_asked_about_for_a_day(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = await desk.done(await desk.add(data="\n\n".join([LAMP * 8] * 4).encode()))
    await desk.meanings.idle()
    monkeypatch.setattr(meanings_module, "KEEP_S", -1.0)
    await desk.attaching.purge(desk.clock.now())
    assert not desk.meanings.has([long.id])


async def test_who_closes_leaves_nothing_being_made(desk: Desk) -> None:
    desk.encoder.hold = asyncio.Event()
    await desk.done(await desk.add(data="\n\n".join([LAMP * 8] * 4).encode()))
    await desk.encoder.came.wait()
    await desk.attaching.close()
    await asyncio.wait_for(desk.meanings.idle(), 5)
