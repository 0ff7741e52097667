"""What a person changes about their account, each wanting a proof of ten minutes at most, and its end."""

import secrets
from collections.abc import Callable
from datetime import timedelta

from domain.desk import GRACE, SignedIn, hashed
from domain.errors import NotFound
from domain.passwords import check_password
from domain.people import Session, User
from domain.places import Place
from domain.signing_in import SigningIn
from domain.usernames import check_email, check_phone, fold

EMAIL = timedelta(hours=1)


class AccountChanges(SigningIn):
    async def change_password(self, session: Session, current: str, password: str, place: Place) -> SignedIn:
        """Every session ends, this one too; the new one is for who changed it.

        Raises NotAllowed("password_wrong"), BadInput for the new one, TooMany("slow_down").
        """
        await self._check_password_of(session, current, place)
        user = await self._do(self._accounts.get, session.user_id)
        await self._do(check_password, password, (user.username, user.email, user.phone or ""))
        user = await self._do(self._accounts.set_password, user.id, await self._hasher.hash(password), self._now())
        await self._note("password_changed", user.id, user.id, place)
        await self._mail("changed", user, "/recover", place)
        return await self.open_session(user, place, "password_changed")

    async def change_email(self, session: Session, email: str, place: Place) -> None:
        """Write to the new address; nothing changes before its link is followed, and nothing tells whose it is.

        Raises NotAllowed("prove_first", "recently_recovered"), BadInput, TooMany("slow_down").
        """
        self._proven(session)
        await self.free(session.user_id)
        email = check_email(email)
        await self._gate.check("change", session.user_id)
        user = await self._do(self._accounts.get, session.user_id)
        async with self._evenly():
            found = await self._do(self._accounts.by_login, email)
            if await self._may("recover", fold(email), place.network):
                if found is not None and found.user.id != user.id:
                    await self._mail("exists", found.user, "/sign-in")
                else:
                    token = secrets.token_urlsafe(32)
                    await self._do(self._tokens.put, hashed(token), "email", user.id, email, self._now() + EMAIL)
                    await self._mail("email_change", user, f"/account/email/{token}", to=email)
            await self._note("email_change_asked", user.id, user.id, place)

    async def confirm_email(self, token: str, place: Place) -> User:
        """Make the new address the account's, once for a link, and tell the old one.

        Raises NotFound("link_gone"), Conflict("email_taken") when another was faster, NotAllowed("recently_recovered").
        """
        known = await self._do(self._tokens.peek, hashed(token), "email", self._now())
        if known is None:
            raise NotFound("link_gone")
        await self.free(known[0])
        taken = await self._do(self._tokens.take, hashed(token), "email", self._now())
        if taken is None:
            raise NotFound("link_gone")
        before = await self._do(self._accounts.get, taken[0])
        user = await self._do(self._accounts.set_email, *taken)
        self._sign_ins.forget(user.id)
        await self._note("email_changed", user.id, user.id, place)
        await self._mail("email_changed", user, "/recover/code", to=before.email)
        return user

    async def set_phone(self, session: Session, phone: str, place: Place) -> User:
        """Set the number, or take it away with "". Raises NotAllowed("prove_first"), BadInput, Conflict."""
        self._proven(session)
        number = check_phone(phone)
        await self._gate.check("change", session.user_id)
        before = await self._do(self._accounts.get, session.user_id)
        user = await self._do(self._accounts.set_phone, session.user_id, number)
        self._sign_ins.forget(user.id)
        await self._note("phone_changed", user.id, user.id, place)
        if user.phone != before.phone:
            await self._mail("phone_changed", user, "/account", place)
        return user

    async def delete(self, session: Session, place: Place) -> None:
        """Have the account erased in seven days; signing in until then keeps it. Every session ends.

        Raises NotAllowed("prove_first", "recently_recovered").
        """
        self._proven(session)
        await self.free(session.user_id)
        now = self._now()
        user = await self._do(self._accounts.delete, session.user_id, now)
        self._sign_ins.forget(user.id)
        await self._note("deletion_asked", user.id, user.id, place)
        await self._mail("deleted", user, "/sign-in")

    async def purge(self, first: Callable[[str], object] = str) -> list[str]:
        """Erase the accounts whose seven days are over, with all they held; return their ids.

        `first` erases what another database holds of one. It comes before, so that a crash in between leaves an
        account that tomorrow is erased again, and not what nobody owns.
        """
        before = self._now() - GRACE  # one moment for both: nobody is purged who was not among those that `first` saw
        for user_id in await self._do(self._accounts.leaving, before):
            await self._do(first, user_id)
        gone = await self._do(self._accounts.purge, before)
        for user_id in gone:
            await self._note("erased", "system", user_id)
        return gone
