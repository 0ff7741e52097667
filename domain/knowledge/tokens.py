"""The words of a text, as the lexical half of search counts them.

English: a word in lower case without accents, cut to its Snowball stem, stop words left out. Chinese, Japanese and
Korean: single characters and pairs of neighbours, Traditional characters folded to Simplified. Measured against word
segmentation (jieba) on three Chinese sets, pairs and singles find more and need no dictionary (docs/search.md).
"""

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Any

VERSION = "1"  # part of what the index was made with: change it with anything here, and indexes are made anew
MAX_CHARS = 40_000  # of a text; a chunk has some hundred
MAX_TOKENS = 8_192
MAX_WORD = 40  # characters: longer "words" are keys and addresses, alike in their first 40 or not at all

_CJK = "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_LETTER = rf"(?:(?![{_CJK}])[^\W_]|[\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff])"  # with the vowel signs of Indic and Thai
_PIECE = re.compile(rf"[{_CJK}]+|{_LETTER}+(?:['.]{_LETTER}+)*")
_IS_CJK = re.compile(f"[{_CJK}]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+(?:\.\d+)+\Z")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LOCAL = threading.local()  # a Stemmer keeps a cache of its own and is not to be shared between threads

# Short on purpose: the index knows how common a word is, and "who", "when" and "how many" help where meaning is asked
# too. A list of 150 words found less in English, on both halves of the questions (.9824 against .9854).
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with isnt arent wasnt its".split()
)
STOP_CHARACTERS = frozenset("的了是在和与及或也就都而吗呢吧啊嘛么之其")


def tokens(text: str) -> list[str]:
    """Return the tokens in order, each as often as it stands there; at most MAX_TOKENS."""
    found: list[str] = []
    for match in _PIECE.finditer(fold(text)):
        piece = match.group()
        if _IS_CJK.match(piece):
            found += (character for character in piece if character not in STOP_CHARACTERS)
            found += (piece[at : at + 2] for at in range(len(piece) - 1))
        else:
            found += _words(piece)
        if len(found) >= MAX_TOKENS:
            break
    return found[:MAX_TOKENS]


def is_cjk(token: str) -> bool:
    return _IS_CJK.match(token) is not None


def fold(text: str) -> str:
    """Return the text with what only looks different made alike: width, case, apostrophes, Traditional characters."""
    text = unicodedata.normalize("NFKC", text[:MAX_CHARS])[:MAX_CHARS].casefold().replace("’", "'")
    text = _THOUSANDS.sub("", text)
    if _IS_CJK.search(text):
        simple: str = _simplifier().convert(text.encode("utf-8", "replace").decode())
        return simple
    return text


def _words(piece: str) -> list[str]:
    """Return the stems in "panther's" or "example.com". Numbers stay whole (3.11), letters are one word (U.S.A.)."""
    parts = piece.split(".")
    if _NUMBER.match(piece):
        parts = [piece]
    elif len(parts) > 1 and all(len(part) == 1 for part in parts):
        parts = ["".join(parts)]
    found = []
    for part in parts:
        word = part.removesuffix("'s").replace("'", "")
        if word in STOP_WORDS:
            continue
        if not word.isascii():
            word = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))
        found.append(_stem(word[:MAX_WORD]))
    return [word for word in found if word]


def _stem(word: str) -> str:
    stemmer: Any = getattr(_LOCAL, "stemmer", None)
    if stemmer is None:
        import Stemmer  # type: ignore[import-not-found]

        stemmer = _LOCAL.stemmer = Stemmer.Stemmer("english")
    stem: str = stemmer.stemWord(word)
    return stem


@lru_cache(1)
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")
