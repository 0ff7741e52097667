"""Signed tokens: access, refresh, reset, and those that a call of a function carries.

A token is accepted in exactly the form in which `Issuer` writes it. PyJWT with all its usual options still takes
`exp` as text or as 10^30, an empty `sub`, lists of audiences, doubled keys, any `typ`, padding, the letters `+/`, and
5 MB; each is refused here, before or after PyJWT has checked the signature, the audience and the issuer.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import jwt
import msgspec

from domain.errors import NotAllowed
from domain.people import Session, User
from domain.ports import Clock

TokenType = Literal["access", "refresh", "reset", "worker"]
Function = Literal["asr", "tts", "llm", "embed"]
ACCESS = timedelta(minutes=10)
RESET = timedelta(minutes=30)
WORKER = timedelta(seconds=60)
# No token of a type lives for longer, whatever it says itself.
LONGEST: dict[TokenType, timedelta] = {
    "access": ACCESS,
    "refresh": timedelta(days=366),
    "reset": RESET,
    "worker": WORKER,
}
SKEW = timedelta(seconds=5)  # between the clocks of several processes
MOST = 4_096  # characters; ours are about 400
_ALGORITHM = "HS256"  # the one that is ever read: `none` and all that takes public keys are not looked up
_TYP: dict[TokenType, str] = {"access": "at+jwt", "refresh": "rt+jwt", "reset": "reset+jwt", "worker": "worker+jwt"}
_CLAIMS = {"iss", "aud", "type", "sub", "sid", "jti", "iat", "exp"}
_FORM = re.compile(r"[A-Za-z0-9_-]{1,200}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Claims(msgspec.Struct, frozen=True):
    """What a good token says."""

    type: TokenType
    subject: str  # a user's id; of worker tokens, what they may call
    session: str  # a session's id; of reset tokens the recovery's, of worker tokens the turn's
    id: str
    issued_at: datetime
    expires_at: datetime


class Issuer:
    """Writes tokens and reads them back. Reading raises NotAllowed("token_bad") and nothing else."""

    def __init__(self, secret: str, worker_secret: str, issuer: str, clock: Clock) -> None:
        """`issuer` is the address of this site: tokens of another one are refused even if the secret is the same."""
        self._issuer = issuer or "parley"
        self._clock = clock
        # Each type has its own key: a token of one type can't be read as another, whatever it claims to be.
        self._keys: dict[TokenType, bytes] = {
            kind: _derived(worker_secret if kind == "worker" else secret, kind) for kind in get_args(TokenType)
        }
        self._csrf = _derived(secret, "csrf")

    def access(self, session: Session, user: User) -> str:
        return self._write("access", user.id, session.id, _new_id(), ACCESS)

    def refresh(self, session: Session, jti: str) -> str:
        """`jti` is what the session's row knows as good now; the token ends with the session."""
        left = min(session.expires_at - self._clock.now(), LONGEST["refresh"])
        return self._write("refresh", session.user_id, session.id, jti, left)

    def reset(self, user_id: str, recovery: str, life: timedelta = RESET) -> str:
        return self._write("reset", user_id, recovery, _new_id(), min(life, RESET))

    def worker(self, function: Function, turn_id: str = "") -> str:
        return self._write("worker", function, turn_id or "none", _new_id(), WORKER)

    def csrf(self, session_id: str) -> str:
        """Return what the pages of this session send along with every change."""
        return _text(hmac.digest(self._csrf, session_id.encode(), "sha256")).rstrip("=")

    def read_access(self, token: str) -> Claims:
        return self._read("access", token)

    def read_refresh(self, token: str) -> Claims:
        return self._read("refresh", token)

    def read_reset(self, token: str) -> Claims:
        return self._read("reset", token)

    def read_worker(self, token: str, function: Function) -> Claims:
        claims = self._read("worker", token, _audience("worker", function))
        if claims.subject != function:
            raise NotAllowed("token_bad")
        return claims

    def _write(self, kind: TokenType, subject: str, session: str, jti: str, life: timedelta) -> str:
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": _audience(kind, subject),
            "type": kind,
            "sub": subject,
            "sid": session,
            "jti": jti,
            "iat": now,
            "exp": now + max(1, int(life.total_seconds())),
        }
        return jwt.encode(claims, self._keys[kind], _ALGORITHM, headers={"typ": _TYP[kind]})

    def _read(self, kind: TokenType, token: str, audience: str = "") -> Claims:
        # ValueError: what JSON, UTF-8, base64 and large numbers raise; RecursionError: deep JSON in a signed token.
        try:
            return self._checked(kind, token, audience or _audience(kind, ""))
        except (jwt.PyJWTError, ValueError, TypeError, LookupError, RecursionError):
            raise NotAllowed("token_bad") from None  # nothing of the token goes to a log

    def _checked(self, kind: TokenType, token: object, audience: str) -> Claims:
        """Raises ValueError for what PyJWT lets by."""
        if not isinstance(token, str) or len(token) > MOST or not _FORM.fullmatch(token):
            raise ValueError
        header, payload, signature = token.split(".")
        _bytes(signature)
        if _object(_bytes(header)) != {"alg": _ALGORITHM, "typ": _TYP[kind]}:
            raise ValueError  # no kid, jku, jwk, x5u, crit, b64: nothing chooses a key or a rule but us
        jwt.decode(
            token,
            self._keys[kind],
            [_ALGORITHM],
            audience=audience,
            issuer=self._issuer,
            # Times are checked below, by our own clock and as numbers.
            options={"strict_aud": True, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        return self._claims(kind, _object(_bytes(payload)))

    def _claims(self, kind: TokenType, told: dict[str, Any]) -> Claims:
        if set(told) != _CLAIMS or told["type"] != kind:
            raise ValueError
        if not all(isinstance(told[name], str) and _ID.fullmatch(told[name]) for name in ("sub", "sid", "jti")):
            raise ValueError
        issued, expires = told["iat"], told["exp"]
        if type(issued) is not int or type(expires) is not int:  # True is an int, and 1.0 is none
            raise ValueError
        now = self._clock.now().timestamp()
        longest = LONGEST[kind].total_seconds()
        if not (0 < expires - issued <= longest and issued <= now + SKEW.total_seconds() and now < expires):
            raise ValueError
        moments = [datetime.fromtimestamp(moment, UTC) for moment in (issued, expires)]
        return Claims(kind, told["sub"], told["sid"], told["jti"], moments[0], moments[1])


def _audience(kind: TokenType, subject: str) -> str:
    return f"parley:function:{subject}" if kind == "worker" else f"parley:{kind}"


def _derived(secret: str, name: str) -> bytes:
    """HKDF with SHA-256 (RFC 5869), of which one block is enough."""
    kept = hmac.digest(b"parley tokens", secret.encode(), hashlib.sha256)
    return hmac.digest(kept, name.encode() + b"\x01", hashlib.sha256)


def _bytes(text: str) -> bytes:
    """Decode base64url. Raises ValueError for the other texts that mean the same bytes: bits that are left over."""
    found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(found).rstrip("=") != text:
        raise binascii.Error
    return found


def _text(found: bytes) -> str:
    return base64.urlsafe_b64encode(found).decode()


def _object(raw: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError for anything else, for doubled keys, and for NaN."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError
        return found

    def never(_: str) -> Any:
        raise ValueError

    found = json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_constant=never)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _new_id() -> str:
    return secrets.token_urlsafe(18)
