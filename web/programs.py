"""Where programs ask: there only a bearer token says who it is, and every answer is JSON."""

from litestar.utils import normalize_path

PREFIXES = ("/api/", "/web/", "/chat/api/")
PROVIDERS = "/payments/"


def for_programs(path: str) -> bool:
    """Whether it is an address of theirs, read as the router reads it: `//web//search` is one too."""
    return f"{normalize_path(path)}/".startswith(PREFIXES)


def for_providers(path: str) -> bool:
    """Whether it is an address where providers of payments tell us: there nobody is signed in."""
    return f"{normalize_path(path)}/".startswith(PROVIDERS)
