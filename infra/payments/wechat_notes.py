"""WeChat Pay's notifications: signed with the platform's RSA key, and their content sealed with ours.

wechatpayv3 can check them too, but asks the network for a key that it does not know, and takes any age.
"""

import base64
from collections.abc import Mapping
from datetime import datetime

import msgspec

from domain.membership.model import EventKind, ProviderEvent
from infra.payments import signed

_METHOD = "WECHATPAY2-SHA256-RSA2048"
_ALGORITHM = "AEAD_AES_256_GCM"


class _Sealed(msgspec.Struct):
    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Note(msgspec.Struct):
    id: str
    create_time: signed.Instant
    event_type: str
    resource: _Sealed


class Amount(msgspec.Struct):
    total: int = 0
    refund: int = 0
    currency: str = "CNY"


class Paid(msgspec.Struct):
    """A transaction, as notifications and queries have it."""

    mchid: str
    out_trade_no: str
    trade_state: str
    appid: str = ""
    transaction_id: str = ""
    amount: Amount = msgspec.field(default_factory=Amount)


class _Refund(msgspec.Struct):
    mchid: str
    out_trade_no: str
    out_refund_no: str
    refund_status: str
    amount: Amount


class Seal:
    """`public_key` is the platform's, as PEM; `api_key` the 32 characters that contents are sealed with."""

    def __init__(self, public_key: str, key_id: str, api_key: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        key = load_pem_public_key(public_key.encode())
        if not isinstance(key, RSAPublicKey):
            raise ValueError("no RSA key")
        self._key = key
        self._key_id, self._api_key = key_id, api_key.encode()

    def open(self, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[_Note, bytes]:
        """Return a notification and what was sealed in it. Raises NotAllowed("webhook_bad")."""
        self._check(signed.lower(headers), body, now)
        note = signed.read(body, _Note)
        return note, self._unseal(note.resource)

    def _check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        seconds, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
        signature = headers.get("wechatpay-signature", "")
        if (
            len(body) > signed.MOST_BYTES
            or headers.get("wechatpay-serial", "") != self._key_id
            or headers.get("wechatpay-signature-type", _METHOD) != _METHOD
            or not signed.fresh(seconds, now)
            or not (nonce.isascii() and len(nonce) <= 255 and len(signature) <= 2_000)
        ):
            raise signed.bad()
        try:
            message = seconds.encode() + b"\n" + nonce.encode() + b"\n" + body + b"\n"
            self._key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            raise signed.bad() from None

    def _unseal(self, sealed: _Sealed) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if sealed.algorithm != _ALGORITHM:
            raise signed.bad()
        try:
            return AESGCM(self._api_key).decrypt(
                sealed.nonce.encode(), base64.b64decode(sealed.ciphertext, validate=True),
                sealed.associated_data.encode(),
            )  # fmt: skip
        except (InvalidTag, ValueError):
            raise signed.bad() from None


def event(seal: Seal, headers: Mapping[str, str], body: bytes, now: datetime, appid: str) -> ProviderEvent:
    """Raises NotAllowed("webhook_bad")."""
    note, inside = seal.open(headers, body, now)
    told = ProviderEvent(provider="wechat", id=note.id, kind="other", live=True, at=note.create_time)
    what = note.event_type.partition(".")[0]
    if what == "TRANSACTION":
        told = _paid(told, signed.read(inside, Paid), appid)
    elif what == "REFUND":
        told = _refunded(told, signed.read(inside, _Refund))
    return signed.sound(told)


def account(paid: Paid, appid: str) -> str:
    """The merchant, unless the payment was made for another app of the same one."""
    return paid.mchid if paid.appid in ("", appid) else f"{paid.mchid}/{paid.appid}"


def _paid(told: ProviderEvent, paid: Paid, appid: str) -> ProviderEvent:
    kind: EventKind = "paid" if paid.trade_state == "SUCCESS" else "other"
    return msgspec.structs.replace(
        told,
        kind=kind,
        order_id=paid.out_trade_no,
        ref=paid.out_trade_no,
        amount=paid.amount.total,
        currency=paid.amount.currency,
        account=account(paid, appid),
    )


def _refunded(told: ProviderEvent, refund: _Refund) -> ProviderEvent:
    """The number of a refund says how much was given back before it (wechat.number)."""
    order_id, _, before = refund.out_refund_no.rpartition("-")
    ours = order_id == refund.out_trade_no and before.isascii() and before.isdigit() and len(before) <= 12
    if not ours and refund.refund_status == "SUCCESS":  # by hand, at WeChat: whoever applies it asks for the state
        before = "0"
    kind: EventKind = "refunded" if refund.refund_status == "SUCCESS" else "other"
    return msgspec.structs.replace(
        told,
        kind=kind,
        order_id=refund.out_trade_no,
        ref=refund.out_trade_no,
        amount=int(before) + refund.amount.refund if kind == "refunded" else 0,
        currency="CNY",
        account=refund.mchid,
    )


