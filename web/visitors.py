"""What is kept about where a sign-in came from: enough for its owner to know it again, too little to follow anybody."""

import re
from typing import Any

from litestar.connection import ASGIConnection

from domain.places import Place
from web.i18n import gettext

# The order counts: every browser names those it descends from.
_BROWSERS = (
    ("Edge", re.compile(r"\bEdgA?/")),
    ("Opera", re.compile(r"\bOPR/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(Firefox|FxiOS)/")),
    ("Chromium", re.compile(r"\b(Chrome|CriOS|HeadlessChrome|Chromium)/")),
    ("Safari", re.compile(r"\bSafari/")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Linux", re.compile(r"\bLinux\b")),
)
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,30}(?=/|\Z)")
_LOOKED_AT = 512  # characters of what a client says about itself


def device(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return something like "Chromium on Linux": no version, so that an update does not make another device."""
    said = request.headers.get("user-agent", "")[:_LOOKED_AT]
    browser = next((name for name, sign in _BROWSERS if sign.search(said)), "")
    system = next((name for name, sign in _SYSTEMS if sign.search(said)), "")
    if not browser:
        program = _PROGRAM.match(said)
        browser = program[0] if program and not said.startswith("Mozilla") else "?"
    return f"{browser} on {system}" if system else browser


def device_words(device: str) -> str:
    """Return it in the language that is read, "" where nothing is known of it."""
    browser, on, system = device.rpartition(" on ")
    if not on or system not in {name for name, _ in _SYSTEMS}:
        return "" if device == "?" else device
    return system if browser == "?" else gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}


def address(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return where the connection came from; domain.places shortens it before anything is kept."""
    return request.client.host if request.client else ""


def place(request: ASGIConnection[Any, Any, Any, Any], browser: str | None = None) -> Place:
    """`browser` is the cookie of earlier sign-ins; None for programs, which keep no cookies."""
    return Place(device(request), address(request), browser)
