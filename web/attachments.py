"""Attachments for the eye: what they are, how far they are, and what went wrong, in the reader's words."""

from domain.filing.attaching import MOST_BYTES
from domain.filing.model import Attachment
from domain.filing.rooms import MB
from domain.knowledge.urls import host_of
from domain.persona import Language
from web.error_words import words
from web.i18n import ngettext

KB = 1024
# The codes of readers whose words name a number, which the row does not keep: it is the same for everybody.
NUMBERS: dict[str, int] = {"file_large": MOST_BYTES // MB, "picture_large": 25}

# What reading it once more would find out again.
FINAL = frozenset((
    "attachment_empty", "file_bomb", "file_empty", "file_large", "file_locked", "file_old", "file_unknown",
    "page_empty", "page_needs_script", "picture_large", "picture_unknown", "recording_silent", "text_missing",
))  # fmt: skip


def facts(one: Attachment) -> str:
    """Return what there is to know of one that is ready: "12 pages · 340 KB"."""
    told = []
    if one.pages:
        told.append(ngettext("%(num)s page", "%(num)s pages", one.pages) % {"num": one.pages})
    if one.seconds:
        told.append(f"{int(one.seconds) // 60}:{int(one.seconds) % 60:02}")
    if one.width and one.kind == "image":
        told.append(f"{one.width} × {one.height}")
    if one.kind == "web" and one.url:
        told.append(host_of(one.url))
    elif one.size:
        told.append(_size(one.size))
    return " · ".join(told)


def reason(one: Attachment, language: Language) -> str:
    """Return why it could not be read."""
    return words(one.error, {"most": NUMBERS.get(one.error, 0)}, language)


def may_mend(one: Attachment) -> bool:
    """Whether reading it again may come to more."""
    return one.error not in FINAL


def _size(size: int) -> str:
    return f"{size / MB:.1f} MB" if size >= MB else f"{max(1, size // KB)} KB"


