"""Lines of a reply on their way to the voice: without role labels, unspeakable characters and loose white space."""

import re
from collections.abc import Iterable

_OTHERS = ("visitor", "user", "human", "对方", "用户", "访客")  # speakers the model must not speak for
_SELVES = ("assistant", "ai", "you", "me", "character", "narrator", "system", "助手", "你", "我", "角色", "旁白")
_TIGHT = frozenset(",.!?;:，。！？；：、…")  # no space goes before these
_ENDS = frozenset(".!?。！？…")
_UNSPOKEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20e3\u2190-\u21ff\u2300-\u23ff"
    "\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\ud800-\udfff\ue000-\uf8ff\ufe00-\ufe0f"
    "\ufeff\ufff0-\uffff\U0001f000-\U0001faff\U000e0000-\U0010ffff]"
)


class SpokenLines:
    """Give it characters with `put`, take what has become of them. `names` are the character's own."""

    def __init__(self, names: Iterable[str]) -> None:
        own = [part for name in names for part in (name, *name.split()) if part]
        self._labels = {name.casefold() for name in (*own, *_SELVES, *_OTHERS)}
        self._out: list[str] = []
        self._label: str | None = ""  # the beginning of a line, while it may still be a role label
        self._gap = ""  # white space waiting for something to follow it
        self._cut = False  # something was removed inside the gap
        self.last = ""  # the last character given out
        self.over = False  # the model has begun to speak for the other side

    @property
    def in_label(self) -> bool:
        """The line so far may be the beginning of a role label."""
        return bool(self._label)

    @property
    def in_word(self) -> bool:
        """What comes next would be part of a Latin word or number."""
        return not self._gap and not self._label and self.last.isascii() and self.last.isalnum()

    def take(self) -> str:
        out, self._out = "".join(self._out), []
        return out

    def skip(self) -> None:
        """Note that something was removed here, so that it leaves no space behind."""
        self._cut = True

    def put(self, c: str) -> None:
        if self.over:
            return
        if _UNSPOKEN.match(c):
            self._cut = True
        elif c == "\n":
            self.settle()
            self._label = ""
            self._emit(c)
        elif self._label is None or (c.isspace() and not self._label):
            self._emit(c)
        else:
            self._put_label(self._label, c)

    def _put_label(self, start: str, c: str) -> None:
        label = (start + c).casefold()
        if c in ":：" and start.strip().casefold() in self._labels:
            self._label, self._cut = None, True
            self.over = start.strip().casefold() in _OTHERS and bool(self.last)
        elif any(name.startswith(label) for name in self._labels) or label.strip() in self._labels:
            self._label = start + c
        else:
            self.settle()
            self._emit(c)

    def settle(self) -> None:
        """The line does not begin with a role label: give its beginning out."""
        start, self._label = self._label or "", None
        for c in start:
            self._emit(c)

    def _emit(self, c: str) -> None:
        if c.isspace():
            self._gap = "\n" if "\n" in (c, self._gap) else " "
            return
        if self._gap == "\n" and self.last in _ENDS:
            self._gap = " " if self.last.isascii() else ""
        if self._gap and self.last and not (self._cut and c in _TIGHT):
            self._out.append(self._gap)
        self._out.append(c)
        self._gap, self._cut, self.last = "", False, c
