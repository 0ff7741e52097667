"""One person, signed in, with the stores in memory."""

from datetime import timedelta

import pytest

from domain.errors import NotAllowed
from domain.jwt_tokens import Issuer
from domain.people import Credentials, Session, User
from domain.sign_ins import Fresh, SignIns
from tests.fakes import HandClock
from tests.fakes_people import Diary, MemoryAccounts, MemorySessions, Town

DEVICE = "Chromium on Linux"


class Club:
    def __init__(self) -> None:
        self.clock, self.town, self.diary = HandClock(), Town(), Diary()
        self.accounts, self.sessions = MemoryAccounts(self.town), MemorySessions(self.town)
        self.issuer = Issuer("s" * 40, "w" * 40, "https://parley.example", self.clock)
        self.sign_ins = SignIns(self.accounts, self.sessions, self.diary, self.issuer, self.clock)
        now = self.clock.now()
        self.user = User(id="u" * 24, username="Anna", email="a@b.example", created_at=now, password_at=now)
        self.town.users[self.user.id] = Credentials(self.user, "hash")
        self.first = self.open("s" * 24)

    def open(self, session_id: str) -> Fresh:
        now = self.clock.now()
        session = Session(
            id=session_id, user_id=self.user.id, device=DEVICE, address="192.0.2.0", created_at=now, seen_at=now,
            proved_at=now, expires_at=now + timedelta(days=30), refresh="first-jti", before="", rotated_at=now,
        )  # fmt: skip
        self.sessions.open(session)
        return self.sign_ins.fresh(session, self.user)

    def renew(self, fresh: Fresh, device: str = DEVICE) -> Fresh:
        return self.sign_ins.renew(fresh.refresh, device, "192.0.2.0")

    def session(self) -> Session:
        session = self.sessions.get("s" * 24)
        assert session is not None
        return session

    def out(self, access: str) -> bool:
        with pytest.raises(NotAllowed, match="token_bad"):
            self.sign_ins.current(access)
        return True

    def refused(self, fresh: Fresh, device: str = DEVICE) -> bool:
        with pytest.raises(NotAllowed, match="token_bad"):
            self.renew(fresh, device)
        return True
