"""Where passkeys are good."""

import ipaddress
from urllib.parse import urlsplit

import msgspec


class Site(msgspec.Struct, frozen=True):
    """`id` is the domain that passkeys are bound to."""

    id: str
    origin: str
    name: str = "Parley"


def site_of(public_url: str, port: int) -> Site | None:
    """Return where passkeys are good, None where browsers have none: they want https or localhost, and a name.

    Without PUBLIC_URL that is http://localhost:<port>; the same page at http://127.0.0.1 can't use them.
    """
    try:
        parts = urlsplit(public_url or f"http://localhost:{port}")
        host = (parts.hostname or "").encode("idna").decode().lower()
        number = parts.port
    except ValueError:
        return None
    local = host == "localhost" or host.endswith(".localhost")
    if not host or _is_address(host) or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        return None
    usual = number in (None, 443 if parts.scheme == "https" else 80)
    return Site(host, f"{parts.scheme}://{host}" + ("" if usual else f":{number}"))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
