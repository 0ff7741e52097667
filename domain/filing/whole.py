"""Questions about an attachment as a whole: "Summarise it", 这份文件讲了什么. No part is nearer to them than another.

A text says what it is at its beginning. Words and encoders name some part all the same: of nine such questions in
Chinese over six Chinese texts, words took the beginning away from eight.
"""

import re

from domain.knowledge.rewrite import subject

_WORDS = re.compile(
    r"(?:it|its|this|that|these|those|they|them|there|he|she|one|ones|thing|things|stuff|"
    r"(?:what|it|that|who|there|let|here)'s|i'(?:m|d|ve|ll)|you'(?:re|ve)|(?:do|does|did|is|are|can|could|would)n't|"
    r"summ\w*|sum|up|overview|outline|gist|recap|tldr|describ\w*|descript\w*|explain\w*|explan\w*|"
    r"translat\w*|read|reads|show|look|open|discuss\w*|analy[sz]\w*|review\w*|comment\w*|"
    r"main|key|central|important|general|whole|entire|full|everything|anything|something|nothing|"
    r"points?|ideas?|topics?|subjects?|themes?|messages?|contents?|meaning|"
    r"files?|documents?|docs?|pdfs?|texts?|papers?|reports?|articles?|pages?|links?|sites?|websites?|attachments?|"
    r"attached|recordings?|pictures?|images?|photos?|letters?|sent|"
    r"beginning|begin|begins|start|starts|title|author|wrote|written|"
    r"good|bad|interesting|useful|clear|true|again|first|brief\w*|short\w*|quick\w*|detail\w*|simpl\w*|"
    r"words?|sentences?|paragraphs?|two|three|five|give|talk|talks|deal|deals|mention\w*|happen\w*|sure|"
    r"thanks?|okay|ok|well|great|nice|continue|go|other|else|opinion|feel|find|maybe|perhaps|kindly|help|here|"
    r"english|chinese|mandarin)",
    re.IGNORECASE,
)
_ENGLISH = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_CHINESE = re.compile(
    "总结|概[括述要况]|归纳|摘要|大[意概致]|梗概|主要|主题|重[点要]|[要观]点|内容|全[文部]|整[个篇体]|所有|翻译|解释|介绍|"
    "描述|分析|评价|评论|文[件档本章字]|附件|报告|资料|材料|论文|合同|网[页站]|链接|录音|图片?|照片|英文|中文|英语|汉语|"
    "意思|觉得|认为|看法|有[用趣]|开[头始]|标题|题目|作者|简[单短要]|详细|帮忙?|谢谢|再|遍|看|读|念|谈|写|里|面|中|上|下|"
    "这|那|它|其|此|份|篇|张|条|段|句|话|好|用|来|去|点|些|关于|样"
)


def of_the_whole(question: str) -> bool:
    """Whether nothing is left of it but words for texts as such and what is done with them."""
    rest = _CHINESE.sub("", subject(question)).replace("’", "'")
    return all(_WORDS.fullmatch(word) for word in _ENGLISH.findall(rest))
