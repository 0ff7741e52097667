"""The two cookies of a sign-in: how they are called, set, read and taken away."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from domain.errors import NotAllowed
from domain.jwt_tokens import ACCESS
from domain.places import loopback
from domain.sign_ins import Fresh
from infra.config import Config
from web import cookies

AnyConnection = ASGIConnection[Any, Any, Any, Any]
ACCESS_COOKIE, REFRESH_COOKIE = "at", "rt"


class SignInCookies:
    """`__Host-at` and `__Host-rt` wherever browsers come by https; plain names on loopback http, and nothing at all
    on http anywhere else: there anybody on the way could read them.
    """

    def __init__(self, config: Config) -> None:
        self._secure, self._host = config.secure, config.host

    def check(self, request: AnyConnection) -> None:
        """Raises NotAllowed("https_needed") where nobody can be signed in."""
        if self._prefix(request) is None:
            raise NotAllowed("https_needed")

    def read(self, request: AnyConnection) -> tuple[str, str]:
        """Return the access and the refresh token, each empty when there is none."""
        prefix = self._prefix(request)
        if prefix is None:
            return "", ""
        sent = request.cookies
        return sent.get(prefix + ACCESS_COOKIE, ""), sent.get(prefix + REFRESH_COOKIE, "")

    def of(self, request: AnyConnection, fresh: Fresh) -> list[Cookie]:
        """Return the cookies to set. Raises NotAllowed("https_needed")."""
        self.check(request)
        session = fresh.signed.session
        left = session.expires_at - session.rotated_at  # it was opened or rotated just now
        return [
            self._cookie(request, ACCESS_COOKIE, fresh.access, ACCESS),
            self._cookie(request, REFRESH_COOKIE, fresh.refresh, max(left, timedelta(seconds=1))),
        ]

    def none(self, request: AnyConnection) -> list[Cookie]:
        """Return what takes the cookies away."""
        if self._prefix(request) is None:
            return []
        return [self._cookie(request, name, "", timedelta()) for name in (ACCESS_COOKIE, REFRESH_COOKIE)]

    def _cookie(self, request: AnyConnection, name: str, value: str, life: timedelta) -> Cookie:
        return cookies.made(name, value, int(life.total_seconds()), secure=self._prefix(request) == "__Host-")

    def _prefix(self, request: AnyConnection) -> str | None:
        if self._secure or request.scope.get("scheme") == "https":
            return "__Host-"
        return "" if loopback(self._host) or loopback(_name(request.headers.get("host", ""))) else None


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
