"""Which language a text is in: the script first, then what the page says, checked by a statistical look."""

import re
import unicodedata
from functools import cache
from typing import Any

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile(r"[\u3040-\u30ff\uff66-\uff9f]")
_HANGUL = re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")
_LATIN_OR_OTHER = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_LOOK = 3000  # characters are enough to tell
_SURE = 0.9
WIDE = ("zh", "ja", "ko")  # languages written without spaces, or nearly
_CHINESE = frozenset(("zh", "yue", "wuu", "nan", "hak", "lzh", "cmn", "zho", "chi"))
_LETTERS = {"en": "LATIN", "de": "LATIN", "fr": "LATIN", "es": "LATIN", "it": "LATIN", "pt": "LATIN", "ru": "CYRILLIC"}


@cache
def _look() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def wide_share(text: str) -> float:
    """Return which part of the words of a text is Chinese, Japanese or Korean; 1.5 characters are one word."""
    wide = (len(_HAN.findall(text)) + len(_KANA.findall(text)) + len(_HANGUL.findall(text))) / 1.5
    return wide / max(1.0, wide + len(_LATIN_OR_OTHER.findall(text)))


def declared(said: str) -> str:
    """Return the ISO 639-1 code of a lang attribute ("zh-Hant-TW" is "zh"), "" for what is none."""
    code = re.split(r"[-_,; ]", said.strip().lower(), maxsplit=1)[0]
    if code in _CHINESE:
        return "zh"
    code = {"eng": "en", "jpn": "ja", "kor": "ko", "deu": "de", "fra": "fr", "spa": "es", "rus": "ru"}.get(code, code)
    return code if re.fullmatch(r"[a-z]{2}", code) else ""


def detect(text: str, said: str = "") -> str:
    """Return an ISO 639-1 code, "zh" for any Chinese, "" where it cannot be told. `said` is the page's own word."""
    sample = text[:_LOOK]
    if wide_share(sample) > 0.3:
        kana, hangul, han = (len(found.findall(sample)) for found in (_KANA, _HANGUL, _HAN))
        if hangul > han + kana:
            return "ko"
        return "ja" if kana > 0.08 * (han + kana) else "zh"
    claim = declared(said)
    if claim in ("zh", "ja", "ko"):  # the page's frame says so, the text has none of its letters
        claim = ""
    words = _LATIN_OR_OTHER.findall(sample)
    if not words:
        return claim
    if _LETTERS.get(claim, "") and not unicodedata.name(words[0][0], "").startswith(_LETTERS[claim]):
        claim = ""
    if claim and len(words) < 20:
        return claim
    code, sure = _look().classify(sample)
    if code in _CHINESE:
        return claim
    if claim and code != claim:
        return str(code) if sure > _SURE and len(words) >= 40 else claim
    return str(code) if sure > _SURE or code == claim else ""
