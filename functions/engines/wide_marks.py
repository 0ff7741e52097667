"""Punctuation as Chinese is printed with it: models of speech write narrow marks of ASCII between Han characters."""

import re

_WIDE = str.maketrans(",.?!:;", "，。？！：；")
# Behind a Han character or a closing mark; a point before a Latin letter or a digit is part of a name (文件.md).
_NARROW = re.compile(r"(?<=[\u3400-\u9fff\uf900-\ufaff”’）》」])(?: *(\.{2,})| *([,?!:;]|\.(?![A-Za-z0-9]))) *")


def widen(text: str) -> str:
    """Return Chinese text with wide marks behind Han characters: 你好,我是谁? becomes 你好，我是谁？"""
    return _NARROW.sub(lambda found: "……" if found[1] else found[2].translate(_WIDE), text)
