"""Names of files as their owners see them. They are shown and sent back; no disk ever sees one."""

import base64
import re
import secrets
import unicodedata

MOST_CHARS = 120
MOST_BYTES = 240  # of UTF-8: what file systems take, with room for the " (1)" of a browser
LONGEST_KIND = 12  # of what stands behind the last dot
NAMELESS = "file"
# Control characters and those that turn text around, lone surrogates, what has no meaning or a private one.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_FORBIDDEN = re.compile(r'[<>:"|?*\\/]')  # on one system or another
_KEY = re.compile(r"([a-z2-7]{2})/(\1[a-z2-7]{18})")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def cleaned(name: str) -> str:
    """Return the name without folders, without what is not to be seen, and short enough for every system."""
    last = re.split(r"[\\/]", name[:4_096])[-1]
    seen = "".join(" " if sign.isspace() else sign for sign in unicodedata.normalize("NFC", last) if _shown(sign))
    plain = " ".join(_FORBIDDEN.sub("_", seen).split()).strip(". ")
    if not plain:
        return NAMELESS
    if _DEVICES.match(plain):
        plain = f"_{plain}"
    stem, dot, kind = plain.rpartition(".")
    if not dot or len(kind) > LONGEST_KIND:
        return _short(plain, "")
    return _short(stem, dot + kind)


def kind_of(name: str) -> str:
    """Return what stands behind the last dot, in small letters: a hint, and nothing to rely on."""
    _, dot, kind = name.rpartition(".")
    return kind.lower() if dot else ""


def new_file_id() -> str:
    """Return 20 characters of a-z and 2-7, 100 random bits: what db.work.new_id makes, for what has no row yet."""
    return base64.b32encode(secrets.token_bytes(13))[:20].decode().lower()


def key_of(file_id: str) -> str:
    """Return the key of its bytes: a thousand folders at most, and nothing in it that anybody chose."""
    return f"{file_id[:2]}/{file_id}"


def named_by(key: str) -> str:
    """Return the id of the file whose key it is, "" for what is none of ours."""
    found = _KEY.fullmatch(key)
    return found[2] if found else ""


def _shown(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) not in _UNSEEN


def _short(stem: str, end: str) -> str:
    stem = stem[: MOST_CHARS - len(end)]
    while len((stem + end).encode()) > MOST_BYTES:
        stem = stem[:-1]
    return (stem.rstrip(". ") or NAMELESS) + end
