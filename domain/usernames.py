"""What people are called and where they are reached: which names, addresses and numbers are taken, and their folds.

Two names are the same when their folds are. A name can't be read as an address or a number, so that one field signs
in with any of the three.
"""

import re
import unicodedata

from domain.errors import BadInput

LEAST, MOST = 2, 32  # characters of a name: 李雷 has two
MAX_EMAIL = 254  # RFC 5321's path, less its two brackets
MAX_LOCAL = 64
_NAME = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?\Z")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}\Z")
_ALIKE = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}  # scripts whose letters are mistaken
_HOUSE = frozenset(
    "abuse admin administrator guest help hostmaster info me moderator null official operator owner parley postmaster "
    "privacy root security staff support system undefined user webmaster 管理员 客服 系统 官方".split()
)


def fold(name: str) -> str:
    """Return what is compared: compatibility forms and case folded. "Ａnna" and "ANNA" are both "anna"."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def check_username(name: str, house: frozenset[str] = _HOUSE) -> str:
    """Return the name as it is shown. Raises BadInput with the field `username`."""
    if len(name) > 4 * MOST:  # even before looking at it
        raise BadInput("username_length", field="username")
    name = unicodedata.normalize("NFKC", name.strip())
    if not LEAST <= len(name) <= MOST or len(fold(name)) > 2 * MOST:
        raise BadInput("username_length", field="username")
    if not _NAME.match(name) or not any(map(str.isalpha, name)) or len(_scripts(name)) > 1:
        raise BadInput("username_bad", field="username")
    if fold(name) in house:
        raise BadInput("username_reserved", field="username")
    return name


def _scripts(name: str) -> set[str]:
    """Return which of the scripts that look alike are in it: "аnna" with a Cyrillic "а" is not to pass for "anna"."""
    return {unicodedata.name(sign, "?").split()[0] for sign in name if sign.isalpha()} & _ALIKE


def check_email(address: str) -> str:
    """Return the address, its domain in ASCII. Raises BadInput with the field `email`.

    The local part is ASCII: no mail server of ours promises SMTPUTF8, and "ı" folds to no "i" of somebody else's.
    """
    if len(address) > 4 * MAX_EMAIL:
        raise BadInput("email_bad", field="email")
    local, _, domain = address.strip().rpartition("@")
    try:
        domain = domain.encode("ascii" if domain.isascii() else "idna").decode()
    except UnicodeError:
        raise BadInput("email_bad", field="email") from None
    labels = domain.split(".")
    whole = f"{local}@{domain}"
    if (
        len(whole) > MAX_EMAIL
        or len(local) > MAX_LOCAL
        or not _LOCAL.match(local)
        or len(labels) < 2
        or not all(map(_LABEL.match, labels))
        or labels[-1].isdigit()
    ):
        raise BadInput("email_bad", field="email")
    return whole


def check_phone(number: str) -> str | None:
    """Return the number as E.164, None for none. Raises BadInput with the field `phone`."""
    if not number.strip():
        return None
    bare = re.sub(r"[\s().-]", "", number[:64])
    if len(number) > 64 or not bare.isascii() or not _PHONE.match(bare):
        raise BadInput("phone_bad", field="phone")
    return bare


def kind_of(login: str) -> tuple[str, str]:
    """Return which of "username", "email" and "phone" a login is, and its fold; ("", "") when it can be none."""
    login = login.strip()
    try:
        if "@" in login:
            return "email", check_email(login).lower()
        if login.startswith("+"):
            return "phone", check_phone(login) or ""
        return "username", fold(check_username(login, house=frozenset()))
    except BadInput:
        return "", ""
