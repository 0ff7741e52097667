"""Text as a reader sees it: without what takes no place on the page or what a database refuses.

Zero-width, bidirectional and tag characters carry text that a person does not see and a model reads; NUL and lone
surrogates raise in PostgreSQL; private-use characters are icons of a font that nobody has.
"""

import re
import unicodedata

# Blank letters that are no Cf: grapheme joiner, Hangul fillers, Mongolian and Khmer invisibles, Braille blank.
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"
_SELECTORS = "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors (bytes can be hidden in them) and tags
_FORMAT = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_CONTROL = "\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f"
_NEVER = "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffc\ufffe\uffff\U000f0000-\U0010ffff"
_UNSEEN = re.compile(f"[{_BLANK}{_SELECTORS}{_FORMAT}{_CONTROL}{_NEVER}]")
_SPACES = re.compile(r"[^\S\n]+")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BREAKS = re.compile(r" ?\n ?")


def seen(text: str) -> str:
    """Return the text in NFC without unseen characters; white space is kept as it is."""
    return unicodedata.normalize("NFC", _UNSEEN.sub("", text))


def line(text: str) -> str:
    """Return the text as one line with single spaces."""
    return " ".join(seen(text).split())


def lines(text: str) -> str:
    """Return the text with its line breaks, single spaces and no blank lines."""
    flat = _BREAKS.sub("\n", _SPACES.sub(" ", _LINE_ENDS.sub("\n", seen(text))))
    return re.sub(r"\n{2,}", "\n", flat).strip()
