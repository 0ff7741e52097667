"""Where somebody signs in from, as much of it as is kept."""

import ipaddress

import msgspec

DEVICE_CHARS = 120


class Place(msgspec.Struct, frozen=True):
    """One request's origin. `browser` is the cookie that a browser keeps of earlier sign-ins, "" for none.

    None for a client that keeps no cookies: it is given none.
    """

    device: str  # "Chromium on Linux"
    address: str
    browser: str | None = ""

    @property
    def network(self) -> str:
        """Return what attempts are counted by: an IPv4 address, or the /64 that an IPv6 host chooses freely within."""
        return _prefix(self.address, 32, 64)

    @property
    def about(self) -> str:
        """Return what is kept and shown: IPv4 /24, IPv6 /48."""
        return _prefix(self.address, 24, 48)

    @property
    def label(self) -> str:
        return "".join(sign for sign in self.device[:DEVICE_CHARS] if sign.isprintable()) or "?"


def loopback(host: str) -> bool:
    """Whether a host, as people write it in a URL, is this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _prefix(address: str, four: int, six: int) -> str:
    try:
        found = ipaddress.ip_address(address[:64].partition("%")[0])
    except ValueError:
        return "?"
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = four if found.version == 4 else six
    network = ipaddress.ip_network(f"{found}/{bits}", strict=False)
    return str(found) if bits == 32 else str(network)
