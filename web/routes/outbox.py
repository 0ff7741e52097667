"""Mail of a development server, to be read where it would have been sent. Elsewhere there is no such page."""

import re
from typing import Any, Protocol

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from domain.errors import NotFound
from domain.people import Mail
from infra.config import Config
from web.needs import NeedPages, NeedServices, page
from web.operators import at_the_machine

AnyRequest = Request[Any, Any, Any]
NEWEST = 30
_LINK = re.compile(r"(https?://[!-~]+)")


class Newest(Protocol):
    """infra.mail has both mailers; that of real mail returns nothing."""

    def newest(self, limit: int = 50) -> list[Mail]: ...


NeedOutbox = NamedDependency[SkipValidation[Newest]]


@page("/outbox", sync_to_thread=True)
def outbox(request: AnyRequest, services: NeedServices, outbox: NeedOutbox, pages: NeedPages) -> Response[bytes]:
    """A link in here is as good as a password: only MAIL=outbox, never in production, and only for this machine."""
    if not shown(services.config, request):
        raise NotFound("page_gone")
    mails = [(mail, paragraphs(mail.body)) for mail in outbox.newest(NEWEST)]
    response = pages.page(request, "outbox.html", mails=mails)
    response.headers["cache-control"] = "no-store"
    return response


def shown(config: Config, request: AnyRequest) -> bool:
    return config.mail == "outbox" and not config.production and at_the_machine(config, request)


def paragraphs(body: str) -> list[list[tuple[str, bool]]]:
    """Return the lines that are not empty, each as pieces and whether they are addresses to follow."""
    return [
        [(piece, number % 2 == 1) for number, piece in enumerate(_LINK.split(line)) if piece]
        for line in body.splitlines()
        if line.strip()
    ]
