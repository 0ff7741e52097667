"""The part of the composition root that is about people: stores, keys, limits, mail and audit, put together once."""

import asyncio
import logging
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
from domain.errors import Unavailable
from domain.hashing import Hasher
from domain.jwt_tokens import Issuer
from domain.limits import Gatekeeper
from domain.passkey_challenges import Challenges
from domain.passkey_site import site_of
from domain.passkeys import Passkeys
from domain.people import Accounts, Audit, Limits
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

    async def start(self, admin: str) -> None:
        """Deliver what mail was left, and see that there is an administrator."""
        self.mailer.start()
        try:
            if admin:
                await asyncio.to_thread(self.promote, admin)
        except Unavailable:
            log.exception("the database is away: nobody was made an administrator")

    async def erase(self) -> None:
        """Erase accounts whose days are over, and counters of windows that have passed. Raises Unavailable."""
        if gone := await self.people.purge():
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

    async def stop(self) -> None:
        await self.mailer.close()
        await self.audit_writer.close()
        self.hasher.close()
        if self.redis is not None:
            await asyncio.to_thread(self.redis.close)


def members(config: Config, database: Engine, clock: Clock) -> Members:
    accounts, sessions = SqlAccounts(database), SqlSessions(database)
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
    return Members(
        People(accounts, sessions, tokens, keys, limits, audit, mailer, hasher, issuer, clock, rules, sign_ins),
        sign_ins,
        issuer,
        Passkeys(
            keys, SqlPasskeyNames(database), accounts, sessions, limits, audit,
            Challenges(config.secret_key, counters, clock), clock, site_of(config.public_url, config.port),
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
    )  # fmt: skip
