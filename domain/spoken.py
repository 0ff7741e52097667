"""Turn a model's streamed text into what can be spoken.

Out go markdown, code blocks, emoji, stage directions, role labels, think tags and chat markup. The
cleaner works character by character, so the way a text is cut into deltas never changes the result,
and it holds back only what may still be part of such a thing: plain words pass at once, since the
first clause waits for nothing else.
"""

import re
from collections.abc import Callable, Iterable

from domain.spoken_lines import SpokenLines

LONGEST_ASIDE = 120  # characters; a bracket that is not closed by then was no stage direction
LONGEST_TAG = 40
_OPEN = {"(": ")", "（": "）", "[": "]", "【": "】"}
_MARKS = frozenset("*`_~～()（）[]【】<>|\\")
_EMPHASIS = re.compile(r"[A-Za-z'’-]+")


class SpokenText:
    """Feed it deltas, speak what it returns. `names` are the character's: its own label is dropped."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._lines = SpokenLines(names)
        self._mode: Callable[[str], None] = self._text
        self._held = ""  # what may still turn out to be markup
        self._depth = 0
        self._item = 0  # the last number of a numbered list
        self._fresh = True  # at the start of a line

    def feed(self, delta: str) -> str:
        """Return what can be spoken now, perhaps nothing."""
        for c in delta:
            self._mode(c)
        return self._lines.take()

    def close(self) -> str:
        """Return the rest: what was held back and turned out to be plain text."""
        if self._mode not in (self._over, self._code, self._think, self._link, self._square_end, self._tag):
            self._give_up()
        self._lines.settle()
        self._mode = self._over
        return self._lines.take()

    # -- modes: each is fed one character and may hand it on to another ------------------------------

    def _text(self, c: str) -> None:
        fresh, self._fresh = self._fresh, c == "\n" or (self._fresh and c.isspace())
        if c in "*`<:;":
            self._hold(c, {"*": self._stars, "`": self._ticks, "<": self._tag}.get(c, self._smiley))
        elif c in _OPEN:
            self._depth = 1
            self._hold(c, self._aside)
        elif fresh and (c in "-+•" or c.isdecimal()):
            self._hold(c, self._item_start)
        elif c in _MARKS or (fresh and c in "#>"):
            self._lines.skip()
            self._fresh = fresh
        else:
            self._lines.put(c)

    def _stars(self, c: str) -> None:
        if c == "*":
            self._held += c
            return
        stars, word = len(self._held), self._lines.in_word
        if stars > 1 or c.isspace() or word:
            if stars == 1 and word and c.isdecimal():
                self._lines.put("*")  # 2*3
            self._drop(c)
        else:
            self._mode = self._span
            self._span(c)

    def _span(self, c: str) -> None:
        if c == "*":
            inside = self._held[1:]
            if _EMPHASIS.fullmatch(inside) and not inside.lower().endswith(("s", "ing", "ly")):
                self._give_up()  # "I *do* mean it": emphasis, not "*smiles*"
            else:
                self._drop()
        else:
            self._collect(c)

    def _aside(self, c: str) -> None:
        self._depth += (c in _OPEN) - (c in _OPEN.values())
        if self._depth:
            self._collect(c)
        elif self._held[0] == "[":
            self._held += c
            self._mode = self._square_end
        else:
            self._drop()

    def _square_end(self, c: str) -> None:
        """Decide whether [this] was a direction, the words of a [link](url), or the number of a source, [1](url)."""
        if c == "(":
            if any(inside.isalpha() for inside in self._held):
                self._give_up()
            else:
                self._drop()
            self._mode = self._link
        else:
            self._drop(c)

    def _link(self, c: str) -> None:
        if c in ")\n":
            self._drop()

    def _ticks(self, c: str) -> None:
        if c == "`":
            self._held += c
        elif len(self._held) >= 3:
            self._held, self._mode = "", self._code
            self._code(c)
        else:
            self._drop(c)

    def _code(self, c: str) -> None:
        self._held = (self._held + c)[-3:]
        if self._held == "```":
            self._drop()

    def _tag(self, c: str) -> None:
        if c == ">":
            tag = (self._held + c).lower()
            if tag.startswith("<think"):
                self._held, self._mode = "", self._think
            elif tag.startswith("<|") and self._lines.last:
                self._held, self._mode = "", self._over  # the model goes on with a turn that is not its own
            elif tag == "<|im_start|>":
                self._held, self._mode = "", self._header
            else:
                self._drop()
        elif c in "\n<" or len(self._held) > LONGEST_TAG or (len(self._held) == 1 and not (c.isalpha() or c in "/|!")):
            self._drop(c) if c == "<" else self._give_up(c)
        else:
            self._held += c

    def _think(self, c: str) -> None:
        self._held = (self._held + c.lower())[-8:]
        if self._held == "</think>":
            self._drop()

    def _header(self, c: str) -> None:
        if c == "\n":
            self._drop()

    def _item_start(self, c: str) -> None:
        number, mark = self._held[:-1], self._held[-1]
        if mark in "-+•":
            self._drop(c) if c.isspace() else self._give_up(c)
        elif mark.isdecimal() and (c.isdecimal() or c in ".)、．") and len(self._held) < 3:
            self._held += c
        elif number.isdecimal() and int(number) == self._item + 1 and (c.isspace() or mark == "、"):
            self._item += 1
            self._drop(c)
        else:
            self._give_up(c)

    def _smiley(self, c: str) -> None:
        if c in ")(" and self._held in ":;":
            self._drop()
        elif c == "-" and self._held in ":;":
            self._held += c
        elif c in ")(" and self._held[1:] == "-":
            self._drop()
        else:
            self._give_up(c)

    def _over(self, c: str) -> None:
        """Swallow everything."""

    # -- holding, dropping, giving back --------------------------------------------------------------

    def _hold(self, c: str, mode: Callable[[str], None]) -> None:
        self._held, self._mode = c, mode
        if mode == self._smiley and self._lines.in_label:
            self._give_up()  # the end of a role label, perhaps

    def _collect(self, c: str) -> None:
        if c == "\n" or len(self._held) > LONGEST_ASIDE:
            self._give_up(c)
        else:
            self._held += c

    def _drop(self, then: str = "") -> None:
        """Forget what was held and go on with plain text."""
        self._held, self._mode = "", self._text
        self._lines.skip()
        if then:
            self._text(then)

    def _give_up(self, then: str = "") -> None:
        """What was held is plain text after all; only its marks go."""
        held, self._held, self._mode = self._held, "", self._text
        for c in held:
            if c in _MARKS:
                self._lines.skip()
            else:
                self._lines.put(c)
        if then and self._mode == self._text:
            self._text(then)
