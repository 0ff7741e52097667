"""One attachment read: a file by the reader, a page by the one fetcher, a recording by who hears."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from domain.errors import BadInput
from domain.filing.kept import kept, title
from domain.filing.model import MOST_CHARS, Attachment
from domain.filing.ports import Reader
from domain.filing.transcribing import Idle, transcript
from domain.knowledge.blocks import CRUMB
from domain.knowledge.model import Section
from domain.knowledge.ports import Fetcher, Parser
from domain.persona import Language
from domain.ports import Transcriber

LEAST_OF_A_PAGE = 200  # characters: a page with less whose scripts would fill it has not been read
TITLE = 120
_FETCHED, _OPENED = 0.4, 0.2  # of the way: a page is there; a recording is decoded

Told = Callable[[float], Awaitable[None]]


class Reading:
    """`idle` waits for a moment when nobody is being answered: the ear is theirs first."""

    def __init__(self, reader: Reader, fetcher: Fetcher, parser: Parser, asr: Transcriber, idle: Idle) -> None:
        self._reader, self._fetcher, self._parser, self._asr, self._idle = reader, fetcher, parser, asr, idle

    async def read(
        self, attachment: Attachment, data: bytes, language: Language, told: Told
    ) -> tuple[Attachment, bytes]:
        """Return it with what was found out, and the picture to keep (b"" where there is none).

        Raises what its parts raise, and BadInput("attachment_empty") where there is nothing to talk about.
        """
        if attachment.url:
            return await self._page(attachment, told), b""
        found = await self._reader.read(data, attachment.name)
        text, cut = found.text, found.cut
        if found.sound:
            await told(_OPENED)

            async def heard(share: float) -> None:
                await told(_OPENED + (1 - _OPENED) * share)

            text, longer = kept(await transcript(found.sound, language, self._asr, self._idle, heard, MOST_CHARS))
            cut = cut or longer
        if not text.strip() and not found.image:
            raise BadInput("recording_silent" if found.kind == "audio" else found.note or "attachment_empty")
        read = msgspec.structs.replace(
            attachment, kind=found.kind, media_type=found.media_type, text=text, cut=cut,
            pages=found.pages, seconds=found.seconds, width=found.width, height=found.height,
        )  # fmt: skip
        return read, found.image

    async def close(self) -> None:
        await self._reader.close()

    async def _page(self, attachment: Attachment, told: Told) -> Attachment:
        fetched = await self._fetcher.fetch(attachment.url)
        await told(_FETCHED)
        page = await self._parser.page(fetched)
        if page.needs_script and len(page.text) < LEAST_OF_A_PAGE:
            raise BadInput("page_needs_script")
        text, cut = kept(_markdown(page.sections))
        if not text:
            raise BadInput("page_empty")
        return msgspec.structs.replace(
            attachment, kind="web", name=title(page.title)[:TITLE].strip() or attachment.name, url=fetched.url,
            media_type=fetched.content_type, size=len(fetched.body), text=text, cut=cut,
        )  # fmt: skip


def _markdown(sections: Sequence[Section]) -> str:
    """A heading is a section too: the last crumb of its own path."""
    return "\n\n".join(
        f"## {one.text}" if one.text == one.heading.split(CRUMB)[-1] else one.text for one in sections
    )
