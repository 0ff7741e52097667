"""Guests: whoever has not signed in, known by a signed cookie. web/authentication.py tells them from people."""

import hashlib
import re
import secrets
from typing import Any

from itsdangerous import BadSignature, Signer
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from infra.config import Config
from web import cookies

_ID = re.compile(r"[A-Za-z0-9_-]{24}\Z")
_YEAR_S = 365 * 24 * 3600


class Guests:
    """Makes and reads the cookie that names a guest.

    `__Host-` and Secure wherever browsers come by https; plain on loopback http, where a Secure cookie
    would not come back.
    """

    def __init__(self, config: Config) -> None:
        self._always_secure = config.secure
        self._signer = Signer(config.secret_key, salt="guest", key_derivation="hmac", digest_method=hashlib.sha256)

    def identify(self, request: ASGIConnection[Any, Any, Any, Any]) -> str:
        """Return the id of who is asking: a new guest's, who owns nothing yet, when nobody is known.

        A new guest comes back as the same one only when the answer carries `cookie`.
        """
        return self.known(request) or new_guest()

    def known(self, request: ASGIConnection[Any, Any, Any, Any]) -> str | None:
        raw = request.cookies.get(cookies.named("guest", self.secure(request)), "")
        try:
            guest = self._signer.unsign(raw.encode()).decode()
        except (BadSignature, UnicodeError):
            return None
        return guest if _ID.match(guest) else None

    def cookie(self, request: Request[Any, Any, Any], guest: str) -> Cookie:
        """Return the cookie that lets this browser come back as the same guest."""
        return cookies.made("guest", self._signer.sign(guest.encode()).decode(), _YEAR_S, self.secure(request))

    def secure(self, request: ASGIConnection[Any, Any, Any, Any]) -> bool:
        return self._always_secure or request.scope.get("scheme") == "https"


def new_guest() -> str:
    return secrets.token_urlsafe(18)
