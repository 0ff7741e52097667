"""Taking everything along, and leaving."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any

from litestar import Request, Response, post
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from domain.errors import NotAllowed, Unavailable
from domain.people import Session
from domain.places import Place
from infra.wiring import Services
from web.account_pages import NO_STORE, draw, to
from web.browsers import place_of
from web.callers import signed_in
from web.i18n import gettext as _
from web.i18n import reading
from web.needs import NeedGuests, NeedPages, NeedServices, page
from web.routes.account import or_prove, to_prove, too_late
from web.routes.export import attachment
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
Named = tuple[str, bytes | Iterator[bytes]]  # a name inside, and its bytes at once or in pieces
_MODE = 0o600 << 16  # of the files inside: some programs unpack without this into files that nobody may read


@page("/account/export", role="user", sync_to_thread=False)
def export_form(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    if too_late(services, signed_in(request).session):
        return to_prove("/account/export")
    return draw(request, pages, "account/export.html")


@post("/account/export", status_code=200, role="user", raw=True)
async def export(
    request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes] | Stream:
    who = signed_in(request)
    try:
        place = place_of(request, guests)
        files = await services.people.export(who.session, services.chats, services.sounds, place)
    except NotAllowed as error:
        return or_prove(error, "/account/export")
    with reading(pages.ui(request).language):
        read_me = _read_me()
    when = services.clock.now()
    headers = {"content-disposition": attachment(f"Parley {who.user.username} {when:%Y-%m-%d}.zip"), **NO_STORE}
    # Litestar asks an ordinary generator for its pieces in threads: compressing keeps nobody waiting.
    mine = services.knowledge.export(who.user.id)
    bought = services.selling.export(who.user.id)
    thrown_in, kept = services.attaching.export(who.user.id), services.filing.export(who.user.id)
    wanted = as_long_as(partial(services.sign_ins.lives, who.session.id), chain(files, bought, mine, thrown_in, kept))
    pieces = zipped(chain([("README.txt", read_me)], wanted), when.timetuple()[:6])
    return Stream(pieces, media_type="application/zip", headers=headers)


@page("/account/delete", role="user", sync_to_thread=False)
def delete_form(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    if too_late(services, signed_in(request).session):
        return to_prove("/account/delete")
    return draw(request, pages, "account/delete.html")


@post("/account/delete", status_code=303, role="user")
async def delete(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    try:
        await leave(services, signed_in(request).session, place_of(request, guests))
    except NotAllowed as error:
        return or_prove(error, "/account/delete")
    return to("/sign-in", *SignInCookies(services.config).none(request), done="deleted")


async def leave(services: Services, session: Session, place: Place) -> None:
    """Every session ends and no payment follows; signing in within seven days keeps the account."""
    await services.people.delete(session, place)
    with suppress(Unavailable):  # it is done again before the account is erased
        await services.selling.till.leave(session.user_id)


class _Belt(io.RawIOBase):
    """A file that is taken away piece by piece while it is written."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def as_long_as(lives: Callable[[], bool], files: Iterable[Named]) -> Iterator[Named]:
    """Yield files while the session that asked for them is good. Raises NotAllowed("signed_out"): what was sent by then
    is no whole ZIP. Whoever ends a stranger's session ends what it is taking along.
    """
    for each in files:
        if not lives():
            raise NotAllowed("signed_out")
        yield each


def zipped(files: Iterable[Named], at: tuple[int, ...]) -> Iterator[bytes]:
    """Yield a ZIP of these files, one after the other: no more than one of them is ever in memory, and of those that
    come in pieces no more than a piece.
    """
    belt = _Belt()
    with zipfile.ZipFile(belt, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files:
            entry = zipfile.ZipInfo(name, at)  # type: ignore[arg-type]
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _MODE
            with archive.open(entry, "w") as file:
                for piece in [body] if isinstance(body, bytes) else body:
                    file.write(piece)
                    yield belt.take()
            yield belt.take()
    yield belt.take()


def _read_me() -> bytes:
    lines = [
        _("Everything that Parley keeps about you."),
        "",
        _("account.json: the account, its passkeys, and how many recovery codes are left."),
        _("sessions.json: where you are signed in."),
        _("events.json: what was written down about the account for safety."),
        _("membership.json: the plan you have, every order with its receipt, and what you used on which day."),
        _("chats: your conversations, one file each, with every line that was said."),
        _("attachments: what you showed in them, one file each, with the text that was read."),
        _("knowledge: what you gave the characters to read, one file for each source, with the text of its pages."),
        _("files: what you keep here, with files.json that lists it: uploads, saved conversations, attachments."),
        "",
        _("audio: what is kept of the characters' voices in them, mostly greetings; each conversation names its own."),
        "",
        _("Your own voice is not kept, and most lines of the characters are made from their text whenever they sound."),
    ]
    return ("\n".join(lines) + "\n").encode()


ROUTES: list[ControllerRouterHandler] = [export_form, export, delete_form, delete]
