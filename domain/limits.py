"""How often who may do what: every limit of the program in one table, and the gatekeeper who asks it.

A window begins with its first hit and lasts `window_s`; then counting starts anew. So at most twice `most` hits fit
into any stretch of one window's length, and never more than `most` into a window itself. What is refused is not
counted: whoever knocks on a closed door does not keep it closed.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Literal, NoReturn

import msgspec

from domain.audit import happened
from domain.errors import TooMany
from domain.people import AuditEvent, Limits
from domain.ports import Clock

MINUTE, HOUR, DAY = 60, 3_600, 86_400

LimitName = Literal[
    "sign_in", "sign_in_address", "sign_in_account", "register", "recover", "recover_address", "confirm", "code",
    "passkey", "prove", "change", "question", "turn_guest", "turn_user", "turn_address", "export",
    "upload", "save_chat", "buy",
    "attach", "source", "source_change", "crawl", "search_guest", "search_user", "search_address",
]  # fmt: skip


class Limit(msgspec.Struct, frozen=True):
    most: int
    window_s: int
    subject: str  # what is counted, in words for the documents


LIMITS: dict[LimitName, Limit] = {
    # A person mistypes; PyPI gives ten tries in five minutes too.
    "sign_in": Limit(10, 5 * MINUTE, "account + address"),
    # A school behind one address signs in at nine o'clock; a list of stolen passwords is longer than this.
    "sign_in_address": Limit(60, 10 * MINUTE, "address"),
    # NIST 800-63B asks for at most 100 failures on one account. Who has signed in from there before is not asked.
    "sign_in_account": Limit(100, DAY, "account, from addresses that it has not used"),
    "register": Limit(10, HOUR, "address"),
    "recover": Limit(5, DAY, "mail address + address: nobody's mailbox is to be filled from here"),
    "recover_address": Limit(20, HOUR, "address"),
    "confirm": Limit(30, HOUR, "address"),
    "code": Limit(10, HOUR, "account + address"),
    "passkey": Limit(30, 10 * MINUTE, "address"),
    "prove": Limit(10, 5 * MINUTE, "session"),
    "change": Limit(20, HOUR, "user"),
    "question": Limit(5, DAY, "account"),
    # A turn is a sentence or two spoken and one listened to: thirty in a minute are no conversation.
    "turn_guest": Limit(30, MINUTE, "guest"),
    "turn_user": Limit(60, MINUTE, "user"),
    "turn_address": Limit(240, MINUTE, "address"),
    "export": Limit(5, DAY, "user"),
    # Each is a file of 50 MB at most; removing and sending again goes round the quota, not round this.
    "upload": Limit(120, HOUR, "user: files sent, moved, removed and brought back"),
    # With its sound every line of a conversation is spoken again.
    "save_chat": Limit(30, HOUR, "user: conversations saved"),
    # Each asks a provider of payments for something; a person changes their mind, a script tries coupons.
    "buy": Limit(60, HOUR, "user: orders, coupons tried, and changes of a membership"),
    # What could not be read costs nothing of the plan, but time of ours.
    "attach": Limit(120, HOUR, "user: attachments, and those that are read again"),
    # A list of a hundred addresses is one call of the API; each of them is asked for, read and kept.
    "source": Limit(300, HOUR, "user: sources given"),
    # Each leaves a row in the audit log: who clears a full shelf one by one gets through, a script does not go on.
    "source_change": Limit(300, HOUR, "user: sources changed, paused, removed, brought back"),
    "crawl": Limit(60, HOUR, "user: visits asked for out of turn"),
    # Every search embeds its words: a person looks something up, a program walks through all of it.
    "search_guest": Limit(30, MINUTE, "guest"),
    "search_user": Limit(120, MINUTE, "user"),
    "search_address": Limit(240, MINUTE, "address"),
}


class Gatekeeper:
    """Counts what is done and refuses what is too much, with TooMany("slow_down", retry_after=whole seconds).

    `note` is told of the first refusal of each window: an audit log that grew with every refused request would be
    the easiest thing to fill. Raises Unavailable when the counters cannot be reached.
    """

    def __init__(self, limits: Limits, clock: Clock, note: Callable[[AuditEvent], None] | None = None) -> None:
        self._limits, self._clock, self._note = limits, clock, note

    async def check(self, name: LimitName, *subject: str, actor: str = "", address: str = "") -> None:
        """`subject` is who is counted, in as many parts as it has; `actor` and `address` are for the audit log."""
        await asyncio.to_thread(self.check_now, name, *subject, actor=actor, address=address)

    def check_now(self, name: LimitName, *subject: str, actor: str = "", address: str = "") -> None:
        """The same, for threads."""
        self._check([(name, subject)], actor, address)

    async def check_both(
        self, one: tuple[LimitName, str], other: tuple[LimitName, str], actor: str = "", address: str = ""
    ) -> None:
        """Check two at once, in one unit of work: where something waits for it."""
        both = [(name, (subject,)) for name, subject in (one, other)]
        await asyncio.to_thread(self._check, both, actor, address)

    def _check(self, asked: Sequence[tuple[LimitName, tuple[str, ...]]], actor: str, address: str) -> None:
        now = self._clock.now()
        wanted = [(_key(name, subject), LIMITS[name].most, LIMITS[name].window_s) for name, subject in asked]
        waits = self._limits.hit_all(wanted, now) if len(wanted) > 1 else [self._limits.hit(*wanted[0], now)]
        for (name, _), (key, _, _), wait_s in zip(asked, wanted, waits, strict=True):
            if wait_s > 0:
                self._refuse(name, key, wait_s, actor, address)

    def _refuse(self, name: LimitName, key: str, wait_s: float, actor: str, address: str) -> NoReturn:
        limit, now = LIMITS[name], self._clock.now()
        if self._note is not None and self._limits.hit(f"noted {key}", 1, limit.window_s, now) <= 0:
            self._note(happened("limit_reached", now, actor or "system", target=name, address=address))
        raise TooMany("slow_down", retry_after=max(1, math.ceil(wait_s)))

    async def sign_in(self, account: str, address: str, known: bool = False, person: str = "") -> None:
        """Count one attempt before the password is looked at.

        `account` is the folded login, whether it exists or not; `person` whose it is: the ceiling is one for the
        name, the address and the number of an account, or there would be three times the guesses. `known` says that
        this account has signed in from this address (or with this browser) before: then strangers who spend its
        ceiling do not lock it out.
        """
        await self.check("sign_in_address", address, address=address)
        await self.check("sign_in", account, address, address=address)
        if not known:
            await self.check("sign_in_account", person or account, address=address)

    async def signed_in(self, account: str, address: str) -> None:
        """It was the right password: the mistyped ones are forgiven, those of the address and of strangers are not."""
        await self.forget("sign_in", account, address)

    async def forget(self, name: LimitName, *subject: str) -> None:
        await asyncio.to_thread(self._limits.forget, _key(name, subject))

    async def left(self, name: LimitName, *subject: str) -> int:
        limit = LIMITS[name]
        return await asyncio.to_thread(
            self._limits.left, _key(name, subject), limit.most, limit.window_s, self._clock.now()
        )


def _key(name: str, subject: tuple[str, ...]) -> str:
    """Lengths keep ("ab", "c") and ("a", "bc") apart: whoever chooses a name may not choose somebody else's counter."""
    return " ".join([name, *(f"{len(part)}:{part}" for part in subject)])
