"""What the pages of membership call things: periods, features, orders and what becomes of them."""

from collections.abc import Callable

from domain.membership.model import Currency, EventKind, Feature, Order, OrderState, Period
from domain.membership.orders import GOING
from domain.persona import Language
from web.i18n import N_, gettext
from web.met import PlanOf

CURRENCY_OF: dict[Language, Currency] = {"en": "USD", "zh": "CNY"}
CURRENCY_WORDS: dict[Currency, str] = {"USD": N_("US dollars"), "CNY": N_("Chinese yuan")}
PERIOD_WORDS: dict[Period, str] = {"month": N_("Monthly"), "year": N_("Yearly")}
FEATURE_WORDS: dict[Feature, str] = {
    "voice_seconds": N_("Voice"),
    "attachments": N_("Attachments"),
    "own_voices": N_("Voices of your own"),
    "knowledge_pages": N_("Pages to answer from"),
    "files": N_("Files"),
    "file_bytes": N_("Space for files"),
    "saved_chats": N_("Saved conversations"),
}
# What an order is, and what its owner can do about it.
STATE_WORDS: dict[OrderState, tuple[str, str]] = {
    "created": (N_("Not paid yet"), N_("This order waits for you to pay it.")),
    "pending": (N_("Waiting for the payment"), N_("As soon as the payment is confirmed, what you bought is yours.")),
    "paid": (N_("Paid"), N_("The payment is here. What you bought is being given to you this very moment.")),
    "granted": (N_("Paid, and yours"), N_("Thank you. Everything that the plan gives is there.")),
    "refund_pending": (N_("Being given back"), N_("The money is on its way back to how it was paid.")),
    "refunded": (N_("Given back"), N_("The money went back to how it was paid.")),
    "part_refunded": (N_("Partly given back"), N_("A part of the money went back to how it was paid.")),
    "disputed": (N_("Disputed"), N_("Your bank has taken this payment back. Please ask us, or your bank.")),
    "expired": (N_("Over, and not paid"), N_("Nothing was paid. You can order again.")),
    "cancelled": (N_("Given up"), N_("Nothing was paid. You can order again.")),
    "failed": (N_("Not paid"), N_("The payment was declined; nothing was paid. Try again, or pay in another way.")),
}
KIND_WORDS: dict[str, str] = {
    "buy": N_("A plan"), "renew": N_("The next period"), "upgrade": N_("Change to a higher plan")
}  # fmt: skip
EVENT_WORDS: dict[EventKind, str] = {
    "paid": N_("paid"),
    "failed": N_("declined"),
    "expired": N_("not paid in time"),
    "refunded": N_("given back"),
    "disputed": N_("disputed"),
    "dispute_won": N_("dispute won"),
    "renewed": N_("renewed"),
    "renewal_failed": N_("renewal failed"),
    "ended": N_("ended"),
    "other": N_("something else"),
}


def going(order: Order) -> bool:
    """Whether it will be something else by itself, so that a page looks again."""
    return order.state in GOING


def state_words(order: Order) -> tuple[str, str]:
    """Return what it is and what follows, in the reader's language."""
    title, more = STATE_WORDS[order.state]
    if order.state == "failed" and order.problem not in ("", "refused"):
        more = N_("What was paid does not fit this order, so nothing was given. Please write to us.")
    elif order.state in ("refund_pending", "refunded") and order.problem not in ("", "late"):
        more = N_("This could not be given to you any more, so the money goes back to how it was paid.")
    elif order.state == "granted" and order.trial_days:
        title, more = N_("On trial"), N_("Everything that the plan gives is there, and nothing was paid yet.")
    return gettext(title), gettext(more)


def state_name(order: Order) -> str:
    """Return it in a word or two, for lists: of a plan that was paid for once, but may have ended since."""
    return gettext("Paid") if order.state == "granted" and not order.trial_days else state_words(order)[0]


def namer(plan_of: PlanOf, language: Language) -> Callable[[str], str]:
    """Return what names a plan; one that is not known any more has its id."""

    def name(plan_id: str) -> str:
        plan = plan_of(plan_id)
        return plan.names.get(language) or plan.id if plan is not None else plan_id

    return name
