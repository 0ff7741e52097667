"""What the header of an answer says, read with suspicion: type, charset, length, when to come back."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from domain.errors import BadInput

HTML = ("text/html", "application/xhtml+xml")
TEXT = ("text/plain", "text/markdown")
XML = ("application/xml", "text/xml", "application/rss+xml", "application/atom+xml", "application/rdf+xml")
PDF = "application/pdf"
GZIP = ("application/gzip", "application/x-gzip")  # a sitemap in a file of its own: sitemap.xml.gz
TYPES = frozenset((*HTML, *TEXT, *XML, PDF))
# By these names only: Python's own list has codecs that are no charsets (zlib_codec, rot13, unicode_escape).
_CHARSETS = frozenset(
    "utf-8 utf8 us-ascii ascii iso-8859-1 latin1 windows-1252 cp1252 gb2312 gbk gb18030 big5 big5-hkscs shift_jis "
    "shift-jis sjis euc-jp iso-2022-jp euc-kr windows-1250 windows-1251 windows-1253 windows-1254 windows-1255 "
    "windows-1256 windows-1257 windows-1258 windows-874 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 "
    "iso-8859-7 iso-8859-8 iso-8859-9 iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u "
    "utf-16 utf-16le utf-16be".split()
)
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,256}"\Z')
_PLAIN = re.compile(r"[\x20-\x7e]{1,64}\Z")
MAX_WAIT_S = 24 * 3600
_WAIT_S = 60  # where a server says "later" and not when


class Header(msgspec.Struct, frozen=True):
    """Status and fields of an answer, names in lower case."""

    status: int
    fields: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, status: int, raw: Sequence[tuple[bytes, bytes]]) -> "Header":
        return cls(status, [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw])

    def all(self, name: str) -> list[str]:
        return [value for field, value in self.fields if field == name]

    def one(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def content_type(self, path: str) -> tuple[str, str]:
        """Return (type, charset or ""). Raises BadInput("page_type") for what is not on the list, or is not said."""
        named, *parameters = self.one("content-type").split(";")
        kind = named.strip().lower()
        if kind in GZIP and path.lower().endswith(".xml.gz") and not self.all("content-encoding"):
            return GZIP[0], ""
        if kind not in TYPES:
            raise BadInput("page_type")
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            charset = value.strip().strip("\"'").lower()
            if name.strip().lower() == "charset":
                return kind, charset if charset in _CHARSETS else ""
        return kind, ""

    def length(self) -> int:
        """Return what Content-Length claims, 0 where it claims nothing; h11 has refused one that is no number."""
        claim = self.one("content-length")
        return int(claim) if claim.isascii() and claim.isdigit() and len(claim) < 20 else 0

    def wait_s(self, now: datetime) -> int:
        """Return the seconds of Retry-After, from 1 to a day; a minute where it says nothing that can be read."""
        said = self.one("retry-after").strip()
        if said.isascii() and said.isdigit() and len(said) < 10:
            return min(max(int(said), 1), MAX_WAIT_S)
        try:
            at = parsedate_to_datetime(said)
        except ValueError:
            return _WAIT_S
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(int((at - now).total_seconds()), 1), MAX_WAIT_S)

    def etag(self) -> str:
        return checked_etag(self.one("etag").strip())

    def last_modified(self) -> str:
        return checked_date(self.one("last-modified").strip())


def checked_etag(etag: str) -> str:
    """Return it when it can be sent back as it is, else ""."""
    return etag if _ETAG.match(etag) else ""


def checked_date(date: str) -> str:
    return date if _PLAIN.match(date) else ""
