"""What people call an attachment when they speak of it: "the picture", 那份合同, "the second file", its own name."""

import re

from domain.filing.model import Kind
from domain.knowledge.tokens import is_cjk

# Words for an attachment and for nothing else, and those that need something that points: "in the report", not "report
# to me"; an interview is a recording where somebody asks what was said in it.
_SURE: dict[Kind, str] = {
    "image": "picture|image|photo|photograph|screenshot|pic",
    "audio": "recording|audio|voice (?:memo|message|note)|podcast",
    "web": "web ?site|web ?page",
    "pdf": "pdf|document|file",
    "office": "document|file|spreadsheet|powerpoint",
    "text": "document|file",
}
_POINTED: dict[Kind, str] = {
    "image": "drawing|painting|diagram|chart|poster|sign|map",
    "audio": "interview|conversation|lecture|talk",
    "web": "link|site|article|page|post",
    "pdf": "paper|report|letter|contract|article|book|page|form",
    "office": "report|letter|contract|article|slide|presentation|table|sheet|deck|page",
    "text": "text|note|letter|article|page",
}
_CHINESE: dict[Kind, str] = {
    "image": "(?<![试企意力贪版蓝宏妄])图(?![书谋腾])|照片|相片|截屏|画面",
    "audio": "录音|音频|语音(?:里|中|消息|备忘|文件)|[这那][段条]语音",
    "web": "链接|网页|网站|网址|文章",
    "pdf": "文件|文档|报告|论文|合同|文章|简历|发票|第.{1,3}页",
    "office": "文件|文档|报告|论文|合同|文章|简历|发票|幻灯片|表格",
    "text": "文件|文档|文本|笔记|文章",
}
_BEFORE = r"\b(?:in|on|from|of|at|about|does|did|do|see|read|open|explain|translate|summari[sz]e|check)\s+"
_SAYS = r"\s+(?:says?|shows?|mentions?|tells?|contains?|covers?|(?:that )?(?:i|you) (?:sent|gave|show|shared|attach))"


def _pattern(kind: Kind) -> re.Pattern[str]:
    word = rf"(?:[\w-]+\s+)?(?:{_POINTED[kind]})s?\b"
    return re.compile(
        rf"\b(?:{_SURE[kind]})s?\b|{_BEFORE}(?:the|that|this|my|these|those)\s+{word}|\b(?:that|this|these|those)\s+{word}|"
        rf"\b(?:the|my)\s+{word}{_SAYS}|{_CHINESE[kind]}",
        re.IGNORECASE,
    )


_OF_KIND: dict[Kind, re.Pattern[str]] = {kind: _pattern(kind) for kind in _SURE}
_ANY = re.compile(
    r"\b(?:attachment|attached|upload|uploaded)s?\b|附件|上传|[发传][给来]你|[发传]来的|[给让]你看(?:的|过)|"
    r"\bi(?:'ve| have)?(?: just)? (?:sen[dt]|show|showed|shown|shared?|gave|given) (?:\w+ )?(?:to )?you\b",
    re.IGNORECASE,
)
_THING = "pictures?|images?|photos?|screenshots?|recordings?|pdfs?|documents?|files?|attachments?|links?|ones?"
_OF = rf"\s+(?:\w+\s+)?(?:{_THING})\b"
_PIECES = "[张份个段篇条]"
_PLACES = tuple(
    re.compile(rf"\b(?:{english}){_OF}|第{chinese}{_PIECES}", re.IGNORECASE)
    for english, chinese in (("first|1st|oldest", "[一1]"), ("second|2nd", "[二2]"), ("third|3rd", "[三3]"))
)
_LAST = re.compile(rf"\b(?:last|latest|newest){_OF}|最(?:后|新|近).?{_PIECES}", re.IGNORECASE)
_OTHER = re.compile(rf"\bother{_OF}|另[外一]?[外一那]?{_PIECES}|别的{_PIECES}?", re.IGNORECASE)
_SEVERAL = re.compile(
    rf"\b(?:{'|'.join(word.removesuffix('?') for word in _THING.split('|') if word != 'ones?')})\b|"
    rf"\b(?:both|compare|each of)\b|两{_PIECES}|[这那几]些|几{_PIECES}|比较|对比|所有|分别|区别",
    re.IGNORECASE,
)  # fmt: skip
_WORD = re.compile(r"[^\W_\d]{2,}|\d{3,}")
_EMPTY = frozenset(
    "a an the and for with from to of in on my at by is it img dsc scan copy final new image photo picture file "
    "document".split()
)
MOST_WORDS = 4  # of a name: of a long title one word says little


def by_kind(question: str, kind: Kind) -> bool:
    return _OF_KIND[kind].search(question) is not None


def by_sending(question: str) -> bool:
    """Whether it speaks of what was sent, whatever that is."""
    return _ANY.search(question) is not None


def by_name(question: str, name: str) -> bool:
    """Whether it says the name: all words of it, or one that is pointed at ("the invoice"); of Chinese all of it."""
    stem = name.rpartition(".")[0] or name
    asked = question.casefold()
    cjk = "".join(sign for sign in stem if is_cjk(sign))
    if len(cjk) >= 2:  # one sign is in any sentence
        return cjk in question
    words = [word for word in _WORD.findall(stem.casefold()) if word not in _EMPTY]
    said = [word for word in words if re.search(rf"\b{re.escape(word)}\b", asked)]
    if len(words) > 1 and said == words:
        return True
    return len(words) <= MOST_WORDS and any(
        re.search(rf"\b(?:the|that|this|my)\s+(?:\w+\s+)?{re.escape(word)}\b", asked) for word in said
    )


def place(question: str) -> int | None:
    """Return which of several it asks for: 0 for the first, -1 for the last, None where it says nothing of it."""
    if _LAST.search(question):
        return -1
    return next((at for at, pattern in enumerate(_PLACES) if pattern.search(question)), None)


def other(question: str) -> bool:
    return _OTHER.search(question) is not None


def several(question: str) -> bool:
    return _SEVERAL.search(question) is not None
