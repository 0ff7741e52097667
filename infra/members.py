"""The part of the composition root that is about people: stores, keys, limits, mail and audit, put together once."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec
from sqlalchemy import Engine

from db.accounts import SqlAccounts
from db.audit import SqlAudit
from db.audit_chain import HeadFile
from db.keys import SqlKeys
from db.limits import SqlLimits
from db.outbox import SqlOutbox
from db.passkey_names import SqlPasskeyNames
from db.sessions import SqlSessions
from db.tokens import SqlTokens
from db.vitals import SqlVitals
from domain.accounts import People, Rules
from domain.audit import happened
from domain.endings import Endings
from domain.errors import NotFound, Unavailable
from domain.hashing import Hasher
from domain.jwt_tokens import Issuer
from domain.knowledge.rights import member
from domain.limits import Gatekeeper
from domain.passkey_challenges import Challenges
from domain.passkey_site import site_of
from domain.passkeys import Passkeys
from domain.people import Accounts, Audit, Limits, Role, User
from domain.ports import Clock
from domain.sign_ins import SignIns
from infra.audit_log import AuditWriter
from infra.config import Config
from infra.mail import Outbox, SmtpMailer

log = logging.getLogger(__name__)


class Closes(Protocol):
    def close(self) -> None: ...


class Members(msgspec.Struct, frozen=True):
    people: People
    sign_ins: SignIns
    issuer: Issuer
    passkeys: Passkeys
    gate: Gatekeeper
    accounts: Accounts
    audit: Audit
    audit_writer: AuditWriter
    mailer: Outbox | SmtpMailer
    hasher: Hasher
    counters: SqlLimits
    redis: Closes | None
    clock: Clock
    vitals: SqlVitals
    endings: Endings

    async def start(self, admin: str) -> None:
        """Deliver what mail was left, and see that there is an administrator."""
        self.mailer.start()
        try:
            if admin:
                await asyncio.to_thread(self.promote, admin)
        except Unavailable:
            log.exception("the database is away: nobody was made an administrator")

    async def erase(self, first: Callable[[str], object]) -> None:
        """Erase accounts whose days are over (`first` what else is kept of each), and counters of windows that have
        passed. Raises Unavailable.
        """
        if gone := await self.people.purge(first):
            log.info("erased %d accounts that were deleted a week ago", len(gone))
        await asyncio.to_thread(self.counters.purge, self.clock.now())

    def promote(self, login: str) -> None:
        """Make an account an administrator's, as the operator wishes by ADMIN."""
        found = self.accounts.by_login(login)
        if found is None:
            log.warning("ADMIN: nobody of this name has an account yet; register it, then start again")
        elif found.user.role != "admin":
            user = self.accounts.set_role(found.user.id, "admin")
            self.sign_ins.forget(user.id)
            event = happened(
                "role_changed", self.clock.now(), "system", user.id, **{"from": found.user.role, "to": "admin"}
            )
            self.audit.add([event])

    def role_of(self, owner: str) -> Role:
        """Return "guest" for whoever has no account. Waits for the store."""
        try:
            return self.accounts.get(owner).role
        except NotFound:
            return "guest"

    def welcome(self, user_id: str, counted_as: Callable[[User], User] = lambda user: user) -> bool:
        """Whether what they gave is still visited: not for who is suspended, to be erased, or no member any more.

        `counted_as` returns a user with the role that their membership gives.
        """
        try:
            user = self.accounts.get(user_id)
        except NotFound:
            return False
        return member(counted_as(user)) and user.suspended_at is None and user.deleted_at is None

    async def stop(self) -> None:
        await self.mailer.close()
        await self.audit_writer.close()
        self.hasher.close()
        if self.redis is not None:
            await asyncio.to_thread(self.redis.close)


def members(config: Config, database: Engine, clock: Clock) -> Members:
    endings = Endings()
    accounts, sessions = SqlAccounts(database, endings.told), SqlSessions(database, endings.told)
    tokens, keys = SqlTokens(database), SqlKeys(database)
    audit = SqlAudit(database, config.audit_key, HeadFile(config.data_dir / "audit-head", config.audit_key.encode()))
    counters = SqlLimits(database, config.secret_key)
    redis = None
    if config.redis_url:
        from infra.redis_limits import RedisLimits  # a tenth of a second that others need not spend at the start

        redis = RedisLimits(config.redis_url, config.secret_key)
    limits: Limits = redis or counters
    site = config.public_url or f"http://127.0.0.1:{config.port}"
    issuer = Issuer(config.secret_key, config.worker_key, site, clock)
    sign_ins = SignIns(accounts, sessions, audit, issuer, clock)
    hasher = Hasher(",".join(map(str, config.argon2)))
    outbox = SqlOutbox(database)
    mailer = Outbox(outbox) if config.mail == "outbox" else SmtpMailer(outbox, config.mail, config.mail_from)
    rules = Rules(site, config.refresh_days, config.security_question == "extra")
    people = People(accounts, sessions, tokens, keys, limits, audit, mailer, hasher, issuer, clock, rules, sign_ins)
    return Members(
        people,
        sign_ins,
        issuer,
        Passkeys(
            keys, SqlPasskeyNames(database), accounts, sessions, limits, audit,
            Challenges(config.secret_key, counters, clock), clock, site_of(config.public_url, config.port), people.tell,
        ),
        Gatekeeper(limits, clock, note=lambda event: audit.add([event])),
        accounts,
        audit,
        AuditWriter(audit),
        mailer,
        hasher,
        counters,
        redis,
        clock,
        SqlVitals(database),
        endings,
    )  # fmt: skip
