"""What a passkey signs: a challenge that tells by itself what it is for and how long, and that is taken once.

Nothing is kept of a challenge that nobody answers, so that whoever asks for a million of them fills no table.
"""

import hmac
import secrets
from typing import Literal

from domain.errors import NotAllowed
from domain.people import Limits
from domain.ports import Clock

Purpose = Literal["add", "sign_in", "prove"]
LIFE_S = 300
_NONCE, _UNTIL, _MAC = 16, 8, 32  # bytes


class Challenges:
    def __init__(self, secret: str, spent: Limits, clock: Clock) -> None:
        """`spent` counts what was answered, for all processes: hand in the counters of the database.

        Redis is no place for it: while it is away each process would count for itself, and take an answer anew.
        """
        self._key = hmac.digest(secret.encode(), b"passkey challenge", "sha256")
        self._spent, self._clock = spent, clock

    def new(self, purpose: Purpose, subject: str) -> bytes:
        """`subject` is who may answer: a session's id, or the browser's where nobody is signed in yet."""
        until = int(self._clock.now().timestamp()) + LIFE_S
        told = secrets.token_bytes(_NONCE) + until.to_bytes(_UNTIL, "big")
        return told + self._mac(told, purpose, subject)

    def spend(self, challenge: bytes, purpose: Purpose, subject: str) -> None:
        """Use it up, also when the answer turns out to be wrong: nobody tries twice on one challenge.

        Raises NotAllowed: "passkey_bad" for one that is not ours, "passkey_late" when it is old or was used.
        """
        told, mac = challenge[: _NONCE + _UNTIL], challenge[_NONCE + _UNTIL :]
        if not hmac.compare_digest(mac, self._mac(told, purpose, subject)):
            raise NotAllowed("passkey_bad")
        now = self._clock.now()
        if int.from_bytes(told[_NONCE:], "big") <= now.timestamp():
            raise NotAllowed("passkey_late")
        # The window begins here, so that it ends after the challenge does.
        if self._spent.hit(f"passkey challenge {told.hex()}", 1, LIFE_S, now) > 0:
            raise NotAllowed("passkey_late")

    def _mac(self, told: bytes, purpose: Purpose, subject: str) -> bytes:
        return hmac.digest(
            self._key, b"\n".join([told, purpose.encode(), subject.encode("utf-8", "surrogatepass")]), "sha256"
        )
