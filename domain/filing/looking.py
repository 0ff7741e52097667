"""What a turn asks of what was thrown into its chat."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.chat import Message
from domain.errors import ParleyError
from domain.filing.meanings import Meanings
from domain.filing.model import Attachment
from domain.filing.passages import parts_of
from domain.filing.ports import Attachments
from domain.filing.showing import EARLIER, Shown, show
from domain.filing.whole import of_the_whole
from domain.ports import Vector

log = logging.getLogger(__name__)
PICTURE_S = 2.0  # a picture that is not there by then is not looked at: nobody is kept waiting for a disk


class Attached(msgspec.Struct, frozen=True):
    """What a turn may look at, texts and all: what came with it (`fresh`: their ids) and what came earlier."""

    all: tuple[Attachment, ...] = ()
    fresh: tuple[str, ...] = ()


class Pictures(Protocol):
    """What is needed of domain.filing.cabinet.Cabinet."""

    async def bytes_of(self, owner: str, file_id: str) -> bytes: ...


class Looking:
    """`characters`: how much the LLM is given to read of attachments and sources together; `sees`: pictures too.

    Without a store there is nothing to look at, without `meanings` words alone choose the part of a long text. Methods
    that are not async wait for the store.
    """

    def __init__(
        self, store: Attachments | None = None, pictures: Pictures | None = None, characters: int = 0,
        sees: bool = False, meanings: Meanings | None = None,
    ) -> None:  # fmt: skip
        self._store, self._pictures, self._meanings = store, pictures, meanings
        self._characters, self._sees = characters, sees and pictures is not None

    def read(self, owner: str, chat_id: str, ids: Sequence[str] | None) -> Attached:
        """Return what there is; of `ids` what is ready, for None all that waits and is."""
        if self._store is None:
            return Attached()
        if ids is None:
            ids = [one.id for one in self._store.waiting(owner, chat_id) if one.state == "ready"]
        found = self._store.to_show(owner, chat_id, ids, EARLIER)
        return Attached(tuple(found), tuple(one.id for one in found if one.id in ids))

    async def show(self, question: str, attached: Attached, history: Sequence[Message]) -> Shown:
        """Return what goes before the model for this question; pictures as soon as they are there.

        Chosen by words, which is at once; `Shown.nearer` of it asks for the meaning too.
        """
        if not attached.all:
            return Shown()
        shown = await asyncio.to_thread(
            show, question, attached.all, attached.fresh, history, self._characters, sees=self._sees
        )
        if shown.pictures:
            images = await asyncio.gather(*map(self._image, shown.pictures))
            seen = [(one, image) for one, image in zip(shown.pictures, images, strict=True) if image]
            shown = msgspec.structs.replace(
                shown, pictures=tuple(one for one, _ in seen), images=tuple(image for _, image in seen)
            )
        return self._with_meaning(question, attached, history, shown)

    def take(self, owner: str, chat_id: str, ids: Sequence[str], turn_id: str) -> tuple[Attachment, ...]:
        """What came with a turn is that turn's from now on; return their heads."""
        return tuple(self._store.take(owner, chat_id, ids, turn_id)) if self._store is not None and ids else ()

    def give_back(self, owner: str, chat_id: str, turn_id: str) -> None:
        """The turn is forgotten."""
        if self._store is not None:
            self._store.give_back(owner, chat_id, turn_id)

    def of_turn(self, owner: str, chat_id: str, turn_id: str) -> tuple[Attachment, ...]:
        if self._store is None:
            return ()
        return tuple(one for one in self._store.of_chat(owner, chat_id) if one.turn_id == turn_id)

    def _with_meaning(self, question: str, attached: Attached, history: Sequence[Message], shown: Shown) -> Shown:
        """Where something is known of what is shown, it can be asked for; else it is made for the next question."""
        meanings, ids = self._meanings, {one.attachment_id for one in shown.citations}
        if meanings is None:
            return shown
        for one in attached.all:
            if one.id in ids:
                meanings.make(one)
        if of_the_whole(question) or not meanings.has(sorted(ids)):
            return shown

        def choose(vector: Vector) -> Shown:
            parts = {one.id: parts_of(one.id, one.name, one.text, self._characters) for one in attached.all}
            near = meanings.near(vector, parts)
            return show(question, attached.all, attached.fresh, history, self._characters, near=near)

        async def nearer() -> Shown:
            try:
                vector = await meanings.asked(question)
                if vector is None:
                    return shown
                better = await asyncio.to_thread(choose, vector)
            except Exception:
                log.exception("an attachment is looked at by its words alone")
                return shown
            return msgspec.structs.replace(shown, citations=better.citations, kinds=better.kinds)

        return msgspec.structs.replace(shown, nearer=nearer)

    async def _image(self, attachment: Attachment) -> bytes:
        """Return a picture, b"" where it cannot be had: its words are there still."""
        assert self._pictures is not None  # noqa: S101 - else nothing is to be seen
        try:
            async with asyncio.timeout(PICTURE_S):
                return await self._pictures.bytes_of(attachment.owner, attachment.image_id)
        except (ParleyError, TimeoutError) as error:
            log.warning("a picture is not looked at: %s", error)
            return b""
