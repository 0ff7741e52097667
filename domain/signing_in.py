"""Signing in and out, the list of sessions, and giving the password again before a sensitive change."""

import secrets
from datetime import timedelta

from domain.desk import Desk, SignedIn, hashed
from domain.errors import NotAllowed, NotFound
from domain.people import Credentials, Session, User
from domain.places import Place
from domain.sign_ins import IDLE, Fresh, new_jti
from domain.usernames import kind_of

BROWSER = timedelta(days=180)  # how long a browser that signed in is known
MOST_SESSIONS = 50  # of one account: more browsers than anybody has, and a list that a person can still read
QUIET = ("confirmed", "password_changed")  # ways in of which the person need not be told


class SigningIn(Desk):
    async def sign_in(self, login: str, password: str, place: Place) -> SignedIn:
        """Sign in with a user name, an e-mail address or a number.

        One answer for "nobody of this name" and "wrong password", after the same work: one search, one Argon2.
        Raises NotAllowed("sign_in_failed" or "account_suspended"), TooMany("slow_down"), Unavailable.
        """
        found = self._alive(await self._do(self._accounts.by_login, login))
        known = await self._knows(place, found.user.id if found else "")
        kind, name = kind_of(login)
        account = f"{kind}:{name}" if kind else hashed(login)
        # A browser that has been here before is counted by itself: strangers can't use up its tries, wherever they are.
        counted = f"browser {hashed(place.browser or '')}" if known else place.network
        await self._gate.sign_in(account, counted, known, found.user.id if found else "")
        good = await self._hasher.verify(found.password_hash if found else await self._hasher.dummy(), password)
        if found is None or not good:
            await self._note("sign_in_failed", "system", found.user.id if found else "", place)
            raise NotAllowed("sign_in_failed")
        if self._hasher.needs_rehash(found.password_hash):
            newer = await self._hasher.hash(password)
            await self._do(self._accounts.rehash, found.user.id, found.password_hash, newer)
        await self._gate.signed_in(account, counted)
        return await self.open_session(found.user, place, "password")

    async def open_session(self, user: User, place: Place, way: str) -> SignedIn:
        """Open a session for somebody who has proved who they are, by `way`: password, passkey, confirmed, ...

        Whoever wanted the account deleted keeps it by this. `user` is as it was when the proof was asked for. Raises
        NotAllowed("account_suspended"), and "sign_in_failed" for an account that is gone, or since then got another
        password or was suspended or marked for erasure.
        """
        if user.suspended_at is not None:
            raise NotAllowed("account_suspended")
        if self._alive(Credentials(user, "")) is None:
            raise NotAllowed("sign_in_failed")
        restored = user.deleted_at is not None
        if restored:
            user = await self._do(self._accounts.delete, user.id, None)
            await self._note("deletion_undone", user.id, place=place)
        known, browser, now = await self._knows(place, user.id), "", self._now()
        if not known and place.browser is not None:
            browser = await self._remember(user.id)
        session = Session(
            id=secrets.token_urlsafe(18), user_id=user.id, device=place.label, address=place.about, created_at=now,
            seen_at=now, proved_at=now, expires_at=now + timedelta(days=self.rules.refresh_days),
            refresh=new_jti(), before="", rotated_at=now,
        )  # fmt: skip
        await self._do(self._sessions.open, session)
        # Looked at again now that whoever ends all sessions would find this one too: an old password opens nothing new.
        current = await self._do(self._accounts.get, user.id)
        if current.password_at != user.password_at or current.suspended_at or current.deleted_at:
            await self._do(self._sessions.revoke, session.id, now)
            raise NotAllowed("sign_in_failed")
        for unused in (await self.sessions(session))[MOST_SESSIONS:]:  # those that were used last come first
            await self._do(self._sessions.revoke, unused.id, now)
        await self._note("signed_in", user.id, session.id, place, way=way)
        if not known and way not in QUIET:
            await self._mail("new_sign_in", user, "/account/sessions", place)
        self._sign_ins.forget(user.id)
        return SignedIn(self._sign_ins.fresh(session, user), browser, restored)

    async def _remember(self, user_id: str) -> str:
        """Return a new cookie for a browser that is no stranger any more."""
        browser = secrets.token_urlsafe(24)
        await self._do(self._tokens.put, hashed(browser), "browser", user_id, "", self._now() + BROWSER)
        return browser

    async def _knows(self, place: Place, user_id: str) -> bool:
        if not place.browser:
            return False
        owner = await self._do(self._tokens.peek, hashed(place.browser), "browser", self._now())
        return owner is not None and owner[0] == user_id

    async def prove(self, session: Session, password: str, place: Place) -> Fresh:
        """Return the session's new tokens; the old ones are no good any more. Raises NotAllowed("password_wrong")."""
        await self._check_password_of(session, password, place)
        user = await self._do(self._accounts.get, session.user_id)
        fresh = await self._do(self._sign_ins.proved, session, user)
        await self._note("proved", session.user_id, session.id, place)
        return fresh

    async def _check_password_of(self, session: Session, password: str, place: Place) -> None:
        await self._gate.check("prove", session.id, actor=session.user_id, address=place.about)
        known = await self._do(self._accounts.credentials, session.user_id)
        if not await self._hasher.verify(known.password_hash, password):
            await self._note("prove_failed", session.user_id, session.id, place)
            raise NotAllowed("password_wrong", field="password")

    async def sign_out(self, session: Session, place: Place) -> None:
        await self._do(self._sessions.revoke, session.id, self._now())
        await self._note("signed_out", session.user_id, session.id, place)

    async def sessions(self, session: Session) -> list[Session]:
        """Return those of the same person that are alive, the last seen first."""
        now = self._now()
        found = await self._do(self._sessions.of, session.user_id, now)
        return [each for each in found if now - each.seen_at <= IDLE]

    async def end_session(self, session: Session, other: str, place: Place) -> None:
        """End one of one's own. Raises NotFound("session_gone") for all else."""
        found = await self._do(self._sessions.get, other)
        if found is None or found.user_id != session.user_id or found.revoked_at is not None:
            raise NotFound("session_gone")
        await self._do(self._sessions.revoke, other, self._now())
        await self._note("session_ended", session.user_id, other, place)

    async def end_others(self, session: Session, place: Place) -> int:
        ended = await self._do(self._sessions.revoke_all, session.user_id, self._now(), session.id)
        await self._note("sessions_ended", session.user_id, session.id, place, sessions=ended)
        return ended
