"""Taking everything along, and leaving."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from litestar import Request, Response, post
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from domain.errors import NotAllowed
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
        files = await services.people.export(who.session, services.chats, place_of(request, guests))
    except NotAllowed as error:
        return or_prove(error, "/account/export")
    with reading(pages.ui(request).language):
        read_me = _read_me()
    when = services.clock.now()
    headers = {"content-disposition": attachment(f"Parley {who.user.username} {when:%Y-%m-%d}.zip"), **NO_STORE}
    # Litestar asks an ordinary generator for its pieces in threads: compressing keeps nobody waiting.
    pieces = zipped({"README.txt": read_me, **files}, when.timetuple()[:6])
    return Stream(pieces, media_type="application/zip", headers=headers)


@page("/account/delete", role="user", sync_to_thread=False)
def delete_form(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    if too_late(services, signed_in(request).session):
        return to_prove("/account/delete")
    return draw(request, pages, "account/delete.html")


@post("/account/delete", status_code=303, role="user")
async def delete(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """Every session ends; signing in within seven days keeps the account."""
    try:
        await services.people.delete(signed_in(request).session, place_of(request, guests))
    except NotAllowed as error:
        return or_prove(error, "/account/delete")
    return to("/sign-in", *SignInCookies(services.config).none(request), done="deleted")


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


def zipped(files: Mapping[str, bytes], at: tuple[int, ...]) -> Iterator[bytes]:
    """Yield a ZIP of these files, one file after the other."""
    belt = _Belt()
    with zipfile.ZipFile(belt, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            entry = zipfile.ZipInfo(name, at)  # type: ignore[arg-type]
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _MODE
            archive.writestr(entry, body)
            yield belt.take()
    yield belt.take()


def _read_me() -> bytes:
    lines = [
        _("Everything that Parley keeps about you."),
        "",
        _("account.json: the account, its passkeys, and how many recovery codes are left."),
        _("sessions.json: where you are signed in."),
        _("events.json: what was written down about the account for safety."),
        _("chats: your conversations, one file each, with every line that was said."),
        "",
        _("There is no sound in here: your voice is not kept, and what the characters say is made from its text."),
    ]
    return ("\n".join(lines) + "\n").encode()


ROUTES: list[ControllerRouterHandler] = [export_form, export, delete_form, delete]
