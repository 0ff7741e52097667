"""What admins do to other people's accounts. The web tier lets only admins come here; it is noted who did what."""

from domain.desk import Desk
from domain.errors import BadInput, NotAllowed
from domain.people import ROLES, Role, Session, User
from domain.places import Place


class Administration(Desk):
    async def set_role(self, session: Session, user_id: str, role: Role, place: Place) -> User:
        """Raises NotAllowed("prove_first", "not_yourself", "admins_only"), BadInput("form_bad"), NotFound."""
        await self._admin(session, user_id)
        if role not in ROLES or role == "guest":
            raise BadInput("form_bad", field="role")
        before = await self._do(self._accounts.get, user_id)
        user = await self._do(self._accounts.set_role, user_id, role)
        self._sign_ins.forget(user_id)
        await self._note("role_changed", session.user_id, user_id, place, **{"from": before.role, "to": role})
        return user

    async def suspend(self, session: Session, user_id: str, place: Place, on: bool = True) -> User:
        """Raises as `set_role`. Every session of the account ends."""
        await self._admin(session, user_id)
        user = await self._do(self._accounts.suspend, user_id, self._now() if on else None)
        self._sign_ins.forget(user_id)
        await self._note("suspended" if on else "unsuspended", session.user_id, user_id, place)
        return user

    async def search(self, session: Session, text: str, place: Place, limit: int = 50, after: str = "") -> list[User]:
        await self._admin(session)
        found = await self._do(self._accounts.search, text, limit, after)
        await self._note("admin_read", session.user_id, "users", place, found=len(found))
        return found

    async def _admin(self, session: Session, other: str = "") -> None:
        """Asked of the store, not of a token; changes want a recent proof, and nobody changes their own rights."""
        if (await self._do(self._accounts.get, session.user_id)).role != "admin":
            raise NotAllowed("admins_only")
        if other:
            self._proven(session)
        if other == session.user_id:
            raise NotAllowed("not_yourself")
