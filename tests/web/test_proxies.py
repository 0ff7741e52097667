"""Whose address is counted behind proxies, and that nobody chooses it."""

from typing import Any

import pytest

from web.proxies import believe


def seen(proxies: int, *forwarded: str) -> Any:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    scope: Any = {"headers": headers, "client": ("10.0.0.1", 4711)}
    believe(scope, proxies)
    return scope["client"][0]


def test_without_proxies_nobody_is_believed() -> None:
    assert seen(0, "203.0.113.9") == "10.0.0.1"


def test_one_proxy_tells_who_asked_it_whatever_the_visitor_wrote_before() -> None:
    assert seen(1, "203.0.113.9") == "203.0.113.9"
    assert seen(1, "6.6.6.6, 203.0.113.9") == "203.0.113.9"
    assert seen(1, "6.6.6.6", "203.0.113.9") == "203.0.113.9"


def test_of_two_proxies_the_first_tells() -> None:
    assert seen(2, "6.6.6.6, 203.0.113.9, 192.0.2.1") == "203.0.113.9"
    assert seen(2, "2001:db8::7, 192.0.2.1") == "2001:db8::7"


@pytest.mark.parametrize("forwarded", ["", "unknown", "203.0.113.9:80", "a" * 9_000, "\x00", ","])
def test_what_is_no_address_changes_nothing(forwarded: str) -> None:
    assert seen(1, forwarded) == "10.0.0.1"
    assert seen(3, "203.0.113.9") == "10.0.0.1"
