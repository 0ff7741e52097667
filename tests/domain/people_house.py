"""A house of accounts with everything in memory, and the people in its stories."""

import re
from collections import Counter
from typing import Any

from domain.accounts import People, Place, Rules, SignedIn, Wish
from domain.audio import SPOKEN_RATE, Audio
from domain.chat import Chat
from domain.hashing import Hasher
from domain.jwt_tokens import Issuer
from domain.people import Mail, Session
from tests.fakes import HandClock
from tests.fakes_people import (
    CountingLimits,
    Diary,
    Letterbox,
    MemoryAccounts,
    MemoryKeys,
    MemorySessions,
    MemoryTokens,
    Town,
)

HOME = Place("Chromium on Linux", "192.0.2.7")
CAFE = Place("Safari on iPhone", "198.51.100.9")
THIEF = Place("curl", "203.0.113.66")
PASSWORD = "a tin whistle at noon"
NEWER = "seven herons by the lock"
SECRET = "x" * 48


class QuickHasher(Hasher):
    """Argon2 at its least, and a count of what was asked of it."""

    def __init__(self, parameters: str = "8,1,1") -> None:
        super().__init__(parameters, at_once=2)
        self.asked: Counter[str] = Counter()

    async def hash(self, password: str) -> str:
        self.asked["hash"] += 1
        return await super().hash(password)

    async def verify(self, hashed: str, password: str) -> bool:
        self.asked["verify"] += 1
        return await super().verify(hashed, password)


class House:
    def __init__(self, **rules: Any) -> None:
        self.clock, self.town = HandClock(), Town()
        self.accounts, self.sessions = MemoryAccounts(self.town), MemorySessions(self.town)
        self.tokens, self.keys = MemoryTokens(self.town), MemoryKeys(self.town)
        self.limits, self.diary, self.letters = CountingLimits(), Diary(), Letterbox()
        self.hasher = QuickHasher()
        self.issuer = Issuer(SECRET, SECRET[::-1] + "w", "http://house", self.clock)
        self.people = self.open(**rules)

    def open(self, kind: type[People] = People, **rules: Any) -> Any:
        return kind(
            self.accounts, self.sessions, self.tokens, self.keys, self.limits, self.diary, self.letters,
            self.hasher, self.issuer, self.clock, Rules(**{"site": "https://parley.test", "floor_s": 0.0, **rules}),
        )  # fmt: skip

    @property
    def last(self) -> Mail:
        return self.letters.mails[-1]

    def kinds(self) -> list[str]:
        return [mail.kind for mail in self.letters.mails]

    def actions(self) -> list[str]:
        return [event.action for event in self.diary.events]

    def link(self, mail: Mail | None = None) -> str:
        """Return the token of the link in a mail."""
        found = re.search(r"https://parley\.test/\S+/(\S+)", (mail or self.last).body)
        assert found
        return found[1]

    async def settle(self, name: str = "anna", place: Place = HOME, **more: Any) -> SignedIn:
        """Register and confirm."""
        await self.people.register(Wish(name, f"{name}@x.org", PASSWORD, **more), f"guest-{name}", place)
        signed: SignedIn = await self.people.confirm(self.link(), f"guest-{name}", place)
        return signed

    def alive(self, signed: SignedIn) -> bool:
        kept = self.sessions.get(session_of(signed).id)
        return kept is not None and kept.revoked_at is None


class Silence:
    """A shelf with these lines on it, and no others."""

    def __init__(self, kept: dict[str, bytes] | None = None) -> None:
        self.kept = kept or {}

    def greeting_of(self, chat: Chat) -> str:
        return "Welcome."

    def on_the_shelf(self, chat: Chat, text: str) -> tuple[str, Audio] | None:
        pcm = self.kept.get(text)
        return None if pcm is None else ("".join(filter(str.isalpha, text.lower())), Audio(pcm, SPOKEN_RATE))


def session_of(signed: SignedIn) -> Session:
    return signed.fresh.signed.session


def knowing(place: Place, signed: SignedIn) -> Place:
    """Return the same place with the cookie that signing in left there."""
    return Place(place.device, place.address, signed.browser)
