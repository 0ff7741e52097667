"""HTML to sections: what is not seen goes out first, then trafilatura finds the main text.

trafilatura 2.3.1 (standard) has the best published F1 (.926 on 990 pages of its own, docs/knowledge-pages.md); its
tree is read here instead of its plain text, so that headings, items and rows keep their places.
"""

import logging
import re
from copy import deepcopy
from typing import Any

from domain.errors import BadInput
from domain.knowledge import blocks, hidden, languages, page_facts
from domain.knowledge.cleaning import line
from domain.knowledge.model import Extracted, Section
from domain.knowledge.ports import Fetched

LITTLE = 200  # characters below which the main text may have been missed
MOST_TEXT = 1_000_000  # characters of one page; books that are longer are cut
MOST_ELEMENTS = 40_000  # the longest lists of an encyclopedia have fewer; what follows is left out
_CONTROLS = re.compile("[\0-\x08\x0b\x0e-\x1f]")
_HUGE_TAG = re.compile(r"<[^<>]{100000,}>")  # 100,000 attributes take libxml2 a minute, a picture says nothing


def read(fetched: Fetched, html: str) -> Extracted:
    """Return what the page says; `text` is "" when it says nothing. Raises BadInput("page_unreadable")."""
    tree = _tree(html)
    if tree is None:
        raise BadInput("page_unreadable")
    script = page_facts.script_share(tree, len(html))
    hidden.take_out(tree)
    facts = page_facts.read(tree, fetched.url)
    hidden.scripts_away(tree)
    whole = line(_visible(tree))
    sections = within(_main(tree, whole))
    text = "\n\n".join(section.text for section in sections)
    return Extracted(
        title=facts.title,
        site=facts.site,
        language=languages.detect(text or whole, facts.language),
        published=facts.published,
        text=text,
        sections=sections,
        links=facts.links,
        canonical_url=facts.canonical_url,
        needs_script=len(text) < LITTLE and len(whole) < 2 * LITTLE and script,
    )


def within(sections: list[Section]) -> tuple[Section, ...]:
    """Return as many as fit into MOST_TEXT; the one that does not is cut."""
    kept: list[Section] = []
    room = MOST_TEXT
    for section in sections:
        if room <= 0:
            break
        kept.append(section if len(section.text) <= room else Section(section.text[:room].rstrip(), section.heading))
        room -= len(section.text) + 2
    return tuple(kept)


def _tree(html: str) -> Any:
    """Return the lxml tree, None for what has no element. Depth is held by libxml2 (256), width here."""
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring

    # As bytes: a declaration of another charset in the text would make lxml refuse a str. Controls end its reading.
    data = _HUGE_TAG.sub("", _CONTROLS.sub("", html)).encode("utf-8", "replace")
    parser = HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False, default_doctype=False
    )
    try:
        tree = document_fromstring(data, parser=parser, ensure_head_body=True)
    except (etree.LxmlError, ValueError, AssertionError, IndexError):
        return None
    for element in reversed(list(tree.iter())[MOST_ELEMENTS:]):
        element.getparent().remove(element)
    return tree


def _visible(tree: Any) -> str:
    body = tree.find("body")
    return " ".join(body.itertext()) if body is not None else ""


def _main(tree: Any, whole: str) -> list[Section]:
    """Return the main text's sections; where trafilatura finds next to nothing on a page with text, look again.

    On a page that is mostly forms, tiles or a table of links its main text is a sentence or none.
    """
    found = _extracted(tree, recall=False)
    if _size(found) >= LITTLE or len(whole) < 2 * max(_size(found), LITTLE / 2):
        return found
    more = _extracted(tree, recall=True)
    found = more if _size(more) > _size(found) else found
    if _size(found) >= LITTLE:
        return found
    more = blocks.plain(tree)
    return more if _size(more) > 2 * _size(found) else found


def _size(sections: list[Section]) -> int:
    return sum(len(section.text) for section in sections)


def _extracted(tree: Any, recall: bool) -> list[Section]:
    from trafilatura import bare_extraction

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it logs pages without text as errors
    try:
        # A copy: it rewrites the tree. Repeated segments stay (its cache would carry over from page to page).
        document = bare_extraction(
            deepcopy(tree), include_comments=False, favor_recall=recall, deduplicate=False, with_metadata=False
        )
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError):
        return []  # its own bugs on broken trees; the page may still be read without it
    body = getattr(document, "body", None)
    return blocks.sections(body) if body is not None else []
