"""WeChat Pay, API v3, Native: a QR code that the phone reads. Nothing renews by itself; sums are fen."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from domain.errors import Conflict, Unavailable
from domain.membership.model import Currency, Membership, Order, Period, ProviderEvent
from domain.membership.ports import Checkout, PaymentState
from infra.payments import signed, wechat_notes
from infra.payments.refunds import before, so_far
from infra.payments.settings import Keys

if TYPE_CHECKING:
    from wechatpayv3 import WeChatPay

log = logging.getLogger(__name__)
TIMEOUT_S = (3, 10)  # for a connection, for an answer
_PERIODS: dict[Period, str] = {"month": "一个月", "year": "一年"}
_OVER = ("ORDERPAID", "ORDER_CLOSED", "OUT_TRADE_NO_USED")
_MOST_REFUNDS = 50  # WeChat's own bound for one payment
_STATES: dict[str, Literal["open", "paid", "failed", "expired"]] = {
    "SUCCESS": "paid", "REFUND": "paid", "NOTPAY": "open", "USERPAYING": "open", "CLOSED": "expired",
    "REVOKED": "expired", "PAYERROR": "failed",
}  # fmt: skip


class _Refund(msgspec.Struct):
    status: str = ""
    amount: wechat_notes.Amount = msgspec.field(default_factory=wechat_notes.Amount)


class WeChat:
    """Implements ports.Provider. `tell` is the address of our webhook; `base` another one of the API, for tests."""

    name = "wechat"
    live = True  # version 3 has no test mode
    renews = False
    currencies: tuple[Currency, ...] = ("CNY",)
    least: Mapping[Currency, int] = {"CNY": 1}

    def __init__(self, keys: Keys, tell: str, clock: signed.Clock, base: str = "") -> None:
        self.account = keys.mchid
        self._keys, self._tell, self._clock, self._base = keys, tell, clock, base
        self._seal: wechat_notes.Seal | None = None
        self._made: WeChatPay | None = None
        self._making = threading.Lock()

    async def checkout(self, order: Order, email: str, language: str, back: str, tells: str) -> Checkout:
        """WeChat's orders are known by our id: asking again gives the code again, if all else is the same too.

        So what the bill says depends on the order alone, whatever language is read. Nobody is led `back`.
        """
        told = await self._ask(
            lambda client: client.pay(
                description=f"Parley {order.plan_id} {_PERIODS[order.period]}",
                out_trade_no=order.id,
                amount={"total": order.due, "currency": order.currency},
                time_expire=order.expires_at.isoformat(timespec="seconds"),
            ),
            over="order_state",
        )
        code = told.get("code_url")
        if not isinstance(code, str):
            raise Unavailable("payments_unavailable")
        return Checkout(order.id, qr=code)

    def verify(self, headers: Mapping[str, str], body: bytes) -> ProviderEvent:
        if self._seal is None:
            keys = self._keys
            self._seal = wechat_notes.Seal(keys.public_key, keys.public_key_id, keys.api_key)
        return wechat_notes.event(self._seal, headers, body, self._clock(), self._keys.appid)

    def accepted(self) -> tuple[int, bytes, str]:
        return 200, b'{"code":"SUCCESS","message":"OK"}', "application/json"

    async def complete(self, event: ProviderEvent) -> ProviderEvent:
        return event

    async def state(self, order: Order) -> PaymentState:
        state: PaymentState = await self._ask(lambda client: self._state(client, order))
        return state

    async def withdraw(self, order: Order) -> None:
        await self._ask(lambda client: client.close(out_trade_no=order.id), refused=None)

    async def refund(self, order: Order, amount: int, key: str) -> None:
        def give(client: "WeChatPay") -> Any:
            given, last = self._given(client, order)
            if not so_far(key, amount, given):
                return {}
            if last is not None:
                if last.status == "PROCESSING" and last.amount.refund == amount:
                    return {}  # it is this one
                raise Conflict("refund_refused")  # another is under way, or it needs a hand at WeChat
            return client.refund(
                out_refund_no=number(order, before(key, amount)),
                out_trade_no=order.id,
                amount={"refund": amount, "total": order.due, "currency": order.currency},
            )

        await self._ask(give, refused="refund_refused")

    async def cancel(self, membership: Membership) -> None:
        """Nothing renews."""

    async def resume(self, membership: Membership) -> None:
        raise Conflict("resume_late")

    async def switch(self, membership: Membership, amount: int, currency: Currency, period: Period, tells: str) -> None:
        """Nothing renews."""

    async def close(self) -> None:
        """Nothing is held between questions."""

    async def _ask(self, what: Callable[["WeChatPay"], Any], refused: str | None = "", over: str = "") -> Any:
        """Run it in a thread. `refused`: the Conflict that a refusal is, None where a refusal does no harm. `over`: the
        Conflict for an order that is paid or closed.
        """

        def run() -> Any:
            try:
                told = what(self._client())
            except (Conflict, Unavailable):
                raise
            except Exception as wrong:  # noqa: BLE001 - the client has no errors of its own, and requests' have URLs
                log.warning("WeChat Pay: %s", type(wrong).__name__)
                raise Unavailable("payments_unavailable") from None
            return told if not isinstance(told, tuple) else self._read(told, refused, over)

        return await asyncio.to_thread(run)

    def _read(self, told: tuple[int, str], refused: str | None, over: str = "") -> dict[str, Any]:
        code, text = told
        answer = _json(text)
        if 200 <= code < 300:
            return answer
        log.warning("WeChat Pay: %s %.40r", code, answer.get("code"))
        if over and answer.get("code") in _OVER:
            raise Conflict(over)
        if 400 <= code < 500 and code not in (401, 429):
            if refused is None:
                return {}
            if refused:
                raise Conflict(refused)
        raise Unavailable("payments_unavailable")

    def _client(self) -> "WeChatPay":
        with self._making:
            if self._made is None:
                from wechatpayv3 import WeChatPay, WeChatPayType

                keys = self._keys
                self._made = WeChatPay(
                    WeChatPayType.NATIVE, keys.mchid, keys.private_key, keys.serial, keys.appid, keys.api_key,
                    notify_url=self._tell, timeout=TIMEOUT_S, public_key=keys.public_key,
                    public_key_id=keys.public_key_id,
                )  # fmt: skip
                if self._base:
                    self._made._core._gate_way = self._base  # it has no setting for that
            return self._made

    def _state(self, client: "WeChatPay", order: Order) -> PaymentState:
        code, text = client.query(out_trade_no=order.id)
        if code == 404:
            return PaymentState(state="unknown")
        paid = msgspec.convert(self._read((code, text), ""), wechat_notes.Paid)
        state = _STATES.get(paid.trade_state, "open")
        told = PaymentState(
            state=state,
            order_id=paid.out_trade_no,
            ref=paid.out_trade_no,
            amount=paid.amount.total,
            currency=paid.amount.currency,
            account=wechat_notes.account(paid, self._keys.appid),
            live=True,
        )
        if paid.trade_state != "REFUND":
            return told
        back, _ = self._given(client, order)
        after = "refunded" if back >= told.amount else "part_refunded" if back else "paid"
        return msgspec.structs.replace(told, state=after, refunded=back)

    def _given(self, client: "WeChatPay", order: Order) -> tuple[int, _Refund | None]:
        """Return how much has been given back, and the refund that has not arrived.

        There is no list of an order's refunds, but each of ours has the sum before it in its number.
        """
        given = 0
        for _ in range(_MOST_REFUNDS):
            code, text = client.query_refund(number(order, given))
            if code == 404:
                break
            refund = msgspec.convert(self._read((code, text), ""), _Refund)
            if refund.status != "SUCCESS" or refund.amount.refund <= 0:
                return given, refund
            given += refund.amount.refund
        return given, None


def number(order: Order, given: int) -> str:
    """Return a refund's number: WeChat gives one back once for each."""
    return f"{order.id}-{given}"


def _json(text: str | bytes) -> dict[str, Any]:
    try:
        told = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
