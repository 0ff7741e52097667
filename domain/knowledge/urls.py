"""Addresses: one parser (WHATWG, by ada) for all that users and pages name, their one form, what a source takes."""

import hashlib
import re
from urllib.parse import quote

import msgspec

from domain.errors import BadInput
from domain.knowledge.model import Source

MAX_URL = 2_048
PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\Z")
_MAX_NAME = 247  # DNS has 253; with a port it still has to fit where hosts are kept
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What follows a reader from page to page and changes nothing on it.
_TRACKER = re.compile(
    r"(utm_.*|hsa_.*|gclid|gclsrc|dclid|gbraid|wbraid|_ga|_gl|fbclid|igshid|igsh|msclkid|yclid|ysclid|twclid|ttclid"
    r"|li_fat_id|mc_cid|mc_eid|mkt_tok|_hsenc|_hsmi|__hstc|__hssc|__hsfp|vero_id|oly_anon_id|oly_enc_id|_openstat"
    r"|wickedid|spm|spm_id_from|scm|vd_source|share_source|share_medium)\Z",
    re.IGNORECASE,
)


class Address(msgspec.Struct, frozen=True):
    """The parsed parts of an address. Whoever asks for the page uses these and never reads the text again."""

    scheme: str  # "http" or "https"
    host: str  # ASCII, lower case: a name without its last dot, 127.0.0.1, or ::1 without brackets
    port: int
    path: str  # as a request names it, from "/" on
    query: str  # without "?"

    @property
    def authority(self) -> str:
        """What the Host header says: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(url: str, base: str = "") -> Address:
    """Return the parts of an absolute address, or of one that stands on the page `base`.

    Raises BadInput("url_bad") for what is no http or https address, carries credentials or control characters, or is
    longer than 2,048 characters. Spaces and line ends around it are taken off, as browsers do with a pasted one.
    """
    from ada_url import URL

    text = url.strip(" \t\r\n\f")
    if len(text) > MAX_URL or _CONTROL.search(text):
        raise BadInput("url_bad")
    try:
        parsed = URL(text, base) if base else URL(text)
    except ValueError:  # of ada, and of a lone surrogate
        raise BadInput("url_bad") from None
    scheme = parsed.protocol.removesuffix(":")
    host = parsed.hostname.removeprefix("[").removesuffix("]").removesuffix(".")
    if scheme not in PORTS or parsed.username or parsed.password or not _is_host(host):
        raise BadInput("url_bad")
    port = int(parsed.port) if parsed.port else PORTS[scheme]
    address = Address(scheme, host, port, parsed.pathname, parsed.search.removeprefix("?"))
    if len(address.url) > MAX_URL:
        raise BadInput("url_bad")
    return address


def canonical(url: str, base: str = "") -> str:
    """Return the one form of an address: IDNA host, no default port, dot segments, fragment or trackers, its query
    in the order of the keys, escapes in capitals and none that is not needed.

    Raises BadInput("url_bad") as parse does.
    """
    address = parse(url, base)
    path, query = _escapes(address.path), _escapes(address.query)
    pairs = [pair for pair in query.split("&") if pair and not _TRACKER.match(pair.partition("=")[0])]
    # Stable: what is said twice under one key may mean its order.
    ordered = "&".join(sorted(pairs, key=lambda pair: pair.partition("=")[0]))
    return msgspec.structs.replace(address, path=path, query=ordered).url


def key(url: str) -> str:
    """Return the SHA-256 of a canonical address, hex."""
    return hashlib.sha256(url.encode()).hexdigest()


def host_of(url: str) -> str:
    return parse(url).host


def site_of(url: str) -> str:
    """Return the host as people name it: without a leading www."""
    host = host_of(url)
    return host[4:] if host.startswith("www.") and "." in host[4:] else host


def allowed(url: str, source: Source) -> bool:
    """Return whether a source takes this address. A page takes itself, a site what is on its host (www or not), a feed
    whatever it names; `exclude` beats `include`. No network is asked, the fetcher judges where it leads.
    """
    try:
        address, own = parse(url), parse(source.url)
    except BadInput:
        return False
    if source.kind == "page":
        return canonical(url) == canonical(source.url)
    if source.kind == "site" and (site_of(url) != site_of(source.url) or not _same_door(address, own)):
        return False
    if any(matches(pattern, address) for pattern in source.exclude):
        return False
    return not source.include or any(matches(pattern, address) for pattern in source.include)


def matches(pattern: str, address: Address) -> bool:
    """Return whether the whole path fits a pattern, `*` for anything; one with a `?` is held against the query too.

    In time linear in both: patterns come from users, and a regular expression of many `.*` is not.
    """
    text = _escapes(address.target if "?" in pattern else address.path)
    first, *rest = _escapes(quote(pattern, safe="/?&=%*:@!$'()+,;~-._")).split("*")
    if not rest:
        return text == first
    *middle, last = rest
    at = len(first)
    if not text.startswith(first):
        return False
    for part in middle:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - len(last) >= at and text.endswith(last)


def _same_door(address: Address, own: Address) -> bool:
    """http and https at their own ports are one site; another port is another server."""
    plain = [one.port == PORTS[one.scheme] for one in (address, own)]
    return all(plain) or address.port == own.port


def _is_host(host: str) -> bool:
    return ":" in host or (len(host) <= _MAX_NAME and _NAME.match(host) is not None)


def _escapes(text: str) -> str:
    """Undo escapes of what needs none, write the others in capitals: %7euser and ~user are one address."""

    def one(found: re.Match[str]) -> str:
        char = chr(int(found[1], 16))
        return char if char in _UNRESERVED else found[0].upper()

    return _ESCAPE.sub(one, text)
