"""Mandarin text to the phonemes Kokoro was trained on (misaki 0.9.4's first Chinese scheme).

jieba finds the words, pypinyin their readings, misaki spells those in IPA with tone arrows. Numbers,
dates, times, money and percent are written out in characters first.
"""

import logging
import re
import warnings
from collections.abc import Callable

_PUNCTUATION = str.maketrans(
    {"、": ",", "，": ",", "。": ".", "．": ".", "！": "!", "：": ":", "；": ";", "？": "?", "—": "—",
     "《": "“", "》": "”", "「": "“", "」": "”", "『": "“", "』": "”", "【": "“", "】": "”", "（": "(", "）": ")"}
)  # fmt: skip
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_DIGITS = "零一二三四五六七八九"
_UNITS = ("", "十", "百", "千")
_BIG = ("", "万", "亿", "万亿")
_MEASURES = {"km": "公里", "kg": "公斤", "cm": "厘米", "mm": "毫米", "m": "米", "g": "克", "ml": "毫升", "GB": "G B"}
_N = r"(\d+(?:,\d{3})*(?:\.\d+)?)"
# Read figure by figure: mobile numbers, what follows "number" or "phone", a leading zero, very long ones.
_PHONE = (
    r"(?<![\d.,])1\d{10}(?!\d)|(?<=号码)\d{3,}|(?<=电话)\d{3,}|(?<=[话码号][是为])\d{3,}"
    r"|(?<![\d.,])0\d+(?![\d.])|\d{13,}"
)
_COUNTED = "个位只本张件天次遍岁点块条杯家间辆名口句种周"  # measure words before which 2 is 两
_RULES: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (re.compile(r"(?<!\d)(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)"), lambda m: _date(m)),
    (re.compile(r"(?<!\d)(\d{4})(?=年)"), lambda m: _spell(m[1])),
    (re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?::\d{2})?(?!\d)"), lambda m: _time(m)),
    (re.compile(r"(?<![\d%])[-−](?=\d+(?:\.\d+)?\s?(?:℃|°|度))"), lambda _: "零下"),
    (re.compile(r"(?<![\d%A-Za-z])[-−](?=\d)"), lambda _: "负"),
    (re.compile(rf"{_N}\s?(?:℃|°C)"), lambda m: number(m[1]) + "摄氏度"),
    (re.compile(rf"{_N}\s?%?\s?[-~至到]\s?{_N}\s?%"), lambda m: f"百分之{number(m[1])}到百分之{number(m[2])}"),
    (re.compile(rf"{_N}\s?%"), lambda m: "百分之" + number(m[1])),
    (re.compile(rf"[¥￥]\s?{_N}(万|亿)?"), lambda m: number(m[1]) + (m[2] or "") + "元"),
    (re.compile(rf"(?:US)?\$\s?{_N}(万|亿)?"), lambda m: number(m[1]) + (m[2] or "") + "美元"),
    (re.compile(rf"€\s?{_N}(万|亿)?"), lambda m: number(m[1]) + (m[2] or "") + "欧元"),
    (re.compile(rf"£\s?{_N}(万|亿)?"), lambda m: number(m[1]) + (m[2] or "") + "英镑"),
    (re.compile(r"(?<![\d.])(\d{1,3})/(\d{1,3})(?![\d.])"), lambda m: f"{number(m[2])}分之{number(m[1])}"),
    (re.compile(rf"{_N}\s?(km|kg|cm|mm|ml|m|g)(?![A-Za-z])"), lambda m: _counted(m[1]) + _MEASURES[m[2]]),
    (re.compile(r"(?<![\d.])\d{3,4}-\d{4,8}(?:-\d{4})?(?![\d.])"), lambda m: _phone(m[0])),
    (re.compile(_PHONE), lambda m: _phone(m[0])),
    (re.compile(rf"{_N}\s?[-~]\s?{_N}"), lambda m: f"{number(m[1])}到{number(m[2])}"),
    (re.compile(rf"(?<![\d.第])2(?=[{_COUNTED}]|年级|小时)"), lambda _: "两"),
    (re.compile(_N), lambda m: number(m[1])),
    (re.compile(r"\+"), lambda _: "加"),
    (re.compile(r"="), lambda _: "等于"),
    (re.compile(r"&"), lambda _: "和"),
    (re.compile(r"@"), lambda _: "艾特"),
    (re.compile(r"%"), lambda _: "百分号"),
    (re.compile(r"°"), lambda _: "度"),
]


def write_out(text: str) -> str:
    """Return `text` with every figure in characters, as it is read aloud."""
    for pattern, reading in _RULES:
        text = pattern.sub(reading, text)
    return text


def number(figure: str) -> str:
    """Return the reading of a number below 10^16; a longer one is read figure by figure."""
    whole, _, part = figure.replace(",", "").partition(".")
    if len(whole) > 16:
        return _spell(whole)
    said = _whole(int(whole or "0"))
    return said + ("点" + _spell(part) if part else "")


def _whole(value: int) -> str:
    if value == 0:
        return "零"
    groups: list[str] = []
    at = 0
    gap = False  # a zero between this group and the one above is read as one 零
    while value:
        value, group = divmod(value, 10_000)
        said = _group(group)
        if groups and gap and said:
            groups.append("零")
        if said:
            groups.append(said + _BIG[at])
        gap = (group < 1000 and bool(groups)) if group else gap
        at += 1
    said = "".join(reversed(groups))
    return said.removeprefix("一") if said.startswith("一十") else said


def _group(value: int) -> str:
    said = ""
    pending = False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit:
            said += ("零" if pending and said else "") + _DIGITS[digit] + _UNITS[place]
            pending = False
        else:
            pending = True
    return said


def _spell(figures: str) -> str:
    return "".join(_DIGITS[int(d)] for d in figures)


def _phone(figures: str) -> str:
    return "，".join(_spell(part).replace("一", "幺") for part in figures.split("-"))


def _counted(figure: str) -> str:
    return "两" if figure == "2" else number(figure)


def _date(m: re.Match[str]) -> str:
    return f"{_spell(m[1])}年{number(m[2])}月{number(m[3])}日"


def _time(m: re.Match[str]) -> str:
    hour, minute = int(m[1]), int(m[2])
    if hour > 24 or minute > 59:
        return f"{number(m[1])}比{number(m[2])}"
    said = ("两" if hour == 2 else number(str(hour))) + "点"
    if not minute:
        return said + "整"
    return said + ("零" if minute < 10 else "") + number(str(minute)) + "分"


class Mandarin:
    """The dictionaries, read when this is made (about a second)."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jieba 0.42.1's own, from its imports
            import jieba
            from misaki.zh import ZHG2P
        jieba.setLogLevel(logging.WARNING)
        jieba.initialize()
        self._cut = jieba.lcut
        self._word = ZHG2P.word2ipa

    def phonemes(self, text: str) -> str:
        """Return phonemes of Chinese text and its punctuation; other letters are left out."""
        said: list[str] = []
        at = 0
        text = write_out(text)
        for match in _HAN.finditer(text):
            said.append(_marks(text[at : match.start()]))
            said.append(" ".join(self._word(word) for word in self._cut(match.group(), cut_all=False)))
            at = match.end()
        said.append(_marks(text[at:]))
        return " ".join("".join(said).replace("\u032f", "").split())


def _marks(text: str) -> str:
    kept = "".join(c for c in text.translate(_PUNCTUATION) if c in ',.!?;:—…“”() "')
    return kept + " " if kept and not kept.endswith((" ", "“", "(")) else kept
