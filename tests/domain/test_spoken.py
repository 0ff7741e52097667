"""What a model writes and what of it is spoken."""

import random
from itertools import pairwise

import pytest

from domain.spoken import SpokenText

NAMES = ("Socrates", "苏格拉底", "Ambrose Fell")


def spoken(text: str, *cuts: int) -> str:
    cleaner = SpokenText(NAMES)
    edges = [0, *sorted(cuts), len(text)]
    parts = [cleaner.feed(text[a:b]) for a, b in pairwise(edges)]
    return "".join(parts) + cleaner.close()


CASES = {
    # plain speech stays as it is
    "Ah, my friend, what is courage?": "Ah, my friend, what is courage?",
    "嗯，你说呢？我们慢慢来……": "嗯，你说呢？我们慢慢来……",
    "It was 10:30; we had 1,000 left - no, 3.5 - of each.": "It was 10:30; we had 1,000 left - no, 3.5 - of each.",
    "Note this: the fox — mine, by the way — is “old”.": "Note this: the fox — mine, by the way — is “old”.",
    "12. And you?": "12. And you?",
    "café, naïve, Ωmega, 你好 and नमस्ते": "café, naïve, Ωmega, 你好 and नमस्ते",
    "说 I'm hungry 就行。": "说 I'm hungry 就行。",
    # markdown
    "I **never** do, I *do* mean `it`.": "I never do, I do mean it.",
    "# A title\n\nText.": "A title\nText.",
    "> quoted": "quoted",
    "Two things:\n1. One\n2. Two": "Two things:\nOne\nTwo",
    "- One\n* Two\n+ Three\n• Four": "One\nTwo\nThree\nFour",
    "See [the map](http://example.org/a_b) now.": "See the map now.",
    "Sure, here:\n```python\nprint('*')\n```\nThat is it.": "Sure, here:\nThat is it.",
    "Sure:\n```python\nprint(1)": "Sure:",
    "~~No~~ yes": "No yes",
    "2*3 is six": "2*3 is six",
    # stage directions
    "*smiles warmly* Ah, my friend.": "Ah, my friend.",
    "Well, *pauses* my friend.": "Well, my friend.",
    "Well *nods*, my friend.": "Well, my friend.",
    "（微笑）嗯，你好呀！": "嗯，你好呀！",
    "你好（点头），朋友。": "你好，朋友。",
    "[laughs] Yes (quietly), friend.": "Yes, friend.",
    "【叹气】唉，朋友。": "唉，朋友。",
    "A bracket (never closed, so it was no direction": "A bracket never closed, so it was no direction",
    "An asterisk *never closed": "An asterisk never closed",
    # emoji and signs
    "Hello 😊! 太好了👍🏽我们👨‍👩‍👧": "Hello! 太好了我们",
    "So be it :) and ;-) so": "So be it and so",
    "Zero\u200bwidth\ufeff \x00NUL \ud800lone": "Zerowidth NUL lone",
    # role labels and chat markup
    "Socrates: Well then, tell me.": "Well then, tell me.",
    "**Socrates:** Well then.": "Well then.",
    "苏格拉底：嗯，好。": "嗯，好。",
    "Ambrose Fell: Indeed.": "Indeed.",
    "Fell: Indeed.": "Indeed.",
    "You: Yes.": "Yes.",
    "你：好。": "好。",
    "You know: yes.": "You know: yes.",
    "Socrates is my name.": "Socrates is my name.",
    "Well, sure.\nVisitor: and then?\nSocrates: no": "Well, sure.",
    "好。\n对方：然后呢？": "好。",
    "Yes.\nSocrates: And no.": "Yes. And no.",
    "<think>hm <b>\nSocrates: 1 < 2</think>\nWell, yes.": "Well, yes.",
    "<think>never ends": "",
    "Yes.<|im_end|>\n<|im_start|>user\nMore": "Yes.",
    "<|im_start|>assistant\nHello.": "Hello.",
    "a < b, <b>bold</b> and <3": "a b, bold and 3",
    # white space
    " \n\nHi  there \n": "Hi there",
    "One.\n\nTwo, 三。\n四": "One. Two, 三。四",
    "": "",
    "\n": "",
    "*": "",
    "you": "you",
}


@pytest.mark.parametrize(("written", "said"), CASES.items())
def test_only_what_can_be_spoken_is_left(written: str, said: str) -> None:
    assert spoken(written) == said


def test_the_way_a_text_is_cut_into_deltas_changes_nothing() -> None:
    dice = random.Random(1)
    alphabet = "*|**|(|)|（|）|[|]|<|>|<think>|</think>|```|`|\n| |:|：|1.|- |#|,|。|😊|<|im_end|>|ok|s".split("|")
    alphabet += ["Socrates", "You", "Visitor", "你", "苏格拉底", "<|im_end|>"]
    texts = ["".join(dice.choices(alphabet, k=dice.randint(0, 14))) for _ in range(1500)] + list(CASES)
    for text in texts:
        whole = spoken(text)
        assert spoken(text, *range(1, len(text))) == whole, text
        for _ in range(4):
            assert spoken(text, *(dice.randint(0, len(text)) for _ in range(3))) == whole, text


@pytest.mark.parametrize("text", ["Ah, my friend, we hurt over love.", "嗯，朋友，你在乎什么呢？", "Yours, friend."])
def test_plain_text_is_held_back_by_no_more_than_a_space(text: str) -> None:
    cleaner = SpokenText(NAMES)
    out, start = "", text.index(",") if "," in text else text.index("，")
    for at, c in enumerate(text):
        out += cleaner.feed(c)
        if at >= start:  # before the first comma a line might still begin with a name
            assert out == text[: at + 1].rstrip()


def test_a_first_word_passes_as_soon_as_it_cannot_be_a_name() -> None:
    cleaner = SpokenText(["Socrates"])
    assert cleaner.feed("W") == "W"
    assert cleaner.feed("ell, So") == "ell, So"


def test_a_plain_line_passes_with_the_last_character_of_its_clause() -> None:
    cleaner = SpokenText(NAMES)
    assert cleaner.feed("Ah,") == "Ah,"
    assert cleaner.feed(" my friend,") == " my friend,"


def test_nothing_comes_after_the_model_plays_the_other_side() -> None:
    cleaner = SpokenText(NAMES)
    assert cleaner.feed("Yes.\nUser: and") == "Yes."
    assert cleaner.feed(" then?\nSocrates: well") == ""
    assert cleaner.close() == ""


def test_a_flood_of_marks_is_read_to_its_end() -> None:
    for flood in ("(", "*a", "<", "[x](", "1.", " \n", "`", "Socrates"):
        spoken(flood * 20_000)  # a quadratic reader would run into the time limit of the suite
