"""The part of Stripe's API that Parley uses, as its reference describes it, on loopback.

It refuses parameters that it does not know and idempotency keys with other parameters, as Stripe does.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.infra.payments.loopback import Reply, Request, serving

KEY = "sk_test_madeForTheseTests"
MONTH_S = 30 * 86_400
Params = dict[str, Any]
_TOP = {
    "sessions": {
        "mode", "client_reference_id", "metadata", "line_items", "success_url", "cancel_url", "expires_at", "locale",
        "customer_email", "discounts", "subscription_data", "payment_intent_data",
    },
    "coupons": {"id", "amount_off", "currency", "duration", "duration_in_months", "max_redemptions"},
    "refunds": {"payment_intent", "amount", "metadata"},
    "subscriptions": {"cancel_at_period_end"},
    "products": {"name"},
}  # fmt: skip


class Refused(Exception):
    def __init__(self, status: int, code: str, kind: str = "invalid_request_error") -> None:
        super().__init__(code)
        self.status, self.code, self.kind = status, code, kind


class StripeApi:
    """`asked` has every request. `broken` is a status that everything is answered with instead."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Params, dict[str, str]]] = []
        self.broken = 0
        self.things: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, tuple[str, Params, bytes]] = {}
        self._numbers = count(1)

    # -- what happens at Stripe --------------------------------------------------------------------

    def pay(self, session_id: str, **wrong: Any) -> None:
        """Somebody pays on Stripe's page; `wrong` is what the session then says instead."""
        session = self.things[session_id]
        paid = session["amount_total"]
        session |= {"status": "complete", "payment_status": "paid" if paid else "no_payment_required", "url": None}
        session |= wrong
        if session["mode"] == "payment":
            session["payment_intent"] = self._intent(paid, session["_asked"]["payment_intent_data"]["metadata"])
            return
        asked = session["_asked"]["subscription_data"]
        price = session["_asked"]["line_items"]["0"]["price_data"]
        trial = int(asked.get("trial_period_days", 0)) * 86_400
        ref, now = f"sub_{next(self._numbers)}", int(time.time())
        self.things[ref] = {
            "id": ref, "object": "subscription", "metadata": asked["metadata"],
            "status": "trialing" if trial else "active", "cancel_at_period_end": False, "schedule": None,
            "default_payment_method": {"id": "pm_1", "card": {"fingerprint": "Xt5EWLLDS7FJjR1c"}},
            "items": {"data": [{"id": "si_1", "current_period_end": now + (trial or MONTH_S), "price": {
                "id": "price_1", "unit_amount": int(price["unit_amount"]), "currency": price["currency"],
                "recurring": {"interval": price["recurring"]["interval"]}}}]},
        }  # fmt: skip
        session["subscription"] = ref
        session["invoice"] = self._bill(ref, "subscription_create", paid)
        self.things[ref]["latest_invoice"] = session["invoice"]

    def renew(self, subscription: str, fails: bool = False) -> str:
        """Bill a subscription for its next period; return the bill."""
        there = self.things[subscription]
        item = there["items"]["data"][0]
        item["current_period_end"] += MONTH_S
        bill = self._bill(subscription, "subscription_cycle", item["price"]["unit_amount"], paid=not fails)
        there["latest_invoice"] = bill
        return bill

    def dispute(self, intent: str, status: str = "needs_response") -> None:
        self._charge(intent)["disputed"] = True
        ref = f"du_{intent}"
        self.things[ref] = {"id": ref, "object": "dispute", "payment_intent": intent, "status": status}

    def intent_of(self, ref: str) -> str:
        """Return the payment of a session or a bill."""
        thing = self.things[ref]
        if thing.get("payment_intent"):
            return str(thing["payment_intent"])
        bill = thing.get("invoice") or ref
        found = [each for each in self.things.values() if each.get("object") == "invoice_payment"]
        return str(next(each["payment"]["payment_intent"] for each in found if each["invoice"] == bill))

    def _bill(self, subscription: str, reason: str, amount: int, paid: bool = True) -> str:
        there = self.things[subscription]
        item = there["items"]["data"][0]
        ref = f"in_{next(self._numbers)}"
        self.things[ref] = {
            "id": ref, "object": "invoice", "billing_reason": reason, "amount_due": amount, "livemode": False,
            "amount_paid": amount if paid else 0, "currency": item["price"]["currency"],
            "status": "paid" if paid else "open",
            "parent": {"subscription_details": {"subscription": subscription, "metadata": there["metadata"]}},
            "lines": {"data": [{"period": {"start": 1, "end": item["current_period_end"]}}]},
        }  # fmt: skip
        if paid and amount:
            self.things[f"inpay_{ref}"] = {
                "id": f"inpay_{ref}", "object": "invoice_payment", "invoice": ref, "status": "paid",
                "payment": {"type": "payment_intent", "payment_intent": self._intent(amount, {})},
            }  # fmt: skip
        return ref

    def _intent(self, amount: int, metadata: dict[str, str]) -> str:
        ref = f"pi_{next(self._numbers)}"
        charge = {
            "id": f"ch_{ref}", "object": "charge", "amount": amount, "amount_refunded": 0, "disputed": False,
            "payment_method_details": {"type": "card", "card": {"fingerprint": "Xt5EWLLDS7FJjR1c"}},
        }  # fmt: skip
        self.things[ref] = {
            "id": ref, "object": "payment_intent", "status": "succeeded", "metadata": metadata, "latest_charge": charge,
        }  # fmt: skip
        return ref

    def _charge(self, intent: str) -> dict[str, Any]:
        charge: dict[str, Any] = self.things[intent]["latest_charge"]
        return charge

    # -- its API -----------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        given = nested(parse_qsl(request.body.decode() or parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, parts.path, given, headers))
        try:
            if self.broken:
                raise Refused(self.broken, "broken", "api_error")
            if headers.get("authorization") != f"Bearer {KEY}":
                raise Refused(401, "api_key_invalid")
            key = headers.get("idempotency-key", "") if request.method == "POST" else ""
            if key in self.kept:
                path, before, told = self.kept[key]
                if (path, before) != (parts.path, given):
                    raise Refused(400, "idempotency_key_in_use", "idempotency_error")
                return 200, told, {"Request-Id": "req_1"}
            told = json.dumps(self._do(request.method, parts.path, given)).encode()
            if key:
                self.kept[key] = (parts.path, given, told)
        except Refused as wrong:
            body = {"error": {"type": wrong.kind, "code": wrong.code, "message": f"{wrong.code} {KEY}"}}
            return wrong.status, json.dumps(body).encode(), {"Request-Id": "req_1"}
        return 200, told, {"Request-Id": "req_1"}

    def _do(self, method: str, path: str, given: Params) -> dict[str, Any]:
        names = path.removeprefix("/v1/").removeprefix("checkout/").split("/")
        match (method, *names):
            case ("POST", "sessions"):
                return self._session(known("sessions", given))
            case ("POST", "sessions", ref, "expire"):
                session = self._thing(ref)
                if session["status"] != "open":
                    raise Refused(400, "session_not_open")
                session["status"], session["url"] = "expired", None
                return session
            case ("POST", "coupons"):
                if given["id"] in self.things:
                    raise Refused(400, "resource_already_exists")
                return self._keep({"object": "coupon", **known("coupons", given)})
            case ("POST", "refunds"):
                return self._refund(known("refunds", given))
            case ("POST", "products"):
                ref = f"prod_{next(self._numbers)}"
                return self._keep({"id": ref, "object": "product", **known("products", given)})
            case ("POST", "subscriptions", ref):
                ends = known("subscriptions", given)["cancel_at_period_end"] == "true"
                self._thing(ref)["cancel_at_period_end"] = ends
                return self._thing(ref)
            case ("POST", "subscription_schedules", *rest):
                return self._schedule(given, rest)
            case ("GET", kind) if kind in ("sessions", "invoice_payments", "disputes"):
                return self._list(kind, given)
            case ("GET", _, ref):
                return self._thing(ref)
        raise Refused(404, "url_unknown")

    def _session(self, asked: Params) -> dict[str, Any]:
        now = int(time.time())
        if not now + 1_800 <= int(asked["expires_at"]) <= now + 86_400:
            raise Refused(400, "expires_at_wrong")
        total = int(asked["line_items"]["0"]["price_data"]["unit_amount"])
        for each in asked.get("discounts", {}).values():
            total -= int(self._thing(each["coupon"])["amount_off"])
        if asked.get("subscription_data", {}).get("trial_period_days"):
            total = 0
        ref = f"cs_test_{next(self._numbers)}"
        return self._keep(
            {
                "id": ref, "object": "checkout.session", "url": f"https://checkout.stripe.test/{ref}", "status": "open",
                "client_reference_id": asked["client_reference_id"], "amount_total": total, "livemode": False,
                "currency": asked["line_items"]["0"]["price_data"]["currency"], "payment_status": "unpaid",
                "mode": asked["mode"], "subscription": None, "payment_intent": None, "invoice": None, "created": now,
                "_asked": asked,
            }
        )  # fmt: skip

    def _refund(self, asked: Params) -> dict[str, Any]:
        charge, amount = self._charge(asked["payment_intent"]), int(asked["amount"])
        if amount > charge["amount"] - charge["amount_refunded"]:
            raise Refused(400, "charge_already_refunded")
        charge["amount_refunded"] += amount
        return {"id": f"re_{next(self._numbers)}", "object": "refund", "amount": amount, "status": "succeeded"}

    def _schedule(self, given: Params, rest: list[str]) -> dict[str, Any]:
        if not rest:
            subscription = self._thing(given["from_subscription"])
            if subscription["schedule"]:
                raise Refused(400, "already_scheduled")
            end = subscription["items"]["data"][0]["current_period_end"]
            ref = f"sub_sched_{next(self._numbers)}"
            subscription["schedule"] = ref
            trial = {"trial_end": end} if subscription["status"] == "trialing" else {}
            phase = {"start_date": 1, "end_date": end, "items": [{"price": "price_1", "quantity": 1}], **trial}
            return self._keep({"id": ref, "object": "subscription_schedule", "phases": [phase]})
        schedule = self._thing(rest[0])
        if rest[1:] == ["release"]:
            for each in self.things.values():
                if each.get("schedule") == rest[0]:
                    each["schedule"] = None
        else:
            schedule["phases"] = list(given["phases"].values())
        return schedule

    def _list(self, kind: str, given: Params) -> dict[str, Any]:
        of = {"sessions": "checkout.session", "invoice_payments": "invoice_payment", "disputes": "dispute"}[kind]
        found = [each for each in self.things.values() if each.get("object") == of]
        if kind == "sessions":
            first, last = int(given["created"]["gte"]), int(given["created"]["lte"])
            found = [each for each in found[::-1] if first <= each["created"] <= last]
        if kind == "invoice_payments":
            if "invoice" in given:
                found = [each for each in found if each["invoice"] == given["invoice"]]
            else:
                found = [each for each in found if each["payment"] == given["payment"]]
        if kind == "disputes":
            found = [each for each in found if each["payment_intent"] == given["payment_intent"]]
        start = next((n + 1 for n, each in enumerate(found) if each["id"] == given.get("starting_after")), 0)
        limit = int(given.get("limit", 10))
        return {"object": "list", "data": found[start : start + limit], "has_more": len(found) > start + limit}

    def _keep(self, thing: dict[str, Any]) -> dict[str, Any]:
        self.things[thing["id"]] = thing
        return thing

    def _thing(self, ref: str) -> dict[str, Any]:
        if ref not in self.things:
            raise Refused(404, "resource_missing")
        return self.things[ref]


def known(kind: str, given: Params) -> Params:
    if extra := set(given) - _TOP[kind]:
        raise Refused(400, f"parameter_unknown: {extra}")
    return given


def nested(pairs: list[tuple[str, str]]) -> Params:
    """Read `a[b][0][c]=d` as Stripe does; lists stay dicts by their numbers."""
    told: Params = {}
    for name, value in pairs:
        path = [part for part in re.split(r"[\[\]]+", name) if part]
        at = told
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = value
    return told


@contextmanager
def stripe_api() -> Iterator[tuple[StripeApi, str]]:
    api = StripeApi()
    with serving(api.answer) as address:
        yield api, address
