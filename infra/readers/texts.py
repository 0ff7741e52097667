"""Text, Markdown, tables of text, JSON and web pages: bytes of any encoding to what is kept."""

from domain.errors import BadInput
from domain.filing.kept import kept, title
from domain.filing.model import MOST_CHARS, Read
from domain.knowledge import charsets, extract
from domain.knowledge.ports import Fetched

MOST_BYTES = 16 * MOST_CHARS  # of plain text that are looked at: 4 bytes of a character, a few times over
MOST_HTML = 4 << 20
_NOWHERE = "https://file.invalid/"


def read(data: bytes, media_type: str) -> Read:
    """Raises BadInput("file_empty", "file_broken")."""
    if media_type == "text/html":
        return _page(data)
    text, cut = kept(charsets.decode(data[:MOST_BYTES]))
    if not text.strip():
        raise BadInput("file_empty")
    return Read(kind="text", media_type=media_type, text=text, title=_heading(text, media_type), cut=_cut(data, cut))


def _cut(data: bytes, cut: bool) -> bool:
    return cut or len(data) > MOST_BYTES


def _heading(text: str, media_type: str) -> str:
    if media_type != "text/markdown":
        return ""
    return next((title(row.lstrip("#")) for row in text.split("\n")[:20] if row.startswith("# ")), "")


def _page(data: bytes) -> Read:
    body = data[:MOST_HTML]
    try:
        page = extract.page(Fetched(url=_NOWHERE, status=200, content_type="text/html", charset="", body=body))
    except BadInput as wrong:
        raise BadInput("file_empty" if wrong.code == "page_empty" else "file_broken") from wrong
    parts: list[str] = []
    heading = ""
    for section in page.sections:
        if section.heading and section.heading != heading:
            heading = section.heading
            if section.text != heading.split(" > ")[-1]:
                parts.append(f"## {heading}")
        parts.append(section.text)
    text, cut = kept("\n\n".join(parts))
    if not text:
        raise BadInput("file_empty")
    named = title(page.title)
    return Read(kind="text", media_type="text/html", text=text, title=named, cut=cut or len(data) > MOST_HTML)
