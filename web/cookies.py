"""How our cookies are made: for this host only, out of reach of scripts, `__Host-` wherever browsers come by https."""

from typing import Literal

from litestar.datastructures import Cookie


def named(name: str, secure: bool) -> str:
    """Return what a cookie is called. Plain on loopback http, where a Secure one would not come back."""
    return f"__Host-{name}" if secure else name


def made(name: str, value: str, max_age: int, secure: bool, same_site: Literal["lax", "strict"] = "lax") -> Cookie:
    """`max_age` is in seconds; 0 takes the cookie away."""
    return Cookie(
        key=named(name, secure),
        value=value,
        path="/",  # which `__Host-` asks for
        max_age=max_age,
        httponly=True,
        samesite=same_site,
        secure=secure,
    )
