"""Which passwords are taken, after NIST SP 800-63B-4: length first, nothing about kinds of characters.

A password is used as it was sent, but for Unicode's NFC on both sides: one keyboard sends "é" as one sign, another as
two. Block lists hardly bite at 15 characters (zxcvbn's 30,000 words hold 31 so long), so that what makes long
passwords weak is looked for itself: repeats, runs, the person's own words; zxcvbn judges the rest.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from domain.errors import BadInput
from domain.hashing import MOST, normal
from domain.hashing import Hasher as Hasher

LEAST = 15  # characters: NIST's for a password that is all there is to sign in with
SCORE = 3  # of zxcvbn: 10^8 guesses and more
WINDOW = 72  # characters that zxcvbn sees at once: it took 1.5 s for 512
HOUSE_WORDS = ("parley", "password", "passwort", "passphrase")
_FAMOUS = frozenset(
    "correcthorsebatterystaple thequickbrownfoxjumpsoverthelazydog thequickbrownfox loremipsumdolorsitamet "
    "tobeornottobethatisthequestion maytheforcebewithyou onceuponatimeinalandfarfaraway supercalifragilistic"
    "expialidocious imnotgonnatellyou iloveyousomuch iloveyouforever thisismypassword mypasswordis "
    "thepasswordispassword changemeplease pleaseletmein openthedoorplease twinkletwinklelittlestar "
    "happybirthdaytoyou neverguessthispassword nevergonnagiveyouup woaini1314520 woaini5201314 zhongguorenmin".split()
)
_RUNS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp")
_LEET = str.maketrans("013457@$!", "oleastasi")


class Strength(msgspec.Struct, frozen=True):
    score: int  # 0 to 4
    hint: str  # the code of what is wrong with it, "" when it is taken


def check_password(password: str, words: Iterable[str] = ()) -> None:
    """Raise BadInput, with the field `password`, for one that is not taken. `words` are the person's own.

    It takes up to 0.1 s: not for the event loop.
    """
    if "\0" in password or any("\ud800" <= sign <= "\udfff" for sign in password[: 4 * MOST]):
        raise BadInput("text_unreadable", field="password")
    hint = strength(password, tuple(words)).hint
    if hint:
        raise BadInput(hint, field="password", least=LEAST, most=MOST)


def strength(password: str, words: Sequence[str] = (), least: int = LEAST) -> Strength:
    """Say how long it would hold out, while it is being written. Lone surrogates and NUL are of no weight here."""
    if len(password) > 4 * MOST:
        return Strength(0, "password_long")
    password = normal(password)
    if len(password) > MOST:
        return Strength(0, "password_long")
    if len(password) < least:
        score = _score(password, words) if password else 0
        return Strength(min(score, 1), "password_short")
    bare = _bare(password)
    if len(set(password)) < 6 or (_period(password) < LEAST and _period(password) * 3 <= len(password)):
        return Strength(0, "password_repeats")
    if _in_runs(bare) * 5 >= len(password) * 3:
        return Strength(0, "password_sequence")
    if _famous(password):
        return Strength(1, "password_common")
    if _without(password, words) < 6 and len(bare) * 2 >= len(password):
        return Strength(1, "password_own_words")
    score = _score(password, words)
    return Strength(score, "" if score >= SCORE else "password_guessable")


def _score(password: str, words: Sequence[str]) -> int:
    """Of a long password its head and its tail are judged, and one that holds is enough."""
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # 12 MB of words, wanted once a new password is

    known = [part for word in (*words, *HOUSE_WORDS) for part in (word[:WINDOW], *_parts(word)) if part]
    pieces = {password[:WINDOW], password[-WINDOW:]}
    return max(int(zxcvbn(piece, user_inputs=known)["score"]) for piece in pieces)


def _bare(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def _parts(word: str) -> list[str]:
    """Return the pieces of a name or an address that are worth looking for."""
    return [piece for piece in re.split(r"[\W_]+", word.casefold()[:WINDOW]) if len(piece) >= 3]


def _period(text: str) -> int:
    """Return after how many characters the text repeats itself, to its end; its own length when it does not."""
    return next((step for step in range(1, len(text)) if text.startswith(text[step:])), len(text))


def _in_runs(bare: str) -> int:
    """Return how many characters stand in runs of four and more: abcd, 9876, qwer, aaaa."""
    total = run = 0
    step: object = None
    for left, right in pairwise(bare):
        now = _step(left, right)
        run = run + 1 if now is not None and now == step else (2 if now is not None else 1)
        step = now
        total += 4 if run == 4 else (1 if run > 4 else 0)
    return total


def _step(left: str, right: str) -> object:
    if ord(right) - ord(left) in (-1, 0, 1):
        return ord(right) - ord(left)
    for row in _RUNS:
        at = row.find(left)
        if at >= 0 and right in (row[at - 1 : at], row[at + 1 : at + 2]):
            return (row, row.find(right) - at)
    return None


def _forms(password: str) -> tuple[str, str]:
    """Return its letters as they stand, and with "p4ssw0rd" read as what it says."""
    return _bare(password), _bare(password.casefold().translate(_LEET))


def _famous(password: str) -> bool:
    """Tell whether one of the well-known long ones is nearly all of it, plain, in leet or twice."""
    for form in _forms(password):
        for known in _FAMOUS:
            if known in form and len(form.replace(known, "")) < 6:
                return True
    return False


def _without(password: str, words: Sequence[str]) -> int:
    """Return how many letters are left when the person's and the house's words are taken out."""
    return min(len(_strip(form, words)) for form in _forms(password))


def _strip(form: str, words: Sequence[str]) -> str:
    pieces = {_bare(word) for word in words} | {part for word in (*words, *HOUSE_WORDS) for part in _parts(word)}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= 3:
            form = form.replace(piece, "")
    return form.strip("0123456789")
