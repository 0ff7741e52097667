"""Where sentences of written text end, in English and Chinese: for text that is all there, unlike sentences.py."""

import re

# A mark of the end with the quotes and brackets that close after it; a line break ends a sentence as well.
_END = re.compile(
    r"(?:[。！？｡…]+|[!?]+(?=[\u3000-\u9fff\uff00-\uffef])|(?P<plain>[.!?]+))(?:[\"'”’»)\]）」』》】]|\[\d+\])*|\n"
)
_WORD_BEFORE = re.compile(r"[^\s(\[“\"'‘]{0,24}\Z")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr vs etc no nos fig figs gen col capt lt rev hon sen rep gov maj sgt approx ca cf al "
    "dept est inc ltd co corp bros vol vols ed eds pp p ch sec art jan feb mar apr jun jul aug sep sept oct nov dec "
    "mon tue wed thu fri sat sun u.s u.k e.g i.e a.m p.m b.c a.d ph.d d.c u.n z.b bzw usw nr str".split()
)
_MAY_END = frozenset("etc inc ltd co corp a.m p.m u.s u.k b.c a.d jr sr d.c u.n ph.d".split())


def spans(text: str) -> list[tuple[int, int]]:
    """Return [start, end) of each sentence, in order and without gaps: the space after one belongs to it."""
    found: list[tuple[int, int]] = []
    start = 0
    for mark in _END.finditer(text):
        if mark.start() < start or not _ends(text, mark):
            continue
        end = mark.end()
        while end < len(text) and text[end].isspace():
            end += 1
        if text[start:end].strip():
            found.append((start, end))
            start = end
    if start < len(text):
        if text[start:].strip() or not found:
            found.append((start, len(text)))
        else:
            found[-1] = (found[-1][0], len(text))
    return found


def _ends(text: str, mark: re.Match[str]) -> bool:
    after = text[mark.end() : mark.end() + 1]
    plain = mark.group("plain")
    if plain is None:
        return True
    if after and not after.isspace():
        return False  # 3.5, example.com, "?!" in the middle of a word
    if plain != ".":
        return True
    word = _WORD_BEFORE.search(text[max(0, mark.start() - 24) : mark.start()])
    last = word.group().lower() if word else ""
    following = text[mark.end() :].lstrip()[:1] if after else ""
    if following.islower():
        return False
    if len(last) == 1 and last.isalpha():
        return False  # an initial: J. Smith
    if last in _ABBREVIATIONS:
        return last in _MAY_END and following.isupper()
    return not (last.isdigit() and len(last) < 3 and _starts_line(text, mark.start() - len(last)))  # "1. First"


def _starts_line(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] == "\n"
