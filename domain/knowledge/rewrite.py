"""A question that leans on what was said before ("And how old was he?") made into one that stands alone.

A rule tells whether it does. Then the LLM is asked, where one is quick enough; else the words of the last thing that
the user said go along. The question itself is always searched too (domain.knowledge.search: `also`), so that a
rewriting that misses costs some rank and no answer.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import aclosing

from domain.chat import Line
from domain.errors import ParleyError
from domain.knowledge.tokens import is_cjk, tokens
from domain.ports import Llm, Prompt

log = logging.getLogger(__name__)
REWRITE_S = 0.4
MAX_TOKENS = 40
FEW = 4  # content words: with fewer, the rest is likely said before
LINES, LINE_CHARS = 6, 300  # of the chat that the LLM reads
MAX_BEFORE = 200  # characters of what the user said before

_LEANS_EN = re.compile(
    r"\b(?:it|its|he|him|his|she|hers?|they|them|theirs?|that|this|those|these|there|ones?|same|such|else|"
    r"former|latter|above|previous)\b|^\W*(?:and|but|or|so|then|also|why|really)\b|\b(?:what|how) about\b|\bmore\b\W*$",
    re.IGNORECASE,
)
_LEANS_ZH = re.compile(
    "[他她它这那其此该剛這該]|刚才|刚刚|上面|前面|之前说|继续|还有|然后|另外|为什么[？?]?$|呢[？?。]?$|後來|后来"
)
_FUNCTION_EN = frozenset(
    "a about after all also am an and any are as at be been before but by can could did do does for from get had has "
    "have how i if in into is just know let like many me mean more most much my no not of on or our please really say "
    "should so some tell than the then think to us was we were what when where which who whom whose why will with "
    "would yes you your".split()
)
_FUNCTION_ZH = re.compile(
    "[的了是在和与及或也就都而吗呢吧啊嘛么什谁哪怎样多少几个有没不我你您们请问说讲告诉知道想一下可以能会为到对把被给]"
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")

SYSTEM = (
    "Rewrite the user's last question so that it can be understood without the conversation: put names in place of "
    "pronouns and add what is left out. Keep its language. Do not answer it. Return the question alone, in one line."
)


def needs_context(question: str) -> bool:
    """Tell whether it leans on what was said before: a pronoun, an ellipsis, or little that could be searched for."""
    return leans(question) or content(question) < FEW


def leans(question: str) -> bool:
    """Tell whether some of its words stand for what was said before."""
    return (_LEANS_ZH if is_cjk_question(question) else _LEANS_EN).search(question) is not None


def content(question: str) -> float:
    """Return how many words it has that could be searched for; two Chinese characters count as one."""
    wide = sum(1 for char in _FUNCTION_ZH.sub("", question) if is_cjk(char)) if is_cjk_question(question) else 0
    return wide / 2 + len(_content_words(question))


def is_cjk_question(question: str) -> bool:
    return any(map(is_cjk, tokens(question[:500])))


def subject(question: str) -> str:
    """Return the question without the words that only make it one."""
    if is_cjk_question(question):
        question = _FUNCTION_ZH.sub(" ", question)
    return _WORD.sub(lambda word: "" if word.group().lower() in _FUNCTION_EN else word.group(), question)


def joined(question: str, history: Sequence[Line]) -> str:
    """Return the question with the content words of what the user said before it, "" when nothing was."""
    said = [line.text for line in history if line.role == "user" and line.text.strip() != question.strip()]
    if not said:
        return ""
    before = said[-1][:MAX_BEFORE]
    if is_cjk_question(before):
        words = [part for part in re.split(r"[\W_]+", _FUNCTION_ZH.sub(" ", before)) if part]
    else:
        words = _content_words(before)
    return f"{question} {' '.join(words)}" if words else ""


class Rewriter:
    """Call it with a question and the chat before it, oldest first. Returns "" when there is nothing to rewrite."""

    def __init__(self, llm: Llm | None = None, seconds: float = REWRITE_S) -> None:
        """`llm` only where it answers in so short a time: an endpoint, not a model on the CPU."""
        self._llm, self._seconds = llm, seconds

    async def __call__(self, question: str, history: Sequence[Line]) -> str:
        if not history or not needs_context(question):
            return ""
        return await self._asked(question, history) or joined(question, history)

    async def _asked(self, question: str, history: Sequence[Line]) -> str:
        if self._llm is None:
            return ""
        lines = [Line(line.role, line.text[:LINE_CHARS]) for line in history[-LINES:]]
        told = "\n".join(f"{line.role}: {line.text}" for line in lines)
        ask = Line("user", f"{told}\n\nLast question: {question[:LINE_CHARS]}")
        prompt = Prompt("rewrite", SYSTEM, (ask,), max_tokens=MAX_TOKENS, temperature=0.0)
        said = ""
        try:
            async with asyncio.timeout(self._seconds), aclosing(self._llm.reply(prompt)) as deltas:
                async for delta in deltas:
                    said += delta
                    if "\n" in said.strip():
                        break
        except TimeoutError:
            log.info("no rewriting within %s s", self._seconds)
            return ""  # half a question is none
        except ParleyError as error:
            log.warning("no rewriting: %s", error.code)
            return ""
        line = said.strip().split("\n")[0].strip().strip("\"'“”「」")
        return line[:LINE_CHARS]


def _content_words(text: str) -> list[str]:
    words = [word for word in _WORD.findall(text) if len(word) > 1 and not any(map(is_cjk, word))]
    return [word for word in words if word.lower() not in _FUNCTION_EN]
