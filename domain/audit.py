"""What is worth an audit row, by name, and how an event is made fit to be kept."""

from datetime import datetime
from typing import Literal

import msgspec

from domain.errors import BadInput
from domain.people import AuditEvent

Action = Literal[
    "registered", "confirmed",
    "signed_in", "sign_in_failed", "signed_out", "proved", "prove_failed",
    "session_ended", "sessions_ended", "token_reused",
    "recovery_asked", "recovered", "code_used", "code_failed", "codes_made",
    "passkey_added", "passkey_removed", "passkey_failed", "question_set", "question_failed",
    "password_changed", "email_change_asked", "email_changed", "phone_changed",
    "deletion_asked", "deletion_undone", "erased", "exported",
    "role_changed", "suspended", "unsuspended", "admin_read",
    "source_added", "source_changed", "source_removed", "source_restored",
    "order_paid", "membership_granted", "membership_changed", "membership_cancelled", "membership_resumed",
    "membership_ended", "renewal_failed",
    "refund_asked", "refund_refused", "order_refunded", "order_disputed", "dispute_won",
    "payment_mismatch", "payment_returned", "payment_stuck", "ledger_broken", "coupon_kept",
    "operator_signed_in", "operator_failed",
    "limit_reached", "refused", "engine_failed",
]  # fmt: skip

# What each means, for whoever reads the log; a test finds those without words.
ACTIONS: dict[Action, str] = {
    "registered": "somebody asked for an account; the address is not confirmed yet",
    "confirmed": "the account was made",
    "signed_in": "detail: with what (password, passkey, code, link)",
    "sign_in_failed": "wrong password or unknown name; target is the account where there is one, never what was typed",
    "signed_out": "by the person",
    "proved": "gave password or passkey again before a sensitive change",
    "prove_failed": "gave a wrong one",
    "session_ended": "one session, from the list",
    "sessions_ended": "all others",
    "token_reused": "a refresh token came a second time, so its session was ended",
    "recovery_asked": "a link was asked for; target is the account where there is one",
    "recovered": "a new password was set by a link",
    "code_used": "a recovery code was used up",
    "code_failed": "a wrong recovery code",
    "codes_made": "ten new recovery codes",
    "passkey_added": "target: the start of the credential's id",
    "passkey_removed": "target: the start of the credential's id",
    "passkey_failed": "an answer that did not fit its question or key",
    "question_set": "the extra question of recovery was set",
    "question_failed": "a wrong answer to it",
    "password_changed": "by the person, signed in",
    "email_change_asked": "a link went to the new address",
    "email_changed": "the new address is confirmed",
    "phone_changed": "set or taken away",
    "deletion_asked": "the seven days began",
    "deletion_undone": "within them",
    "erased": "after them, with everything the account held",
    "exported": "everything of the account was handed out",
    "role_changed": "detail: from, to",
    "suspended": "by an admin",
    "unsuspended": "by an admin",
    "admin_read": "an admin looked at an account or at this log",
    "source_added": "a character or a member got something to read; target: the source, detail: shelf, character",
    "source_changed": "detail: also what (paused, resumed, or the names of settings, never what is in them)",
    "source_removed": "it can be brought back for seven days",
    "source_restored": "within them",
    "order_paid": "the provider has the money; target: the order, detail: amount in minor units, plan",
    "membership_granted": "a paid order became a membership; detail: plan, the receipt's number",
    "membership_changed": "a lower plan from the end of what is paid on; detail: plan, period",
    "membership_cancelled": "by the person: nothing more is taken",
    "membership_resumed": "the person took back that, or the change to a lower plan",
    "membership_ended": "what was paid, and any time of grace, is over",
    "renewal_failed": "the next payment did not come: some days of grace",
    "refund_asked": "by the operator; detail: amount in minor units",
    "refund_refused": "the provider does not give it back",
    "order_refunded": "money was given back; detail: amount in minor units",
    "order_disputed": "a bank took the money back; the membership ends",
    "dispute_won": "the bank gave it back; the rest of the membership goes on",
    "payment_mismatch": "what a provider says is not about the order as it was made; detail: in what (problem)",
    "payment_returned": "paid, and could not be given, so the money goes back; detail: why (problem)",
    "payment_stuck": "somebody has to look at a payment; target: the order",
    "ledger_broken": "the books of money do not sum to zero; detail: by how much",
    "coupon_kept": "an operator made or changed a coupon; target: its code",
    "operator_signed_in": "with OPERATOR_KEY",
    "operator_failed": "with a wrong key",
    "limit_reached": "the first refusal of a window; target is the limit (domain/limits.py)",
    "refused": "not for their role, or a change from elsewhere; target: the route, detail: code; once an hour",
    "engine_failed": "a model failed; target is its kind, detail: code, times",
}

NAME_CHARS, WHO_CHARS = 64, 80  # what the columns hold
DETAILS, DETAIL_CHARS = 16, 200
_MOST = 2**63 - 1


def happened(
    action: Action, at: datetime, actor: str, target: str = "", address: str = "", **detail: str | int
) -> AuditEvent:
    """Return an event as it is kept: `actor` is a user id, "guest:<pseudonym>" or "system"."""
    return clean(AuditEvent(at=at, action=action, actor=actor, target=target, address=address, detail=detail))


def clean(event: AuditEvent) -> AuditEvent:
    """Return the event with nothing in it that a database would refuse, cut or change.

    Hostile text must not keep its own row out of the log, so it is mended instead of refused. Raises BadInput only
    for a moment without a time zone, which is a fault of ours.
    """
    if event.at.tzinfo is None:
        raise BadInput("form_bad", field="at")
    detail = {_text(name, NAME_CHARS): _value(value) for name, value in list(event.detail.items())[:DETAILS]}
    return msgspec.structs.replace(
        event,
        action=_text(event.action, NAME_CHARS),
        actor=_text(event.actor, WHO_CHARS),
        target=_text(event.target, WHO_CHARS),
        address=_text(event.address, NAME_CHARS),
        detail=dict(sorted(detail.items())),
    )


def _value(value: str | int) -> str | int:
    if isinstance(value, int):
        return max(-_MOST, min(_MOST, int(value)))  # True becomes 1: JSON would bring it back as another type
    return _text(value, DETAIL_CHARS)


def _text(text: str, most: int) -> str:
    """NUL and lone surrogates become U+FFFD; the rest of the controls go too: a log is read in terminals."""
    text = text[: most + 1]  # a megabyte is not looked at to its end
    seen = "".join(
        "\ufffd" if sign < " " or "\x7f" <= sign <= "\x9f" or "\ud800" <= sign <= "\udfff" else sign for sign in text
    )
    return seen if len(seen) <= most else seen[: most - 1] + "…"
