"""What a page says: HTML, plain text, Markdown or PDF to text with its structure; sitemaps and feeds to addresses.

Works on hostile bytes and is therefore called in a process apart (infra/parsing.py); nothing here opens a file or
asks the network. docs/knowledge-pages.md tells how pages are read.
"""

import re

from domain.errors import BadInput
from domain.knowledge import charsets, extract_html, extract_pdf, extract_text, feeds
from domain.knowledge.model import Extracted
from domain.knowledge.ports import Fetched

MARKDOWN = frozenset(("text/markdown", "text/x-markdown"))
HTML = frozenset(("text/html", "application/xhtml+xml", ""))
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
LOOKS_LIKE_HTML = re.compile(r"\A\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)


def page(fetched: Fetched) -> Extracted:
    """Return what a page says. Its type is the header's, but a PDF is one whatever it is called.

    Raises BadInput("page_unreadable") for what is no text at all (a picture, a broken or locked PDF), and
    BadInput("page_empty") for a page without text, unless scripts would fill it: then `needs_script` is set.
    """
    if fetched.content_type == "application/pdf" or fetched.body[:1024].lstrip().startswith(b"%PDF-"):
        found = extract_pdf.read(fetched)
    else:
        if is_binary(fetched.body):
            raise BadInput("page_unreadable")
        text = charsets.decode(fetched.body, fetched.charset)
        if fetched.content_type in HTML or LOOKS_LIKE_HTML.match(text[:2000]):
            found = extract_html.read(fetched, text)
        elif fetched.content_type.startswith("text/") and fetched.content_type not in ("text/xml", "text/css"):
            found = extract_text.read(fetched, text, markdown=fetched.content_type in MARKDOWN)
        else:
            raise BadInput("page_unreadable")
    if not found.text and not found.needs_script:
        raise BadInput("page_empty")
    return found


def links(fetched: Fetched) -> tuple[str, ...]:
    """Return the addresses that a sitemap (or its index) or a feed names, newest first where it tells when.

    Raises BadInput("page_unreadable") for anything else.
    """
    return feeds.links(fetched)


def is_binary(body: bytes) -> bool:
    """Say whether these bytes are no text in any encoding; UTF-16 has a zero in every other place."""
    head = body[:4096]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or not head:
        return False
    evens, odds = head[::2], head[1::2]
    if min(evens.count(0), odds.count(0)) <= 0.01 * len(head) < max(evens.count(0), odds.count(0)):
        return False
    return len(head) - len(head.translate(None, _CONTROLS)) > max(8, 0.01 * len(head))
