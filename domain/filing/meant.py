"""Which of that which came with earlier turns a question means: rules, in two languages.

A wrong pick spoils a reply twice over, since it is begun with "In the file,": so small talk, a change of the subject
and questions about whoever speaks mean none, right after a reply about one too.
"""

import re
from collections.abc import Mapping, Sequence

from domain.chat import Message
from domain.filing import called
from domain.filing.model import Attachment
from domain.filing.passages import LEAST_SLOTS, Part, speaks_of
from domain.knowledge.rewrite import content, is_cjk_question

ENOUGH = 0.6  # of what a question asks for has to be in one part of an attachment
NEAR = 0.4  # of one that was talked about a moment ago
FEW = 1.5  # words that could be searched for: with fewer, "And who baked?" goes on about what was talked about
_STANDS = re.compile(  # words that stand for what was talked about, and what is done with it
    r"\b(?:its?|they|them|theirs?|these|those|this|that|there|he|him|his|she|hers?|rest|the others?|else|elsewhere|"
    r"again|continue|go on|what about|how about|summari[sz]e|translate|are you sure|do you agree)\b|\bmore\b\W*$|"
    r"[它他她]|这(?![样么])|那(?![么你我您就好咱])|其[中余他]|该[文书图表]|刚才|刚刚|[上下前后里]面|还有|继续|接着|另外|"
    r"后来|详细|再说|多说|剩下|然后呢|总结|概括|翻译|归纳|你确定|^[^你您我]*呢\W*$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"^\W*(?:and|but|so|then|also|why|really)\b|为什么\W*$", re.IGNORECASE)
_AWAY = re.compile(
    r"\binstead\b|\bsomething (?:else|different)\b|\bnever ?mind\b|\bforget (?:it|that|about)\b|"
    r"\b(?:another|different|change the|new) (?:topic|subject|question)\b|"
    r"换个?(?:一个)?话题|不说这个|[说聊谈]点?别的|算了|别管",
    re.IGNORECASE,
)
_SMALL_TALK = re.compile(
    r"^\W*(?:thanks|thank you|great|nice|okay|ok|good (?:morning|evening|night|bye)|bye|hello|hi|"
    r"谢谢|多谢|好的|明白了|再见|你好)[^?？]*$|"
    r"\b(?:who|how|how old|where) are you\b|\byour name\b|\babout (?:yourself|your)\b|"
    r"你(?:是谁|叫什么|几岁|多大|好吗)|[过最][得近]怎么样|天气",
    re.IGNORECASE,
)
_TO_YOU = re.compile(r"\byou(?:rs?|'re)?\b|[你您]", re.IGNORECASE)
_OF_ME = re.compile(r"^\W*(?:i|i'm|we)\b|^(?:其实)?我(?!的)", re.IGNORECASE)


def meant(
    question: str, earlier: Sequence[Attachment], parts: Mapping[str, Sequence[Part]], history: Sequence[Message]
) -> list[Attachment]:
    """Return those that the question speaks of, oldest first, as `earlier` has them."""
    if not earlier:
        return []
    near, unanswered = _talked_about(history, earlier)
    found = {one.id for one in earlier if _has_its_words(question, parts[one.id], one.id in near)}
    found |= _called(question, earlier, near)
    if not found and _goes_on(question, near, unanswered, parts):
        found = near
    return [one for one in earlier if one.id in found]


def _has_its_words(question: str, parts: Sequence[Part], near: bool) -> bool:
    """One word in common is chance, but for what was talked about: "How much is the rope?" """
    if not near:
        return speaks_of(question, parts, ENOUGH)
    one_is_enough = not is_cjk_question(question) and not _TO_YOU.search(question)
    return speaks_of(question, parts, NEAR, 1 if one_is_enough else LEAST_SLOTS)


def _called(question: str, earlier: Sequence[Attachment], near: set[str]) -> set[str]:
    """Return what it calls by a name or by what it is."""
    by_name = [one for one in earlier if called.by_name(question, one.name)]
    named = by_name or [one for one in earlier if called.by_kind(question, one.kind)]
    if not named and (called.by_sending(question) or called.place(question) is not None):
        named = list(earlier)
    if not named:
        return set()
    if called.several(question):
        return {one.id for one in named}
    if (place := called.place(question)) is not None:
        return {named[min(place, len(named) - 1)].id}
    if called.other(question):
        named = [one for one in named if one.id not in near] or named
    elif near.intersection(one.id for one in named):
        return near.intersection(one.id for one in named)
    return {one.id for one in named if one.turn_id == named[-1].turn_id}  # the newest, and what came with it


def _goes_on(question: str, near: set[str], unanswered: bool, parts: Mapping[str, Sequence[Part]]) -> bool:
    """Whether it goes on about what was talked about, though none of its words says so."""
    if not near or _AWAY.search(question):
        return False
    if unanswered:
        return True
    if _SMALL_TALK.search(question):
        return False
    if _STANDS.search(question) or (_GOES_ON.search(question) and content(question) < FEW):
        return True
    # Words of one language are in no text of the other.
    other_language = all(is_cjk_question(part.text) != is_cjk_question(question) for id_ in near for part in parts[id_])
    return other_language and content(question) > 0 and not (_TO_YOU.search(question) or _OF_ME.search(question))


def _talked_about(history: Sequence[Message], earlier: Sequence[Attachment]) -> tuple[set[str], bool]:
    """Return what the last reply was about, or what came with words after it, which had no answer; and whether so."""
    waiting: set[str] = set()
    for message in reversed(history):
        came = {one.id for one in earlier if one.turn_id == message.turn_id}
        if message.role == "user":
            waiting |= came
            continue
        cited = {one.attachment_id for one in message.sources.citations if one.attachment_id}
        return (waiting, True) if waiting else (cited or came, False)
    return waiting, bool(waiting)
