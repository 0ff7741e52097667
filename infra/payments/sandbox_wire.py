"""What the app and the sandbox's server say to each other. Both sides sign what they say (infra/payments/signed.py)."""

import contextlib
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from domain.membership.model import Period
from domain.membership.ports import PaymentState

HEADER = "parley-signature"
ACCOUNT = "sandbox"
WEBHOOK = "/payments/sandbox/webhook"
# What can be made to go wrong; `late` is in seconds, all others are 0 or 1.
Switch = Literal[
    "doubled", "reversed", "late", "silent", "wrong_amount", "wrong_currency", "wrong_account", "other_mode",
    "renewals_fail",
]  # fmt: skip
SWITCHES: tuple[Switch, ...] = Switch.__args__  # type: ignore[attr-defined]
What = Literal[
    "alive", "checkout", "state", "withdraw", "refund", "cancel", "resume", "change", "pay", "decline", "later", "end",
    "dispute", "dispute_won", "switch",
]  # fmt: skip


class Ask(msgspec.Struct, kw_only=True):
    """One question. Which fields count depends on what is asked."""

    what: What
    order_id: str = ""
    ref: str = ""  # of a payment: a renewal's own, "" for the first
    due: int = 0  # at the checkout; on trial nothing
    amount: int = 0  # the first time that something is paid
    list_amount: int = 0  # from then on
    currency: str = ""
    period: Period = "month"
    trial_days: int = 0
    renews: bool = True
    ends: datetime | None = None
    email: str = ""
    language: str = "en"
    back: str = ""
    tells: str = ""
    key: str = ""  # of a refund
    subscription: str = ""
    switches: dict[Switch, int] = {}
    card: str = ""  # made up, on the page


class Answer(msgspec.Struct, kw_only=True):
    error: str = ""  # the code of a Conflict
    ref: str = ""
    url: str = ""
    state: PaymentState | None = None


def make_key(folder: Path) -> str:
    """Return the key of this folder, made by whoever asks first."""
    path = folder / "key"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # Whole or not there: another process may read at this moment.
        new = folder / f"key-{os.getpid()}-{secrets.token_hex(4)}"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            os.link(new, path)
        finally:
            new.unlink()
    return path.read_text().strip()
