"""Which internet addresses a page may be asked from: the public ones, and nothing that leads anywhere else."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ssrfguard import DEFAULT_DENIED

_GLOBAL = ip_network("2000::/3")  # all that IANA has ever given out for unicast
# ssrfguard's table (IANA's special ranges, cloud metadata) let these by when every literal was tried
# (docs/adr/0015-the-one-fetcher.md). What only translates to another address is refused whole: no web site lives
# there, and what sits behind a translator is the translator's business.
_DENIED = tuple(
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's wire server: public by number, the machine's own host by route
        "192.0.0.0/24",  # protocol assignments: Oracle's metadata, PCP and TURN anycast (the nearest NAT)
        "192.31.196.0/24",  # AS112 and AMT: anycast, answered by whatever is nearest
        "192.52.193.0/24",
        "192.175.48.0/24",
        "2001::/23",  # Teredo, ORCHID, benchmarking, anycast of NATs
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # 6bone, given back
        "3fff::/20",  # documentation
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)  # bits 64 to 96 of a tunnel's address, its IPv4 end follows


def public(address: str) -> bool:
    """Return whether a textual address is one of the public internet's. What is no address is not."""
    if "%" in address:  # a zone: an interface of this machine
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if any(parsed in network for network in _DENIED):
        return False
    return _is_v6_host(parsed) if isinstance(parsed, IPv6Address) else _is_free(parsed)


def _is_v6_host(address: IPv6Address) -> bool:
    """Mapped, v4-compatible, SIIT and NAT64 addresses are outside of 2000::/3, as are local, multicast and all those
    that nobody was given.
    """
    return address in _GLOBAL and (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP and _is_free(address)


def _is_free(address: IPv4Address | IPv6Address) -> bool:
    return not DEFAULT_DENIED.classify(address).blocked
