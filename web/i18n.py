"""The reader's language: which it is, and its words.

English msgids, gettext catalogues. The Chinese catalogue is compiled in memory, beside the first pages (Pages.warm),
so that there is no generated file to forget.
"""

import gettext as _gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from domain.persona import LANGUAGES, Language

LOCALE = Path(__file__).parent / "locale"
CATALOGUES: dict[Language, str] = {"zh": "zh_Hans_CN"}
HTML_LANG: dict[Language, str] = {"en": "en", "zh": "zh-CN"}
_MAX_HEADER = 256  # Accept-Language of real browsers is shorter; what follows is not read

_reading: ContextVar[Language] = ContextVar("language", default="en")


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools know
    """Mark words that are translated later, where they are shown."""
    return message


@cache
def catalogue(language: Language) -> _gettext.NullTranslations:
    """Return the words of a language; English words are the msgids themselves."""
    folder = CATALOGUES.get(language)
    if folder is None:
        return _gettext.NullTranslations()
    path = LOCALE / folder / "LC_MESSAGES" / "parley.po"
    if not path.is_file():
        return _gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=folder, domain="parley"))
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)


@contextmanager
def reading(language: Language) -> Iterator[None]:
    """Inside, `gettext` and templates speak this language. Not to be held over an await or a yield."""
    token = _reading.set(language)
    try:
        yield
    finally:
        _reading.reset(token)


def language() -> Language:
    """Return the language that is being read."""
    return _reading.get()


def gettext(message: str) -> str:
    # gettext keeps the catalogue's header under the empty msgid
    return catalogue(_reading.get()).gettext(message) if message else ""


def ngettext(singular: str, plural: str, count: int) -> str:
    return catalogue(_reading.get()).ngettext(singular, plural, count)


def choose(cookie: str | None, accept: str | None) -> Language:
    """Return the language a person chose, else the one their browser asks for, else English."""
    for language in LANGUAGES:
        if cookie == language:
            return language
    best: Language = "en"
    best_quality = 0.0
    for item in (accept or "")[:_MAX_HEADER].split(","):
        tag, _, parameters = item.partition(";")
        asked, quality = _language_of(tag), _quality(parameters)
        if asked is not None and quality > best_quality:
            best, best_quality = asked, quality
    return best


def _language_of(tag: str) -> Language | None:
    primary = tag.strip().lower().replace("_", "-").split("-")[0]
    if primary == "zh":
        return "zh"
    return "en" if primary == "en" else None


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
