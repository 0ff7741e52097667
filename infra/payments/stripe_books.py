"""What Stripe's API is asked, in one thread per question: its client is a blocking one.

The package is imported with the first question, a tenth of a second that no first page waits for. Answers are read by
msgspec from the body that came, so that a field Stripe leaves out is a default here and not an AttributeError.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from domain.membership.model import Order
from infra.payments.stripe_events import FIRST, Invoice

if TYPE_CHECKING:
    from stripe import StripeClient

TIMEOUT_S = (3.0, 10.0)  # for a connection, for an answer
_PAGES = 20  # of 100 checkouts each, within the day of one order
_AROUND = timedelta(minutes=5)  # their clock and ours
T = TypeVar("T")


class Session(msgspec.Struct):
    id: str
    url: str | None = None
    client_reference_id: str | None = None
    amount_total: int | None = None
    currency: str | None = None
    livemode: bool = False
    payment_status: str = ""
    status: str | None = None
    subscription: str | None = None
    payment_intent: str | None = None
    invoice: str | None = None


class _Card(msgspec.Struct):
    fingerprint: str | None = None


class _Means(msgspec.Struct):
    card: _Card | None = None


class _Charge(msgspec.Struct):
    amount_refunded: int = 0
    disputed: bool = False
    payment_method_details: _Means | None = None


class Intent(msgspec.Struct):
    """A payment, with its last charge."""

    id: str
    status: str = ""
    metadata: dict[str, str] = {}
    latest_charge: _Charge | None = None


class _Recurring(msgspec.Struct):
    interval: str = ""


class _Price(msgspec.Struct):
    unit_amount: int | None = None
    currency: str = ""
    recurring: _Recurring | None = None


class _Item(msgspec.Struct):
    current_period_end: int = 0
    price: _Price | None = None


class _Items(msgspec.Struct):
    data: list[_Item] = []


class Subscription(msgspec.Struct):
    id: str
    items: _Items = msgspec.field(default_factory=_Items)
    current_period_end: int = 0  # until 2025
    latest_invoice: str | None = None
    default_payment_method: _Means | None = None
    status: str = ""
    schedule: str | None = None

    @property
    def costs(self) -> tuple[int, str, str] | None:
        """Return amount, currency and period of its price."""
        price = self.items.data[0].price if self.items.data else None
        if price is None or price.unit_amount is None or price.recurring is None:
            return None
        return price.unit_amount, price.currency.upper(), price.recurring.interval

    @property
    def until(self) -> datetime | None:
        ends = [item.current_period_end for item in self.items.data] or [self.current_period_end]
        return datetime.fromtimestamp(max(ends), UTC) if max(ends) else None


class _Paid(msgspec.Struct):
    payment_intent: str | None = None


class _InvoicePayment(msgspec.Struct):
    payment: _Paid
    invoice: str = ""


class _Dispute(msgspec.Struct):
    status: str = ""


class _List(msgspec.Struct):
    data: list[msgspec.Raw] = []
    has_more: bool = False


class Books:
    """`base` is another address of the API, for tests. Raises stripe.StripeError."""

    def __init__(self, key: str, account: str = "", base: str = "") -> None:
        self._key, self._account, self._base = key, account, base
        self._made: StripeClient | None = None
        self._making = threading.Lock()

    @property
    def client(self) -> "StripeClient":
        with self._making:
            if self._made is None:
                import stripe

                logging.getLogger("stripe").setLevel(logging.WARNING)  # else a line for every request
                self._made = stripe.StripeClient(
                    self._key,
                    stripe_account=self._account or None,
                    http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
                    base_addresses={"api": self._base} if self._base else None,
                    max_network_retries=1,  # with the same idempotency key
                )
            return self._made

    def session(self, order: Order) -> Session | None:
        """Return the checkout of an order, also where we never learned its id."""
        if order.provider_ref:
            return self._get(lambda v1: v1.checkout.sessions.retrieve(order.provider_ref), Session)
        return next((each for each in self._sessions(order) if each.client_reference_id == order.id), None)

    def _sessions(self, order: Order) -> Iterator[Session]:
        """Return those of all orders that began while this one could have."""
        begun = {
            "gte": int((order.created_at - _AROUND).timestamp()),
            "lte": int((order.expires_at + _AROUND).timestamp()),
        }
        ask: dict[str, Any] = {"created": begun, "limit": 100}
        for _ in range(_PAGES):
            page, more = self._list(partial(_sessions, ask), Session)
            yield from page
            if not more or not page:
                return
            ask = {**ask, "starting_after": page[-1].id}

    def invoice(self, ref: str) -> Invoice | None:
        return self._get(lambda v1: v1.invoices.retrieve(ref), Invoice)

    def subscription(self, ref: str) -> Subscription | None:
        return self._get(
            lambda v1: v1.subscriptions.retrieve(ref, {"expand": ["default_payment_method"]}), Subscription
        )

    def intent(self, ref: str) -> Intent | None:
        return self._get(lambda v1: v1.payment_intents.retrieve(ref, {"expand": ["latest_charge"]}), Intent)

    def paid_by(self, invoice: str) -> str:
        """Return the id of the payment of a bill, "" where nothing had to be paid."""
        found, _ = self._list(
            lambda v1: v1.invoice_payments.list({"invoice": invoice, "status": "paid"}), _InvoicePayment
        )
        return next((each.payment.payment_intent for each in found if each.payment.payment_intent), "")

    def bill_of(self, intent: str) -> Invoice | None:
        """Return the bill that a payment paid."""
        what = {"type": "payment_intent", "payment_intent": intent}
        found, _ = self._list(lambda v1: v1.invoice_payments.list({"payment": what}), _InvoicePayment)
        return self.invoice(found[0].invoice) if found else None

    def disputed(self, intent: str) -> bool:
        """Tell whether a bank has, or may keep, the money. A charge stays `disputed` when we have won."""
        found, _ = self._list(lambda v1: v1.disputes.list({"payment_intent": intent}), _Dispute)
        return any(each.status not in ("won", "warning_closed", "prevented") for each in found)

    def intent_of(self, order: Order) -> str:
        """Return the payment of an order or of a renewal, "" where there is none."""
        if order.provider_ref.startswith("in_"):
            return self.paid_by(order.provider_ref)
        session = self.session(order)
        if session is None:
            return ""
        return session.payment_intent or (self.paid_by(session.invoice) if session.invoice else "")

    def order_of(self, intent: str) -> tuple[str, str]:
        """Return whose payment it is: the order, and the bill where that is not its first. "" where it is not ours."""
        payment = self.intent(intent)
        if payment and (order_id := payment.metadata.get("order_id")):
            return order_id, ""
        bill = self.bill_of(intent)
        if bill is None or not bill.order_id:
            return "", ""
        return bill.order_id, "" if bill.billing_reason == FIRST else bill.id

    def _get(self, ask: Callable[[Any], Any], kind: type[T]) -> T | None:
        """Return what is asked for, None where Stripe has no such thing."""
        import stripe

        try:
            answer = ask(self.client.v1)
        except stripe.InvalidRequestError as wrong:
            if wrong.http_status == 404 or wrong.code == "resource_missing":
                return None
            raise
        return msgspec.json.decode(answer.last_response.body, type=kind)

    def _list(self, ask: Callable[[Any], Any], kind: type[T]) -> tuple[list[T], bool]:
        page = msgspec.json.decode(ask(self.client.v1).last_response.body, type=_List)
        return [msgspec.json.decode(each, type=kind) for each in page.data], page.has_more


def _sessions(ask: dict[str, Any], v1: Any) -> Any:
    return v1.checkout.sessions.list(ask)
