"""Where a request comes from when proxies stand in front: as many of them are believed as the operator says."""

import ipaddress

from litestar.types import Scope


def believe(scope: Scope, proxies: int) -> None:
    """Put the visitor's address into the scope, in place of the nearest proxy's.

    Each proxy adds the address that it was asked from at the end of X-Forwarded-For; what stands before the last
    `proxies` of them anybody may have written. A header that is shorter or no address changes nothing.
    """
    if proxies <= 0:
        return
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for hop in b",".join(values).decode("latin-1").split(",")]
    if len(hops) < proxies:
        return
    try:
        visitor = ipaddress.ip_address(hops[-proxies])
    except ValueError:
        return
    scope["client"] = (str(visitor), 0)
