"""Webhooks as the providers make them, signed. `event` returns headers and body of what a provider tells of an order.

Written apart from the code that verifies: with hmac, cryptography and json alone.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.membership.model import Order
from infra.payments.settings import Keys

STRIPE_SECRET = "whsec_made-for-these-tests-and-no-other-use"
API_KEY = "k" * 8 + "0123456789abcdef01234567"
PLATFORM = "PUB_KEY_ID_0000000000000000000000000000000001"
MERCHANT = "1900000109"
APP = "wx0000000000000001"
_numbers = count(1)
Signed = tuple[dict[str, str], bytes]


class Signer(Protocol):
    def event(self, kind: str, order: Order, at: datetime, **other: Any) -> Signed:
        """Return a webhook about an order, sent at `at`. `other`: id, amount, currency, account, live, and what is
        the provider's own."""

    def sign(self, body: bytes, at: datetime) -> Signed:
        """Sign any body."""

    def forged(self, body: bytes, at: datetime) -> Signed:
        """Sign it with a key that is not the provider's."""


def hmac_header(key: str, body: bytes, at: datetime) -> str:
    seconds = int(at.timestamp())
    mac = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"


class StripeSigner:
    def __init__(self, secret: str = STRIPE_SECRET, live: bool = False) -> None:
        self.secret, self.live = secret, live

    def sign(self, body: bytes, at: datetime) -> Signed:
        return {"Stripe-Signature": hmac_header(self.secret, body, at)}, body

    def forged(self, body: bytes, at: datetime) -> Signed:
        return {"Stripe-Signature": hmac_header("whsec_another", body, at)}, body

    def event(self, kind: str, order: Order, at: datetime, **other: Any) -> Signed:
        name, inside = stripe_object(kind, order, other)
        told = {
            "id": other.get("id") or f"evt_{next(_numbers)}", "object": "event", "api_version": "2026-10-28.endive",
            "created": int(at.timestamp()), "livemode": other.get("live", self.live), "type": name,
            "data": {"object": inside}, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
        }  # fmt: skip
        if other.get("account"):
            told["account"] = other["account"]
        return self.sign(json.dumps(told).encode(), at)


def stripe_object(kind: str, order: Order, other: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the type of Stripe's event for one of ours, and its object."""
    amount = other.get("amount", order.due)
    currency = str(other.get("currency", order.currency)).lower()
    ref, subscription = other.get("ref", order.provider_ref), other.get("subscription", f"sub_{order.id}")
    if kind in ("paid", "failed", "expired"):
        names = {"paid": "completed", "failed": "async_payment_failed", "expired": "expired"}
        session = {
            "id": ref or f"cs_test_{order.id}", "object": "checkout.session", "amount_total": amount,
            "client_reference_id": order.id, "currency": currency, "livemode": False, "mode": "subscription",
            "metadata": {"order_id": order.id}, "payment_intent": None, "subscription": subscription,
            "payment_status": other.get("payment_status", "paid" if kind == "paid" else "unpaid"),
            "status": "expired" if kind == "expired" else "complete",
        }  # fmt: skip
        return f"checkout.session.{names[kind]}", session
    if kind in ("renewed", "renewal_failed"):
        end = other.get("period_end")
        details = {"metadata": {"order_id": order.id}, "subscription": subscription}
        invoice = {
            "id": ref or f"in_{next(_numbers)}", "object": "invoice", "amount_due": amount, "currency": currency,
            "amount_paid": amount if kind == "renewed" else 0,
            "billing_reason": other.get("billing_reason", "subscription_cycle"),
            "status": "paid" if kind == "renewed" else "open",
            "parent": {"type": "subscription_details", "subscription_details": details},
            "lines": {"object": "list", "data": [{"id": "il_1", "period": {"start": 0, "end": int(end.timestamp())}}]
                      if end else []},
        }  # fmt: skip
        return "invoice.paid" if kind == "renewed" else "invoice.payment_failed", invoice
    if kind == "refunded":
        charge = {
            "id": "ch_1", "object": "charge", "amount": order.due, "amount_refunded": amount, "currency": currency,
            "payment_intent": other.get("intent", f"pi_{order.id}"), "status": "succeeded",
            "metadata": {"order_id": order.id} if other.get("named", True) else {},
        }  # fmt: skip
        return "charge.refunded", charge
    if kind in ("disputed", "dispute_won"):
        dispute = {
            "id": "du_1", "object": "dispute", "amount": amount, "currency": currency, "charge": "ch_1", "metadata": {},
            "payment_intent": other.get("intent", f"pi_{order.id}"),
            "status": "won" if kind == "dispute_won" else "needs_response",
        }  # fmt: skip
        return "charge.dispute.closed" if kind == "dispute_won" else "charge.dispute.created", dispute
    if kind == "ended":
        over = {"id": subscription, "object": "subscription", "metadata": {"order_id": order.id}, "status": "canceled"}
        return "customer.subscription.deleted", over
    return kind if kind != "other" else "customer.updated", {"id": "cus_1", "object": "customer", "metadata": None}


class SandboxSigner:
    def __init__(self, key: str) -> None:
        self.key = key

    def sign(self, body: bytes, at: datetime) -> Signed:
        return {"Parley-Signature": hmac_header(self.key, body, at)}, body

    def forged(self, body: bytes, at: datetime) -> Signed:
        return {"Parley-Signature": hmac_header("another", body, at)}, body

    def event(self, kind: str, order: Order, at: datetime, **other: Any) -> Signed:
        end = other.get("period_end")
        told = {
            "id": other.get("id") or f"evt_{next(_numbers)}", "kind": kind, "order_id": order.id,
            "ref": other.get("ref", order.provider_ref), "amount": other.get("amount", order.due),
            "currency": other.get("currency", order.currency), "account": other.get("account", "sandbox"),
            "live": other.get("live", False), "subscription": other.get("subscription", f"sub_{order.id}"),
            "period_end": end.isoformat() if end else None, "at": at.isoformat(),
        }  # fmt: skip
        return self.sign(json.dumps(told).encode(), at)


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def private_pem(name: str) -> str:
    return rsa_key(name).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()  # fmt: skip


def public_pem(name: str) -> str:
    return rsa_key(name).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip


def wechat_keys() -> Keys:
    """Return what a merchant has: keys that are made for this run."""
    return Keys(
        mchid=MERCHANT, appid=APP, serial="5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
        private_key=private_pem("merchant"), api_key=API_KEY, public_key=public_pem("platform"), public_key_id=PLATFORM,
    )  # fmt: skip


def rsa_headers(key: str, body: bytes, at: datetime, nonce: str = "593BEC0C930BF1AFEB40B4A08C8FB242") -> dict[str, str]:
    """Return the headers of WeChat's side, of notifications and of answers."""
    seconds = int(at.timestamp())
    message = f"{seconds}\n{nonce}\n".encode() + body + b"\n"
    signature = rsa_key(key).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Wechatpay-Timestamp": str(seconds), "Wechatpay-Nonce": nonce, "Wechatpay-Serial": PLATFORM,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }  # fmt: skip


class WeChatSigner:
    def sign(self, body: bytes, at: datetime) -> Signed:
        return rsa_headers("platform", body, at), body

    def forged(self, body: bytes, at: datetime) -> Signed:
        return rsa_headers("somebody", body, at), body

    def event(self, kind: str, order: Order, at: datetime, **other: Any) -> Signed:
        """`before`: how much had been given back before a refund. Kinds that WeChat does not have are told as a name
        that nobody knows."""
        amount, currency = other.get("amount", order.due), other.get("currency", order.currency)
        inside: dict[str, Any] = {
            "mchid": other.get("account", MERCHANT), "appid": other.get("appid", APP), "out_trade_no": order.id,
            "transaction_id": "4200000000202611290000000001",
        }  # fmt: skip
        name, kind_of = f"PARKING.{kind.upper()}", "parking"
        if kind == "paid":
            name, kind_of = "TRANSACTION.SUCCESS", "transaction"
            inside |= {
                "trade_state": other.get("trade_state", "SUCCESS"), "trade_type": "NATIVE",
                "success_time": at.isoformat(timespec="seconds"),
                "amount": {"total": amount, "payer_total": amount, "currency": currency, "payer_currency": currency},
            }  # fmt: skip
        elif kind == "refunded":
            name, kind_of, before = "REFUND.SUCCESS", "refund", other.get("before", 0)
            inside |= {
                "out_refund_no": other.get("number", f"{order.id}-{before}"), "refund_status": "SUCCESS",
                "refund_id": "50000000382019052709732678859",
                "amount": {"total": order.due, "refund": amount - before, "payer_total": order.due,
                           "payer_refund": amount - before},
            }  # fmt: skip
        return self.sign(json.dumps(sealed(name, kind_of, inside, at, other.get("id"))).encode(), at)


def sealed(
    name: str, kind: str, inside: Mapping[str, Any], at: datetime, event_id: str | None = None
) -> dict[str, Any]:
    nonce = "fdasflkja484"
    closed = AESGCM(API_KEY.encode()).encrypt(nonce.encode(), json.dumps(inside).encode(), kind.encode())
    return {
        "id": event_id or f"EV-{next(_numbers)}", "create_time": at.isoformat(timespec="seconds"), "event_type": name,
        "resource_type": "encrypt-resource", "summary": "x",
        "resource": {
            "algorithm": "AEAD_AES_256_GCM", "original_type": kind, "nonce": nonce, "associated_data": kind,
            "ciphertext": base64.b64encode(closed).decode(),
        },
    }  # fmt: skip
