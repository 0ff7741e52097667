"""The part of WeChat Pay's API that Parley uses, on loopback. It checks the merchant's signature, and signs too."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.infra.payments.loopback import Reply, Request, serving
from tests.infra.payments.signing import APP, MERCHANT, rsa_headers, rsa_key


class WeChatApi:
    """`asked` has every body; `broken` is a status that everything is answered with; `slow_refunds` stay under way."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.broken = 0
        self.slow_refunds = False
        self.forges = False
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.begun: dict[str, dict[str, Any]] = {}

    def pay(self, order_id: str, **wrong: Any) -> None:
        self.orders[order_id] |= {"trade_state": "SUCCESS", "transaction_id": "42000001", **wrong}

    def arrive(self) -> None:
        """Refunds that were under way are there."""
        for refund in self.refunds.values():
            refund["status"] = "SUCCESS"

    def answer(self, request: Request) -> Reply:
        if self.broken:
            return self._signed(self.broken, {"code": "SYSTEM_ERROR", "message": "x"})
        if not self._known(request):
            return self._signed(401, {"code": "SIGN_ERROR", "message": "x"})
        given = json.loads(request.body or b"{}")
        parts = urlsplit(request.path)
        self.asked.append((request.method, parts.path, given))
        names = parts.path.removeprefix("/v3/").split("/")
        match (request.method, *names):
            case ("POST", "pay", "transactions", "native"):
                return self._order(given)
            case ("GET", "pay", "transactions", "out-trade-no", order_id):
                assert parse_qs(parts.query) == {"mchid": [MERCHANT]}
                order = self.orders.get(order_id)
                return self._signed(200, order) if order else self._signed(404, {"code": "ORDER_NOT_EXIST"})
            case ("POST", "pay", "transactions", "out-trade-no", order_id, "close"):
                order = self.orders.get(order_id)
                if order is None or order["trade_state"] not in ("NOTPAY", "CLOSED"):
                    return self._signed(400, {"code": "ORDERPAID" if order else "ORDER_NOT_EXIST"})
                order["trade_state"] = "CLOSED"
                return self._signed(204, None)
            case ("POST", "refund", "domestic", "refunds"):
                return self._refund(given)
            case ("GET", "refund", "domestic", "refunds", number):
                refund = self.refunds.get(number)
                return self._signed(200, refund) if refund else self._signed(404, {"code": "RESOURCE_NOT_EXISTS"})
        return self._signed(404, {"code": "URL_UNKNOWN"})

    def _order(self, given: dict[str, Any]) -> Reply:
        assert given["appid"] == APP and given["mchid"] == MERCHANT and given["notify_url"].startswith("https://")
        order_id = given["out_trade_no"]
        if not re.fullmatch(r"[0-9A-Za-z_\-|*]{6,32}", order_id) or given["amount"]["total"] < 1:
            return self._signed(400, {"code": "PARAM_ERROR"})
        there = self.orders.setdefault(
            order_id,
            {
                "appid": APP, "mchid": MERCHANT, "out_trade_no": order_id, "trade_state": "NOTPAY",
                "trade_state_desc": "x", "amount": given["amount"],
            },
        )  # fmt: skip
        if there["trade_state"] != "NOTPAY":
            return self._signed(400, {"code": "ORDERPAID" if there["trade_state"] == "SUCCESS" else "ORDER_CLOSED"})
        if self.begun.setdefault(order_id, given) != given:
            return self._signed(400, {"code": "INVALID_REQUEST"})
        return self._signed(200, {"code_url": f"weixin://wxpay/bizpayurl?pr={order_id}"})

    def _refund(self, given: dict[str, Any]) -> Reply:
        number, order_id = given["out_refund_no"], given["out_trade_no"]
        assert re.fullmatch(r"[0-9A-Za-z_\-|*@]{1,64}", number)
        order, amount = self.orders.get(order_id), given["amount"]["refund"]
        if order is None or order["trade_state"] not in ("SUCCESS", "REFUND"):
            return self._signed(404, {"code": "RESOURCE_NOT_EXISTS"})
        given_back = sum(each["amount"]["refund"] for each in self.refunds.values() if each["out_trade_no"] == order_id)
        if number not in self.refunds and amount > order["amount"]["total"] - given_back:
            return self._signed(403, {"code": "NOT_ENOUGH"})
        refund = {
            "out_refund_no": number, "out_trade_no": order_id,
            "status": "PROCESSING" if self.slow_refunds else "SUCCESS",
            "amount": {"refund": amount, "total": order["amount"]["total"], "currency": "CNY"},
        }  # fmt: skip
        order["trade_state"] = "REFUND"
        return self._signed(200, self.refunds.setdefault(number, refund))

    def _signed(self, status: int, told: dict[str, Any] | None) -> Reply:
        body = b"" if told is None else json.dumps(told).encode()
        return status, body, rsa_headers("somebody" if self.forges else "platform", body, datetime.now(UTC))

    @staticmethod
    def _known(request: Request) -> bool:
        given = dict(re.findall(r'(\w+)="([^"]*)"', request.headers.get("Authorization", "")))
        message = f"{request.method}\n{request.path}\n{given.get('timestamp')}\n{given.get('nonce_str')}\n".encode()
        try:
            rsa_key("merchant").public_key().verify(
                base64.b64decode(given.get("signature", "")), message + request.body + b"\n", padding.PKCS1v15(),
                hashes.SHA256(),
            )  # fmt: skip
        except InvalidSignature:
            return False
        return given.get("mchid") == MERCHANT


@contextmanager
def wechat_api() -> Iterator[tuple[WeChatApi, str]]:
    api = WeChatApi()
    with serving(api.answer) as address:
        yield api, address
