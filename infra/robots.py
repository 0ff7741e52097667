"""robots.txt: what is kept of one, and what it says to us (RFC 9309, read by Protego)."""

import functools
import re
from datetime import timedelta

from protego import Protego

MOST = 500 * 1024  # bytes, what the RFC asks a crawler to read at least; the rest is cut
_SHORT = 32 * 1024  # characters
MAX_DELAY_S = 24 * 3600
# Protego's own idea of such a line: with a colon or without, in any of three spellings.
_AGENT = re.compile(r"(\s*user[-\s]*agent(?:\s*:\s*|\s+))([^#\r\n]*)", re.IGNORECASE)


class Rules:
    """What one robots.txt says to one crawler, by its product token ("ParleyBot")."""

    def __init__(self, text: str, token: str) -> None:
        self._rules = Protego.parse(_ours(text, token.lower()))
        self._token = token

    def allow(self, url: str) -> bool:
        return self._rules.can_fetch(url, self._token)

    def gap(self, least: timedelta) -> timedelta:
        """Return the time between two requests: their crawl-delay, where it is longer than ours."""
        said = min(self._rules.crawl_delay(self._token) or 0.0, MAX_DELAY_S)
        return max(least, timedelta(seconds=said))


def rules(text: str, token: str) -> Rules:
    """Read it, or remember it: each page of a site asks. Half a megabyte of rules takes a tenth of a second and 10 MB
    and is not remembered.
    """
    return _remembered(text, token) if len(text) <= _SHORT else Rules(text, token)


@functools.lru_cache(maxsize=16)
def _remembered(text: str, token: str) -> Rules:
    return Rules(text, token)


def _ours(text: str, token: str) -> str:
    """Give all groups for others one name, so that there are three groups at most.

    Protego adds each rule to every agent it is for: half a megabyte of which half names agents and half rules is
    hundreds of millions of rules.
    """

    def one(line: str) -> str:
        found = _AGENT.match(line)
        if found is None:
            return line
        named = found[2].partition("/")[0].strip().lower()
        named = named if named == "*" else named.replace("*", "")
        return f"{found[1]}{named if named in ('', '*', token) else '-'}"

    return "\n".join(one(line) for line in text.splitlines())
