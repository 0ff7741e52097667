"""Which addresses are public: by the lists of the corpus, and by chance."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.addresses import public
from tests.infra.fetch import corpus


@pytest.mark.parametrize("address", [*corpus.INSIDE_V4, *corpus.INSIDE_V6, *corpus.carried("8.8.8.8")])
def test_inside_is_not_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", [*corpus.OUTSIDE_V4, *corpus.OUTSIDE_V6])
def test_outside_is(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "text", ["", "example.com", "2606:4700::1%eth0", "1.2.3", "01.2.3.4", "0x7f000001", " 1.1.1.1", "1.1.1.1\n"]
)
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not public(text)


@given(st.integers(0, 2**32 - 1))
def test_no_form_of_an_ipv4_address_is_more_public_than_itself(number: int) -> None:
    dotted = str(IPv4Address(number))
    assert public(dotted) <= IPv4Address(number).is_global
    assert not any(public(text) for text in corpus.carried(dotted))


@given(st.integers(0, 2**128 - 1))
def test_ipv6_is_public_only_where_addresses_are_given_out(number: int) -> None:
    address = IPv6Address(number)
    assert public(str(address)) <= (number >> 125 == 1 and address.is_global)
