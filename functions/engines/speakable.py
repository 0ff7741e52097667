"""Text as a voice can say it: marks of writing dropped, runs of one script told apart.

A model is asked for plain spoken words; what slips through (markdown, emoji, links) is dropped here
and never read out as the names of symbols.
"""

import re
import unicodedata

from domain.persona import Language

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_URL = re.compile(r"(?:https?://|www\.)([\w.-]+)[^\s，。！？；、）》」]*", re.ASCII)
_FENCE = re.compile(r"```\w*|~~~\w*")
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+•·]\s+|[-*_]{3,}\s*$)", re.MULTILINE)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
_DASHES = re.compile(r"\s*(?:--+|[—–―]+)\s*")
_DOTS = re.compile(r"\.{3,}|…+|。{2,}")
_LINE_END = re.compile(r"\s*\n\s*")
_MARKS = set("*_`~～^<>|\\#{}[]•·●○■□▪◆★☆※→←↑↓⇒")
# Categories that carry no sound: controls, formats, private use, unassigned, pictures and modifiers.
_MUTE = {"Cc", "Cf", "Co", "Cn", "Cs", "So", "Sk", "Me"}
_SPOKEN_SYMBOLS = set("°©®™℃℉№")
_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
HAN = re.compile(f"[{_HAN}]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
# A word in Latin letters with what belongs to it ("GPT-4", "3D", "e.g.", "Dr. Who's"), spaces between included.
_LATIN_RUN = re.compile(
    r"(?:\d[\w.+'’-]*)?[A-Za-z\u00c0-\u024f][\w.+'’&/-]*(?:[ ,]*[A-Za-z\u00c0-\u024f][\w.+'’&/-]*)*", re.ASCII
)
_HAN_MARKS = "，、；：。！？…“”‘’《》「」（）— "
_HAN_RUN = re.compile(f"[\\d.,:%]*[{_HAN}](?:[{_HAN}\\d.,:%{_HAN_MARKS}]*[{_HAN}%])?[，、；：。！？…”’》」）]*")


def clean(text: str) -> str:
    """Return the words and punctuation of `text`; an empty string when nothing can be spoken."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode("utf-8"))
    text = _KEYCAP.sub("", text)
    text = _URL.sub(lambda m: m.group(1).removeprefix("www."), _LINK.sub(r"\1", text))
    text = _LINE_MARK.sub("", _TAG.sub(" ", _FENCE.sub(" ", text)))
    text = "".join(_sounding(c) for c in text)
    text = _DASHES.sub(_dash, _DOTS.sub("…", text))
    text = _LINE_END.sub(_full_stop, text.strip())
    text = re.sub(r" +(?=[,.;:!?，。！？；：、])", "", re.sub(r"\s+", " ", text))
    return text if any(c.isalnum() for c in text) else ""


def _sounding(c: str) -> str:
    if c in _MARKS:
        return " "
    if "\uff01" <= c <= "\uff5e" and (c.isalnum() or c in "％＋＝＄＆＠"):  # full-width forms of ASCII
        return chr(ord(c) - 0xFEE0)
    if c in _SPOKEN_SYMBOLS or c in "\n\t":
        return c
    if "\ufe00" <= c <= "\ufe0f":  # variation selectors, left behind by emoji
        return ""
    return " " if unicodedata.category(c) in _MUTE else c


def _full_stop(match: re.Match[str]) -> str:
    """The end of a line ends the sentence, as between the items of a list."""
    before = match.string[: match.start()][-1:]
    if before.isalnum():
        return "。" if HAN.match(before) else ". "
    return " "


def _dash(match: re.Match[str]) -> str:
    """A dash between words is a pause; a hyphen-like one between digits stays a range."""
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    if before.isdigit() and after.isdigit():
        return "-"
    if HAN.match(before) or HAN.match(after):
        return "，"
    return " — " if before else ""


def script(text: str, language: Language) -> Language:
    """Return the language whose rules read `text`: that of its letters, or `language` for digits alone."""
    han = len(HAN.findall(text))
    latin = len(_LATIN.findall(text))
    if han and latin:
        return language
    return "zh" if han else "en" if latin else language


def runs(text: str, language: Language) -> list[tuple[Language, str]]:
    """Cut cleaned text into runs of one language, punctuation with the run before it.

    Digits go with the language of the text, unless they are part of a word of the other script ("GPT-4", "3月").
    """
    home = script(text, language)
    if not (HAN.search(text) and _LATIN.search(text)):
        return [(home, text)] if text else []
    other: Language = "en" if home == "zh" else "zh"
    foreign = _LATIN_RUN if home == "zh" else _HAN_RUN
    found: list[tuple[Language, str]] = []
    at = 0
    for match in foreign.finditer(text):
        _add(found, home, text[at : match.start()])
        _add(found, other, match.group())
        at = match.end()
    _add(found, home, text[at:])
    return found


def _add(found: list[tuple[Language, str]], language: Language, text: str) -> None:
    if any(c.isalnum() for c in text):
        found.append((language, text.strip()))
    elif found and text.strip():
        last, words = found[-1]
        found[-1] = (last, words + text.strip())
