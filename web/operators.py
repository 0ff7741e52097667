"""Who may see what things cost: admins, whoever has the key, or sits at the machine itself."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadSignature, TimestampSigner
from litestar import Request
from litestar.datastructures import Cookie

from domain.errors import NotFound, TooMany
from domain.places import loopback
from infra.config import Config
from web import cookies
from web.callers import Caller
from web.visitors import place

NAME = "operator"
SESSION_S = 12 * 3600
TRIES, WINDOW_S = 5, 60.0  # wrong keys from one address, per minute
ADDRESSES = 1_000  # remembered; who was quiet for longest is forgotten first
# What a proxy adds. It reaches us from this machine, but whoever asked it may sit anywhere.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")

AnyRequest = Request[Any, Any, Any]


class _Signer(TimestampSigner):
    now: Callable[[], float] = staticmethod(time.time)

    def get_timestamp(self) -> int:
        return int(self.now())


class Operators:
    """Admins; with OPERATOR_KEY, whoever has signed in with it; without, only browsers on the very machine."""

    def __init__(self, config: Config, now: Callable[[], float] = time.time) -> None:
        self._config, self._now = config, now
        # The key is part of what signs: another key, or another secret, and everybody is signed out.
        secret = f"{config.secret_key}\n{hashlib.sha256(config.operator_key.encode()).hexdigest()}"
        self._signer = _Signer(secret, salt="operator", key_derivation="hmac", digest_method=hashlib.sha256)
        self._signer.now = now
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def keyed(self) -> bool:
        return self._config.operator_key != ""

    def welcome(self, request: AnyRequest) -> bool:
        """Whether the page is shown; if not, its reader has to sign in. Raises NotFound where there is no page."""
        if _is_admin(request):
            return True
        if self.keyed:
            return self._signed_in(request)
        if not at_the_machine(self._config, request):
            raise NotFound("page_gone")
        return True

    def try_key(self, request: AnyRequest, key: str) -> bool:
        """Raises NotFound where no key opens anything, TooMany for who guesses."""
        if not self.keyed:
            raise NotFound("page_gone")
        tries = self._tries(request)
        if len(tries) >= TRIES:
            raise TooMany("operator_wait")
        right = hmac.compare_digest(_digest(key), _digest(self._config.operator_key))
        if not right:
            tries.append(self._now())
        return right

    def cookie(self, request: AnyRequest) -> Cookie:
        value = self._signer.sign(secrets.token_urlsafe(12)).decode()
        return cookies.made(NAME, value, SESSION_S, self._secure(request), "strict")

    def no_cookie(self, request: AnyRequest) -> Cookie:
        return cookies.made(NAME, "", 0, self._secure(request), "strict")

    def _signed_in(self, request: AnyRequest) -> bool:
        said = request.cookies.get(cookies.named(NAME, self._secure(request)), "")
        try:
            self._signer.unsign(said.encode(), max_age=SESSION_S)
        except (BadSignature, UnicodeError):
            return False
        return True

    def _tries(self, request: AnyRequest) -> deque[float]:
        """Return when this address sent wrong keys lately."""
        who = place(request).network  # what one person cannot change at will
        tries = self._wrong.setdefault(who, deque(maxlen=TRIES))
        self._wrong.move_to_end(who)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)
        while tries and tries[0] <= self._now() - WINDOW_S:
            tries.popleft()
        return tries

    def _secure(self, request: AnyRequest) -> bool:
        return self._config.secure or request.scope.get("scheme") == "https"



def _is_admin(request: AnyRequest) -> bool:
    caller = (request.scope.get("state") or {}).get("caller")
    return isinstance(caller, Caller) and caller.role == "admin"


def at_the_machine(config: Config, request: AnyRequest) -> bool:
    """Whether nobody but this machine can be asking.

    The program listens to nothing else, no proxy is announced or has left its mark, and the browser believes to
    talk to this machine: a page of another site whose name was rebound to 127.0.0.1 sends that name.
    """
    if not loopback(config.host) or config.public_url or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    return loopback(request.client.host if request.client else "") and loopback(host)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
