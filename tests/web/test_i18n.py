"""Two languages, all of it: every sentence of the templates and the code has its Chinese."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from web.i18n import CATALOGUES, LOCALE, N_, choose, gettext, ngettext, reading

ROOT = Path(__file__).parents[2]
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


@cache
def said() -> set[str]:
    """Return every msgid that templates and Python use."""
    found: set[str] = set()
    for method, pattern in (("python", "**.py"), ("jinja2.ext:babel_extract", "**.html")):
        for _, _, message, _, _ in extract_from_dir(
            ROOT / "web", [(pattern, method)], keywords={"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
        ):
            found |= {message} if isinstance(message, str) else {part for part in message if part}
    return found - {""}


def catalogue() -> dict[str, str]:
    path = LOCALE / CATALOGUES["zh"] / "LC_MESSAGES" / "parley.po"
    with path.open("rb") as file:
        return dict(_pairs(file))


def _pairs(file: object) -> Iterator[tuple[str, str]]:
    for message in read_po(file):  # type: ignore[arg-type]
        if message.id and not message.fuzzy:
            ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
            strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
            yield from ((one, strings[0] or "") for one in ids)


def test_the_words_of_templates_and_code_are_found() -> None:
    assert {"Talk with a character", "There is nothing at this address."} <= said()


def test_every_sentence_has_a_chinese_one() -> None:
    chinese = catalogue()
    missing = sorted(message for message in said() if not chinese.get(message))
    assert missing == []


def test_the_catalogue_holds_nothing_that_is_no_longer_said() -> None:
    assert sorted(set(catalogue()) - said()) == []


def test_chinese_pages_call_the_reader_by_one_word() -> None:
    assert [message for message, chinese in catalogue().items() if "您" in chinese] == []


def test_translations_keep_their_placeholders() -> None:
    wrong = [
        message
        for message, chinese in catalogue().items()
        if sorted(PLACES.findall(message)) != sorted(PLACES.findall(chinese))
    ]
    assert wrong == []


def test_words_change_with_the_reader_and_change_back() -> None:
    with reading("zh"):
        assert gettext("There is nothing at this address.") != "There is nothing at this address."
        with reading("en"):
            assert gettext("There is nothing at this address.") == "There is nothing at this address."
        assert gettext("") == ""
    assert ngettext("one", "many", 2) == "many"
    assert N_("left alone") == "left alone"


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        (None, None, "en"),
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "zh-Hant", "zh"),
        (None, "ZH_cn", "zh"),
        (None, "en;q=0.5, zh;q=0.6", "zh"),
        (None, "en, zh", "en"),
        (None, "de, fr;q=0.9", "en"),
        (None, "zh;q=0", "en"),
        (None, "zh;q=x, en;q=0.1", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("tlh", "zh", "zh"),
    ],
)
def test_the_language_is_chosen(cookie: str | None, accept: str | None, language: str) -> None:
    assert choose(cookie, accept) == language
