"""From wanting an account to having one. Nothing on the way tells who has one already.

- Registering answers the same for every address; the mail differs. User names are looked at when the link is followed.
- The link alone makes no account: it wants the browser that registered, or the password that was chosen. Else somebody
  could register with another's address and their own password, and wait for the other to follow the link.
"""

import secrets
from datetime import timedelta
from urllib.parse import quote

import msgspec

from domain import mails
from domain.desk import SignedIn, hashed, pseudonym
from domain.errors import NotAllowed, NotFound
from domain.passwords import check_password
from domain.people import Pending, User
from domain.persona import Language
from domain.places import Place
from domain.signing_in import SigningIn
from domain.usernames import check_email, check_phone, check_username, fold

CONFIRM = timedelta(days=1)


class Wish(msgspec.Struct, frozen=True):
    """What a person writes into the form."""

    username: str
    email: str
    password: str
    phone: str = ""
    language: Language = "en"
    onward: str = ""  # a page of ours to go on to when the link was followed


class Waiting(msgspec.Struct, frozen=True):
    """A registration as its link shows it."""

    username: str
    email: str
    phone: str
    needs_password: bool  # another browser than the one that registered


class Registration(SigningIn):
    async def register(self, wish: Wish, guest: str, place: Place) -> None:
        """Write to the address; nothing else can be seen from outside.

        `guest` is whose chats the account takes over. Raises BadInput beside its field, and TooMany("slow_down").
        """
        username, email, phone = check_username(wish.username), check_email(wish.email), check_phone(wish.phone)
        await self._gate.check("register", place.network, address=place.about)
        await self._do(check_password, wish.password, (username, email, phone or ""))
        async with self._evenly():
            password_hash = await self._hasher.hash(wish.password)
            found = await self._do(self._accounts.by_login, email)
            # Nobody's mailbox is filled from here; that a mail was the last for today can't be seen either.
            if await self._may("recover", fold(email), place.network):
                if found is not None:
                    await self._mail("exists", found.user, "/sign-in")
                else:
                    pending = Pending(
                        token_hash="", username=username, email=email, phone=phone, password_hash=password_hash,
                        language=wish.language, guest=guest, expires_at=self._now() + CONFIRM,
                    )  # fmt: skip
                    await self._pend(pending, wish.onward)
            await self._note("registered", pseudonym(guest), found.user.id if found else "", place)

    async def _pend(self, pending: Pending, onward: str) -> None:
        token = secrets.token_urlsafe(32)
        await self._do(self._accounts.pend, msgspec.structs.replace(pending, token_hash=hashed(token)))
        path = f"/confirm/{token}" + (f"?next={quote(onward, safe='')}" if onward else "")
        words = {"username": pending.username, "link": self._link(path)}
        mail = mails.write("confirm", pending.language, pending.email, self._now(), **words)
        await self._do(self._mailer.send, mail)

    async def waiting(self, token: str, guest: str) -> Waiting:
        """Return what a link would make, without making it. Raises NotFound("link_gone")."""
        pending = await self._pending(token)
        return Waiting(pending.username, pending.email, pending.phone or "", not _same(guest, pending))

    async def confirm(
        self, token: str, guest: str, place: Place, password: str = "", username: str = "", phone: str | None = None
    ) -> SignedIn:
        """Make the account and sign in.

        `username` and `phone` replace what was asked for, when another was faster ("" for no phone). Raises
        NotFound("link_gone"), Conflict("username_taken", "phone_taken", "email_taken"), NotAllowed("confirm_password",
        "password_wrong").
        """
        await self._gate.check("confirm", place.network, address=place.about)
        pending = await self._pending(token)
        if not _same(guest, pending):
            if not password:
                raise NotAllowed("confirm_password", field="password")
            await self._gate.check("code", pending.token_hash, address=place.about)
            if not await self._hasher.verify(pending.password_hash, password):
                raise NotAllowed("password_wrong", field="password")
        now = self._now()
        user = User(
            id=secrets.token_urlsafe(18),
            username=check_username(username) if username else pending.username,
            email=pending.email,
            phone=pending.phone if phone is None else check_phone(phone),
            language=pending.language,
            created_at=now,
            password_at=now,
        )
        user = await self._do(self._accounts.confirm, pending.token_hash, user, now)
        await self._note("confirmed", user.id, user.id, place)
        return await self.open_session(user, place, "confirmed")

    async def _pending(self, token: str) -> Pending:
        pending = await self._do(self._accounts.pending, hashed(token), self._now())
        if pending is None:
            raise NotFound("link_gone")
        return pending


def _same(guest: str, pending: Pending) -> bool:
    """Tell whether it is the browser that registered; the guest's cookie is signed, so nobody else can bring it."""
    return bool(guest) and guest == pending.guest
