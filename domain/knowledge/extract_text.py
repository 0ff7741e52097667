"""Plain text and Markdown to sections."""

import re

from domain.knowledge import languages
from domain.knowledge.blocks import MOST_HEADING, Path
from domain.knowledge.cleaning import line, lines, seen
from domain.knowledge.extract_html import within
from domain.knowledge.model import Extracted, Section
from domain.knowledge.ports import Fetched
from domain.knowledge.urls import site_of

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t#]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_ITEM = re.compile(r"\s*([-*+]|\d{1,3}[.)])[ \t]+")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)  # not shown when Markdown is rendered
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
_HIDDEN_LINK = re.compile(r"^[^\S\n]*\[[^\]]{1,200}\]:\s*\S.*$", re.M)  # a definition of a link: [//]: # (unseen words)
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,500}(?:\s+[\"'][^\"']{0,300}[\"'])?\)")
_MARKS = re.compile(r"(\*\*|__|`+)(?=\S)(.{1,400}?)(?<=\S)\1")


def read(fetched: Fetched, text: str, markdown: bool) -> Extracted:
    markdown = markdown or fetched.url.lower().endswith((".md", ".markdown"))
    found = _markdown(text) if markdown else _plain(text)
    sections = within(found)
    whole = "\n\n".join(section.text for section in sections)
    first = line(sections[0].text)[:MOST_HEADING] if sections else ""
    title = next((section.heading for section in sections if section.heading), "") or first
    return Extracted(
        title=title.split(" > ")[0],
        site=site_of(fetched.url),
        language=languages.detect(whole),
        published=None,
        text=whole,
        sections=sections,
    )


def _paragraphs(text: str) -> list[str]:
    return re.split(r"\n[^\S\n]*\n\s*", seen(re.sub(r"\r\n?|[\x0b\x0c\u2028\u2029]", "\n", text)).strip())


def _plain(text: str) -> list[Section]:
    return [Section(found) for part in _paragraphs(text) if (found := lines(part))]


def _markdown(text: str) -> list[Section]:
    text = _HIDDEN_LINK.sub("", _COMMENT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    path, found, buffer = Path(), list[Section](), list[str]()
    code = False

    def flush(level: int = 0, raw: bool = False) -> None:
        said = lines("\n".join(buffer) if raw else _unmarked("\n".join(buffer)))
        buffer.clear()
        if said and level and len(said) <= MOST_HEADING:
            path.enter(level, line(said))
        if said:
            found.append(Section(said, str(path)))

    for row in text.split("\n"):
        if _FENCE.match(row):
            flush(raw=code)
            code = not code
        elif code:
            buffer.append(row)
        elif heading := _HEADING.match(row):
            flush()
            buffer.append(heading.group(2))
            flush(len(heading.group(1)))
        elif len(buffer) == 1 and not _ITEM.match(buffer[0]) and (under := _UNDERLINE.match(row)):
            flush(1 if "=" in under.group(1) else 2)
        elif not row.strip() or re.fullmatch(r"\s*([-*_]\s*){3,}|\|?[\s|:-]+\|[\s|:-]*", row):
            flush()
        else:
            if _ITEM.match(row) or row.lstrip().startswith("|"):
                flush()
            buffer.append(row)
    flush(raw=code)
    return found


def _unmarked(text: str) -> str:
    """Take Markdown's marks away; what a link is called stays, where it leads does not."""
    text = _TAG.sub("", _LINK.sub(r"\1", text))
    text = re.sub(r"^[^\S\n]*>+ ?", "", text, flags=re.M)
    text = re.sub(r"\A\s*[-*+][ \t]+", "", text)
    return _MARKS.sub(r"\2", text).strip().strip("|")
