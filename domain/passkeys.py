"""Passkeys of an account: add, rename, remove, sign in and prove with them. Every method may wait: use a thread.

domain/passkey_answers.py is imported where it is needed: it takes a tenth of a second that no start should wait for.
"""

import unicodedata
from typing import Any, Protocol

from domain.audit import happened
from domain.desk import GRACE, PROVED
from domain.errors import BadInput, Conflict, NotAllowed, NotFound
from domain.limits import Gatekeeper
from domain.passkey_challenges import Challenges, Purpose
from domain.passkey_forms import Assertion, NewKey
from domain.passkey_site import Site
from domain.people import Accounts, Audit, Keys, Limits, MailKind, Passkey, Session, Sessions, User
from domain.places import Place
from domain.ports import Clock

MOST = 10
NAME = 64  # characters
PAGE = "/account/passkeys"  # where mails lead


class Tells(Protocol):
    """Mails somebody what happened to their account: domain.desk.Desk.tell."""

    def __call__(self, kind: MailKind, user: User, path: str, place: Place | None = None) -> None: ...


class Names(Protocol):
    def rename(self, user_id: str, credential_id: str, name: str) -> None:
        """Raises NotFound("passkey_gone")."""


class Passkeys:
    def __init__(
        self,
        keys: Keys,
        names: Names,
        accounts: Accounts,
        sessions: Sessions,
        limits: Limits,
        audit: Audit,
        challenges: Challenges,
        clock: Clock,
        site: Site | None,
        tell: Tells,
    ) -> None:
        self._keys, self._names, self._accounts, self._sessions = keys, names, accounts, sessions
        self._audit, self._challenges, self._clock, self._site = audit, challenges, clock, site
        self._tell = tell
        self._gate = Gatekeeper(limits, clock, note=lambda event: audit.add([event]))

    @property
    def there(self) -> bool:
        return self._site is not None

    @property
    def site(self) -> Site:
        """Raises NotFound("passkeys_off") where browsers have no passkeys."""
        if self._site is None:
            raise NotFound("passkeys_off")
        return self._site

    def of(self, user_id: str) -> list[Passkey]:
        return self._keys.passkeys(user_id)

    # -- add and change ----------------------------------------------------------------------------

    def adding(self, user: User, session: Session) -> dict[str, Any]:
        """Return what the browser is asked. Raises NotAllowed("prove_first"), Conflict("passkeys_full")."""
        from domain.passkey_answers import ask_to_make

        self._recent(session)
        there = self._keys.passkeys(user.id)
        if len(there) >= MOST:
            raise Conflict("passkeys_full", most=MOST)
        return ask_to_make(self.site, user, there, self._challenges.new("add", session.id))

    def add(self, user: User, session: Session, answer: NewKey, name: str, place: Place) -> Passkey:
        from domain.passkey_answers import check_made

        self._recent(session)
        self._gate.check_now("change", user.id, actor=user.id, address=place.about)
        name, now = check_name(name), self._clock.now()
        try:
            challenge = self._spent(answer, "add", session.id)
            made = check_made(self.site, answer, challenge)
        except NotAllowed as error:
            self._failed(user.id, answer.id, place, error.code)
            raise
        passkey = Passkey(
            id=made.id, user_id=user.id, public_key=made.public_key, sign_count=made.sign_count, name=name,
            created_at=now,
        )  # fmt: skip
        self._keys.add_passkey(passkey)
        if len(self._keys.passkeys(user.id)) > MOST:  # two came at once, each as the tenth
            self._keys.remove_passkey(user.id, passkey.id)
            raise Conflict("passkeys_full", most=MOST)
        self._audit.add([happened("passkey_added", now, user.id, short(passkey.id), place.about)])
        self._tell("passkey_added", user, PAGE, place)
        return passkey

    def rename(self, user: User, credential_id: str, name: str) -> None:
        """Raises NotFound("passkey_gone") for what is not theirs."""
        self._names.rename(user.id, credential_id, check_name(name))

    def remove(self, user: User, session: Session, credential_id: str, place: Place) -> None:
        self._recent(session)
        there = any(each.id == credential_id for each in self._keys.passkeys(user.id))
        self._keys.remove_passkey(user.id, credential_id)
        event = happened("passkey_removed", self._clock.now(), user.id, short(credential_id), place.about)
        self._audit.add([event])
        if there:  # else nothing has changed: two windows, or a made-up id
            self._tell("passkey_removed", user, PAGE, place)

    # -- sign in and prove -------------------------------------------------------------------------

    def signing_in(self, browser: str) -> dict[str, Any]:
        """Nobody is named: the browser shows the passkeys it has for us, and whoever they belong to comes back."""
        from domain.passkey_answers import ask_to_sign

        return ask_to_sign(self.site, [], self._challenges.new("sign_in", browser))

    def sign_in(self, browser: str, answer: Assertion, place: Place) -> User:
        """Return who it is; opening a session is the caller's.

        Raises NotAllowed: "passkey_bad" and "passkey_late", the same whether the passkey is known or not; TooMany.
        """
        self._gate.check_now("passkey", place.network, address=place.about)
        passkey = self._check(answer, "sign_in", browser, "", place)
        user = self._accounts.get(passkey.user_id)
        if user.deleted_at is not None and self._clock.now() - user.deleted_at >= GRACE:
            raise NotAllowed("passkey_bad")  # it is gone, also before it is erased
        return user

    def proving(self, user: User, session: Session) -> dict[str, Any]:
        """Raises NotFound("passkey_gone") for who has none."""
        from domain.passkey_answers import ask_to_sign

        there = self._keys.passkeys(user.id)
        if not there:
            raise NotFound("passkey_gone")
        return ask_to_sign(self.site, there, self._challenges.new("prove", session.id))

    def prove(self, user: User, session: Session, answer: Assertion, place: Place) -> None:
        """Raises NotAllowed; else the session is as one that has just given its password, and gets new tokens
        (domain.sign_ins.SignIns.proved).
        """
        self._gate.check_now("prove", session.id, actor=user.id, address=place.about)
        self._check(answer, "prove", session.id, user.id, place)
        now = self._clock.now()
        self._sessions.prove(session.id, now)
        self._audit.add([happened("proved", now, user.id, session.id, place.about, way="passkey")])

    def _check(self, answer: Assertion, purpose: Purpose, subject: str, user_id: str, place: Place) -> Passkey:
        """`user_id` is whose passkey it has to be, "" at sign-in, where the passkey itself has to say so."""
        from domain.passkey_answers import check_signed, owner_in

        passkey = self._keys.passkey(answer.id)
        try:
            challenge = self._spent(answer, purpose, subject)
            owner = owner_in(answer)
            if passkey is None or (owner or user_id) != passkey.user_id or user_id not in ("", passkey.user_id):
                raise NotAllowed("passkey_bad")
            count = check_signed(self.site, answer, passkey, challenge)
        except NotAllowed as error:
            self._failed(user_id or (passkey.user_id if passkey else ""), answer.id, place, error.code)
            raise
        if (count or passkey.sign_count) and count <= passkey.sign_count:
            # Somebody has a copy of it, or has seen an old answer. Who is who can't be told: nobody is let in.
            self._failed(passkey.user_id, answer.id, place, "counter", was=passkey.sign_count, came=count)
            raise NotAllowed("passkey_bad")
        self._keys.used_passkey(passkey.id, count, self._clock.now())
        return passkey

    def _spent(self, answer: NewKey | Assertion, purpose: Purpose, subject: str) -> bytes:
        from domain.passkey_answers import challenge_in

        challenge = challenge_in(answer)
        self._challenges.spend(challenge, purpose, subject)
        return challenge

    def _failed(self, user_id: str, credential_id: str, place: Place, why: str, **detail: int) -> None:
        now, who = self._clock.now(), user_id or "system"
        self._audit.add([happened("passkey_failed", now, who, short(credential_id), place.about, why=why, **detail)])

    def _recent(self, session: Session) -> None:
        if self._clock.now() - session.proved_at > PROVED:
            raise NotAllowed("prove_first")


def check_name(name: str) -> str:
    """Return the name as it is shown. Raises BadInput("passkey_name") for none, a long one or one with controls."""
    name = unicodedata.normalize("NFC", name.strip()) if len(name) <= 4 * NAME else ""
    if not 0 < len(name) <= NAME or any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise BadInput("passkey_name", field="name")
    return name


def short(credential_id: str) -> str:
    """Return enough of an id to tell passkeys apart in the log, and not enough to use."""
    return credential_id[:12]
