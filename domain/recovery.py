"""The ways back in for those who have lost the password: a mailed link, or a recovery code. Neither signs in.

After each: every session and every other link has ended, the person is told by mail, and for a day the account can
neither be deleted nor get another address. The question is an extra lock on the mailed link, where the operator has
it on and the person has set one; it opens nothing by itself (OWASP ASVS 6.4.2 would have none at all).
"""

import base64
import secrets

import msgspec

from domain.desk import HOLD, hashed
from domain.errors import BadInput, NotAllowed, NotFound
from domain.hashing import normal, usable
from domain.jwt_tokens import RESET
from domain.passwords import SCORE, check_password, strength
from domain.people import MailKind, Session, User
from domain.places import Place
from domain.signing_in import SigningIn
from domain.usernames import check_email, fold, kind_of

CODES = 10
CODE_BYTES = 15  # 120 random bits are 24 letters of base32: below 112 a plain hash would not do (OWASP ASVS 6.5.2)
ANSWER, MAX_ANSWER = 8, 200  # characters
MAX_QUESTION = 200
_MISREAD = str.maketrans("0189", "OLBG")  # base32 has none of these digits


class Recovering(msgspec.Struct, frozen=True):
    """What the page of a link asks for. `question` is "" where none is asked."""

    username: str
    question: str


class Recovery(SigningIn):
    async def recover(self, email: str, place: Place) -> None:
        """Mail a link to whoever has this address; the answer and its time are the same when nobody has.

        Raises BadInput for what is no address, and TooMany("slow_down") for an address of the network.
        """
        email = check_email(email)
        await self._gate.check("recover_address", place.network, address=place.about)
        async with self._evenly():
            found = self._alive(await self._do(self._accounts.by_login, email))
            if await self._may("recover", fold(email), place.network) and found is not None:
                recovery = secrets.token_urlsafe(32)
                token = self._issuer.reset(found.user.id, recovery)
                until = self._now() + RESET
                await self._do(self._tokens.put, hashed(recovery), "recover", found.user.id, "", until)
                await self._mail("recover", found.user, f"/recover/{token}")  # to the stored address, not the typed one
            await self._note("recovery_asked", "system", found.user.id if found else "", place)

    async def recovering(self, token: str) -> Recovering:
        """Return what a link is for, without using it up. Raises NotFound("link_gone")."""
        user, _ = await self._of_link(token)
        return Recovering(user.username, (await self._question(user.id) or ("", ""))[0])

    async def finish_recovery(self, token: str, password: str, place: Place, answer: str = "") -> str:
        """Set a new password, once for a link. It does not sign in.

        Returns a cookie by which the browser is known ("" for programs): strangers who have spent the account's tries
        do not keep its owner from signing in with the new password.

        Raises NotFound("link_gone"), BadInput for the password, NotAllowed("answer_wrong"), TooMany("slow_down").
        """
        user, recovery = await self._of_link(token)
        await self._do(check_password, password, (user.username, user.email, user.phone or ""))
        question = await self._question(user.id)
        if question is not None:
            await self._gate.check("question", user.id, actor=user.id, address=place.about)
            if not await self._hasher.verify(question[1], _plain(answer)):
                await self._note("question_failed", user.id, user.id, place)
                raise NotAllowed("answer_wrong", field="answer")
        password_hash = await self._hasher.hash(password)
        if await self._do(self._tokens.take, recovery, "recover", self._now()) is None:
            raise NotFound("link_gone")  # used in another window meanwhile
        browser = await self._recovered(user, password_hash, place, "changed")
        await self._note("recovered", user.id, user.id, place)
        return browser

    async def use_recovery_code(self, login: str, code: str, password: str, place: Place) -> str:
        """Set a new password with one of the ten codes, once for a code. Returns what `finish_recovery` does.

        Raises NotAllowed("code_wrong"), for an unknown name too, BadInput for the password, TooMany("slow_down").
        """
        _, name = kind_of(login)
        await self._gate.check("code", name or hashed(login), place.network, address=place.about)
        found = self._alive(await self._do(self._accounts.by_login, login))
        # Only what was typed is looked at: a refusal because of the account's own words would tell that there is one.
        await self._do(check_password, password, (login,))
        password_hash = await self._hasher.hash(password)
        owner = found.user.id if found else "nobody"
        if not await self._do(self._keys.use_code, owner, _code_hash(owner, code), self._now()) or found is None:
            await self._note("code_failed", "system", found.user.id if found else "", place)
            raise NotAllowed("code_wrong", field="code")
        browser = await self._recovered(found.user, password_hash, place, "code_used")
        await self._note("code_used", found.user.id, found.user.id, place)
        return browser

    async def _recovered(self, user: User, password_hash: str, place: Place, mail: MailKind) -> str:
        now = self._now()
        # First the hold: if the process dies in between, an account that is held too much is no harm.
        await self._do(self._tokens.put, hashed("hold", user.id), "hold", user.id, "", now + HOLD)
        await self._do(self._accounts.set_password, user.id, password_hash, now)
        self._sign_ins.forget(user.id)
        await self._mail(mail, user, "/recover", place)
        return "" if place.browser is None else await self._remember(user.id)

    async def _of_link(self, token: str) -> tuple[User, str]:
        """Return whose link it is, and the hash its store knows it by."""
        try:
            claims = self._issuer.read_reset(token)
        except NotAllowed:
            raise NotFound("link_gone") from None
        recovery = hashed(claims.session)
        kept = await self._do(self._tokens.peek, recovery, "recover", self._now())
        if kept is None or kept[0] != claims.subject:
            raise NotFound("link_gone")
        return await self._do(self._accounts.get, claims.subject), recovery

    # -- what is kept for such a day ------------------------------------------------------------------

    async def new_codes(self, session: Session, place: Place) -> list[str]:
        """Return ten new codes, to be shown once; the old ones are no good any more.

        Raises NotAllowed("prove_first", "recently_recovered"): codes made by who reads another's mail would still be
        good when the other has the account back.
        """
        self._proven(session)
        await self.free(session.user_id)
        await self._gate.check("change", session.user_id)
        codes = [base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode() for _ in range(CODES)]
        await self._do(self._keys.set_codes, session.user_id, [_code_hash(session.user_id, code) for code in codes])
        await self._note("codes_made", session.user_id, session.user_id, place)
        await self._mail("codes_made", await self._do(self._accounts.get, session.user_id), "/account/codes", place)
        return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]

    async def codes_left(self, session: Session) -> int:
        return await self._do(self._keys.codes_left, session.user_id)

    async def set_question(self, session: Session, question: str, answer: str, place: Place) -> None:
        """Lock the mailed link a second time; an empty question takes the lock away.

        Raises NotAllowed("question_off", "prove_first", "recently_recovered"), BadInput("question_bad", "answer_weak").
        """
        if not self.rules.question:
            raise NotAllowed("question_off")
        self._proven(session)
        await self.free(session.user_id)  # else a thief of the mail would lock the owner out of the next link
        await self._gate.check("change", session.user_id)
        user = await self._do(self._accounts.get, session.user_id)
        question = "".join(sign for sign in question[: 2 * MAX_QUESTION] if sign.isprintable()).strip()
        answer_hash = ""
        if question:
            if not ANSWER <= len(question) <= MAX_QUESTION:
                raise BadInput("question_bad", field="question")
            await self._do(_check_answer, answer, question, user)
            answer_hash = await self._hasher.hash(_plain(answer))
        await self._do(self._keys.set_question, session.user_id, question, answer_hash)
        await self._note("question_set", session.user_id, session.user_id, place, on=int(bool(question)))
        await self._mail("question_set", user, "/account/question", place)

    async def _question(self, user_id: str) -> tuple[str, str] | None:
        """Return the lock of a link. Switched off, there is none: locks that were set stay for another day."""
        return await self._do(self._keys.question, user_id) if self.rules.question else None


def _code_hash(user_id: str, code: str) -> str:
    """SHA-256 is enough for 120 random bits; the account's id is its salt."""
    plain = "".join(sign for sign in code[:64].upper() if sign.isalnum()).translate(_MISREAD)
    return hashed("code", user_id, plain)


def _plain(answer: str) -> str:
    """Return an answer without what people don't remember: capitals and blanks."""
    return "".join(fold(normal(answer[:MAX_ANSWER])).split())


def _check_answer(answer: str, question: str, user: User) -> None:
    plain = _plain(answer)
    own = (user.username, user.email, user.phone or "", question)
    known = any(part and (part in plain or plain in part) for part in (_plain(fold(word)) for word in own))
    if len(plain) < ANSWER or not usable(plain) or known or guessable(plain, own):
        raise BadInput("answer_weak", field="answer", least=ANSWER)


def guessable(answer: str, words: tuple[str, ...]) -> bool:
    """Below 2 of zxcvbn's 4: a million guesses. Five tries a day are what stands behind it."""
    return strength(answer, words, least=1).score < SCORE - 1
