"""Bytes of a page to text, by what it says of itself and by what the bytes are.

The order is the HTML standard's: a byte-order mark, the header, then <meta>. What decodes as UTF-8 without an error
is UTF-8 whatever it claims: other encodings of real text hardly ever do.
"""

import codecs
import re

_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([a-zA-Z0-9_:.-]{2,40})")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What browsers read under these names (the Encoding standard): supersets of what they say.
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254",
    "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs", "tis-620": "cp874",
}  # fmt: skip
_GUESSES = ("gb18030", "big5hkscs", "cp932", "cp949", "cp1251", "cp1252")
_HEAD = 4096
_PAIR = re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")
_ASCII = bytes(range(128))
_NO_CHARSETS = frozenset(("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"))
_UNICODE_NAMES = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-7"})


def known(name: str) -> str:
    """Return the codec that reads text under this name, "" for none."""
    try:
        found = codecs.lookup(name.strip().strip("\"'"))
    except (LookupError, ValueError):
        return ""
    # Only codecs of text: "hex" and "zip" are names too, and "idna" or "unicode_escape" would rewrite the page.
    if not found._is_text_encoding or found.name in _NO_CHARSETS:
        return ""
    return _WIDER.get(found.name, found.name)


def _guess(body: bytes) -> str:
    """Return the likeliest of the usual encodings: the one whose text has most common characters."""
    if _is_simplified(body[:20_000]):
        return "gb18030"
    from charset_normalizer import from_bytes

    best = from_bytes(body[:20_000], cp_isolation=list(_GUESSES)).best()
    return known(best.encoding) if best else "cp1252"


def _is_simplified(body: bytes) -> bool:
    """Say whether it is Chinese in GB 2312: of a few names and numbers charset_normalizer made Korean.

    Nearly all of its pairs are marks (rows A1 to A3) or the 3,755 common characters (B0 to D7). So are those of Korean,
    but of its syllables none is beyond C8, and of Chinese characters a third is.
    """
    pairs = [pair[0] for pair in _PAIR.findall(body)]
    rest = len(_PAIR.sub(b"", body).translate(None, _ASCII))
    common = sum(0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xD7 for lead in pairs)
    beyond = sum(0xC9 <= lead <= 0xD7 for lead in pairs)
    return bool(common >= 4 and common > 0.9 * (len(pairs) + rest) and beyond > 0.1 * len(pairs))


def decode(body: bytes, charset: str = "") -> str:
    """Return the text of a page; what cannot be read becomes U+FFFD. `charset` is the header's."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    head = body[:_HEAD]
    named = known(charset) if charset else ""
    if not named and head[1::2].count(0) > 0.3 * len(head[1::2]) > 0:
        named = "utf-16-le"
    elif not named and head[::2].count(0) > 0.3 * len(head[::2]) > 0:
        named = "utf-16-be"
    if named in _UNICODE_NAMES:
        return body.decode(named, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        if wrong.start > 0.999 * len(body) or wrong.reason == "unexpected end of data":  # cut off in a character
            return body.decode("utf-8", "replace")
    said = named
    if not said:
        found = _META.search(head) or _XML.search(head)
        said = known(found.group(1).decode("ascii")) if found else ""
    if said in _UNICODE_NAMES:  # <meta> itself was read, so the bytes are no UTF-16
        said = "utf-8"
    return body.decode(said or _guess(body) or "cp1252", "replace")
