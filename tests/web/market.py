"""A house where things are sold: somebody signed in, the provider's books at hand, webhooks that come by HTTP."""

import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from domain.membership.model import Order
from tests.fakes_provider import SIGNED, ScriptedProvider
from tests.web.accounts import Home, csrf, register
from tests.web.house import application

WEBHOOK = "/payments/scripted/webhook"
PATIENT_S = 60


class Market(Home):
    """A home in which somebody takes the money: a provider whose books the test writes."""

    def __init__(self, folder: Path, database: Path, provider: ScriptedProvider | None = None, **settings: Any) -> None:
        super().__init__(folder, database, **settings)
        if provider is not None:
            self.provider = provider
            sold = self.sells(self.services.members, self.audit, self.letters, self.time)
            self.services = msgspec.structs.replace(self.services, selling=sold, shelves=self.shelved(sold))
            self.app = application(self.services)


def browser(home: Home, **person: str) -> httpx.Client:
    """Return a browser in which somebody has just made an account."""
    client = home.browser()
    register(home, client, **person)
    return client


def owner(home: Home, name: str = "anna") -> str:
    found = home.accounts.by_login(name)
    assert found is not None
    return found.user.id


def newest(home: Home, name: str = "anna") -> Order:
    return home.services.selling.orders.of(owner(home, name))[0]


def send(client: httpx.Client, address: str, **fields: str) -> httpx.Response:
    """Press a button of the page of membership; where it leads is shown, not followed."""
    return client.post(address, data={"csrf": csrf(client), **fields}, follow_redirects=False)


def order(client: httpx.Client, plan: str = "basic", period: str = "month", **more: str) -> httpx.Response:
    wish = {"plan": plan, "period": period, "currency": "USD"}
    return send(client, "/membership/buy", **{**wish, **more})


def hook(home: Home, client: httpx.Client, kind: str, about: Order, **other: Any) -> httpx.Response:
    """Have the provider tell something of an order."""
    body = home.provider.event(kind, about, home.time.now(), **other)
    return client.post(WEBHOOK, content=body, headers=SIGNED)


def settled(home: Home, wanted: str, name: str = "anna") -> Order:
    """Wait until the newest order is what it is to become: jobs are done behind the answers."""
    end = time.monotonic() + PATIENT_S
    while (found := newest(home, name)).state != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def bought(home: Home, client: httpx.Client, plan: str = "basic", **more: str) -> Order:
    """Order, pay, and have the webhook come."""
    answer = order(client, plan, **more)
    assert answer.status_code == 303, answer.text
    made = newest(home)
    home.provider.pay(made)
    assert hook(home, client, "paid", made).status_code == 200
    granted = settled(home, "granted")
    home.time.seconds += 1  # what is ordered next is newer
    return granted
