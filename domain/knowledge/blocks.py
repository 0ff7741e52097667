"""Trees to sections: paragraphs, items and rows with the headings they stand under."""

import re
from typing import Any

from domain.knowledge.cleaning import line, lines
from domain.knowledge.model import Section

CRUMB = " > "
MOST_HEADING = 120  # characters; a longer "heading" is a paragraph in large letters
_BLOCKS = frozenset("body main article div section p item list quote table row head fw graphic".split())
_PATHLESS = frozenset(("item", "row", "cell", "p"))  # a heading in here is only a line in bold
_HTML_BLOCKS = frozenset(
    "address article aside blockquote body button caption center dd details dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup label legend li main nav ol option p pre section summary table tbody "
    "tfoot thead tr ul".split()
)
_FRAME = frozenset("nav header footer aside form button menu label fieldset figcaption".split())
_FRAME_ROLES = frozenset("navigation banner contentinfo search complementary menu menubar dialog alert".split())
_COOKIES = re.compile(r"cookie|consent|gdpr|newsletter|breadcrumb|share|social|sidebar|menu|navbar|footer", re.I)


class Path:
    """The headings in force, outermost first."""

    def __init__(self) -> None:
        self._at: list[tuple[int, str]] = []

    def enter(self, level: int, text: str) -> None:
        self._at = [*((found, name) for found, name in self._at if found < level), (level, text)]

    def __str__(self) -> str:
        return CRUMB.join(name for _, name in self._at)


class Collector:
    """Gathers text until a block ends."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.path = Path()
        self.buffer: list[str] = []

    def flush(self, level: int = 0) -> None:
        """End a block; with a level it was a heading, which is a section too: it is part of the text."""
        text = lines("".join(self.buffer))
        self.buffer = []
        if not text:
            return
        if level:
            text = line(text)
            if len(text) <= MOST_HEADING:
                self.path.enter(level, text)
        self.sections.append(Section(text, str(self.path)))


def sections(body: Any) -> list[Section]:
    """Return the sections of trafilatura's tree (its TEI-like tags), in order."""
    into = Collector()
    _walk(body, into, pathless=False)
    into.flush()
    return into.sections


def _walk(element: Any, into: Collector, pathless: bool) -> None:
    tag = element.tag
    if not isinstance(tag, str):
        return
    if tag == "row":
        into.flush()
        cells = (line(" ".join(cell.itertext())) for cell in element.iter("cell"))
        into.buffer.append(" | ".join(cell for cell in cells if cell))
        into.flush()
        return
    block = tag in _BLOCKS or (tag == "code" and not pathless)
    if block:
        into.flush()
    if tag == "lb":
        into.buffer.append("\n")
    into.buffer.append(_flat(element.text, tag == "code"))
    for child in element:
        _walk(child, into, pathless or tag in _PATHLESS)
        into.buffer.append(_flat(child.tail, tag == "code"))
    if block:
        into.flush(_level(element) if tag == "head" and not pathless else 0)


def _flat(text: str | None, code: bool) -> str:
    """Line breaks of the markup are spaces, those of code are meant."""
    return "" if not text else text if code else re.sub(r"\s+", " ", text)


def _level(head: Any) -> int:
    rend = head.get("rend") or "h2"
    return int(rend[1]) if rend[1:2].isdigit() else 2


def plain(tree: Any) -> list[Section]:
    """Return the blocks of an HTML tree that are no frame (menus, banners, forms) and not mostly links."""
    into = Collector()
    links: list[int] = [0]
    _plain(tree.find("body") if tree.find("body") is not None else tree, into, links, in_link=False)
    into.flush()
    return into.sections


def _plain(element: Any, into: Collector, links: list[int], in_link: bool) -> None:
    tag = element.tag
    if not isinstance(tag, str) or tag in _FRAME or (element.get("role") or "") in _FRAME_ROLES:
        return
    if _COOKIES.search(f"{element.get('class', '')} {element.get('id', '')}") and tag != "body":
        return
    if tag == "tr":
        _block(into, links)
        cells = [line(" ".join(cell.itertext())) for cell in element if isinstance(cell.tag, str)]
        into.buffer.append(" | ".join(cell for cell in cells if cell))
        into.flush()
        return
    block = tag in _HTML_BLOCKS
    if block:
        _block(into, links)
    if tag == "br":
        into.buffer.append("\n")
    in_link = in_link or tag == "a"
    _say(element.text, into, links, in_link, tag == "pre")
    for child in element:
        _plain(child, into, links, in_link)
        _say(child.tail, into, links, in_link, tag == "pre")
    if block:
        _block(into, links, int(tag[1]) if re.fullmatch(r"h[1-6]", tag) else 0)


def _say(text: str | None, into: Collector, links: list[int], in_link: bool, pre: bool) -> None:
    flat = _flat(text, pre)
    into.buffer.append(flat)
    links[0] += len(flat) if in_link else 0


def _block(into: Collector, links: list[int], level: int = 0) -> None:
    """End a block and leave it out when more than half of it is links, or it is a lone word of the frame."""
    text = line("".join(into.buffer))
    if not level and (links[0] > len(text) / 2 or len(text) < 3):
        into.buffer = []
    into.flush(level)
    links[0] = 0
