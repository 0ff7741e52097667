"""What the details of the audit log, and what is wrong with an order, are called on the pages of admins.

What has no words here stays as it was kept: codes of errors (they are looked up), ids, providers, sums by currency.
"""

from collections.abc import Callable, Mapping

from web.admin_words import ROLE_WORDS
from web.i18n import N_, gettext
from web.membership_pages import EVENT_WORDS, PERIOD_WORDS, STATE_WORDS

# domain.membership: orders.Problem and LATE, granting.Refusal, and "refused" by the provider.
PROBLEM_WORDS: dict[str, str] = {
    "refused": N_("declined"),
    "late": N_("paid late"),
    "order": N_("another order"),
    "account": N_("another account of the provider"),
    "mode": N_("test and real money mixed"),
    "currency": N_("another currency"),
    "amount": N_("another sum"),
    "credit_gone": N_("the credit is gone"),
    "coupon_gone": N_("the coupon is gone"),
    "currency_other": N_("the membership is in another currency"),
    "has_better": N_("has a better plan"),
    "subscription_gone": N_("the subscription is over"),
    "account_gone": N_("the account is gone"),
    "trial_used": N_("the trial was had before"),
    "plan_gone": N_("the plan is gone"),
}
NAME_WORDS: dict[str, str] = {
    "amount": N_("sum in cents"),
    "came": N_("came"),
    "character": N_("character"),
    "chats": N_("conversations"),
    "code": N_("error"),
    "found": N_("found"),
    "from": N_("before"),
    "most": N_("uses in all"),
    "on": N_("switched on"),
    "period": N_("billed"),
    "plan": N_("plan"),
    "problem": N_("trouble"),
    "provider": N_("provider"),
    "receipt": N_("receipt"),
    "sessions": N_("sessions"),
    "shelf": N_("read by"),
    "subscription": N_("subscription"),
    "times": N_("times"),
    "to": N_("after"),
    "told": N_("what was told"),
    "tries": N_("tries"),
    "was": N_("before"),
    "way": N_("way"),
    "what": N_("what"),
    "why": N_("why"),
}
_STANDS: dict[str, str] = {
    **{str(role): text for role, text in ROLE_WORDS.items()},
    **{str(state): title for state, (title, _) in STATE_WORDS.items()},
}
VALUE_WORDS: dict[str, Mapping[str, str]] = {
    "from": _STANDS,
    "on": {"0": N_("no"), "1": N_("yes")},
    "period": {str(name): text for name, text in PERIOD_WORDS.items()},
    "problem": PROBLEM_WORDS,
    "shelf": {"own": N_("its owner"), "everybody": N_("everybody")},
    "to": _STANDS,
    "told": {str(name): text for name, text in EVENT_WORDS.items()},
    "was": _STANDS,
    "way": {
        "password": N_("password"),
        "passkey": N_("passkey"),
        "confirmed": N_("the account was made"),
        "password_changed": N_("the password was changed"),
    },
    "what": {
        "paused": N_("paused"),
        "resumed": N_("goes on"),
        "title": N_("its name"),
        "include": N_("addresses to read"),
        "exclude": N_("addresses to leave out"),
        "depth": N_("links to follow"),
        "max_pages": N_("most pages"),
        "every": N_("how often"),
        "apply": N_("asking the provider"),
        "grant": N_("giving what was bought"),
        "receipt": N_("mailing the receipt"),
        "tell": N_("telling of it"),
    },
    "why": {"counter": N_("its counter did not go up")},
}


def problem(code: str) -> str:
    """To be called while reading the language of the page, as `details`."""
    return gettext(PROBLEM_WORDS.get(code, "")) or code


def details(detail: Mapping[str, str | int], plan_name: Callable[[str], str]) -> str:
    return " · ".join(_one(name, str(value), plan_name) for name, value in detail.items() if value != "")


def _one(name: str, value: str, plan_name: Callable[[str], str]) -> str:
    words = VALUE_WORDS.get(name, {})
    parts = value.split(",") if name == "what" else [value]
    told = gettext(", ").join(gettext(words.get(part, "")) or part for part in parts)
    what = gettext(NAME_WORDS.get(name, "")) or name
    return gettext("%(what)s: %(value)s") % {"what": what, "value": plan_name(value) if name == "plan" else told}
