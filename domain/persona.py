"""The persona: who the model plays, in each language, and the system prompt made from the card."""

from typing import Literal

import msgspec

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


class Voice(msgspec.Struct, frozen=True):
    """A named speaker of the TTS engine, and how it is bent to a character.

    `pace` 1.0 is the speaker's own (0.5 slow to 2.0 fast); `pitch` is in semitones;
    `formant` scales the vocal tract's resonances (below 1.0 a larger body, above a smaller one).
    Engines that cannot bend a voice ignore the last two.
    """

    name: str
    pace: float = 1.0
    pitch: float = 0.0
    formant: float = 1.0


class Example(msgspec.Struct, frozen=True):
    """One exchange that shows how the character talks."""

    user: str
    character: str


class Card(msgspec.Struct, frozen=True):
    """The character card in one language; the words follow Character Card V2."""

    name: str
    tagline: str
    description: str
    personality: str
    scenario: str
    style: str
    greeting: str
    unheard: str  # what it says when nothing was understood
    voice: Voice
    examples: tuple[Example, ...] = ()
    openers: tuple[str, ...] = ()  # things a visitor might say first
    tags: tuple[str, ...] = ()


class Persona(msgspec.Struct, frozen=True):
    id: str  # a slug, also the name of its avatar file
    hue: int  # degrees, the colour of its orb and card
    temperature: float
    cards: dict[Language, Card]

    def card(self, language: Language) -> Card:
        return self.cards[language]


_RULES: dict[Language, str] = {
    "en": (
        "You are speaking aloud on a voice call. Say one or two short sentences, unless asked for more. "
        "Start with two or three words and a comma. Plain spoken words only: no lists, no markdown, no emoji, no "
        "stage directions, no name before your line. Now and then, ask one worthwhile question of your own. "
        "Always stay {name}. Speak English."
    ),
    "zh": (
        "你正在打语音电话。除非对方要求多说，每次只说一两句短话，开头先用两三个字加逗号。"
        "只用口语，不要列表、标记、表情符号、动作描写，也不要在句前写名字。"
        "不时主动问一个有价值的问题。始终是{name}，只说中文。"
    ),
}
_EXAMPLES: dict[Language, tuple[str, str, str]] = {
    "en": ("How you talk:", "Visitor", "You"),
    "zh": ("你说话的样子：", "对方", "你"),
}
_SUMMARY: dict[Language, str] = {"en": "Earlier in this conversation: ", "zh": "此前谈过："}


def system_prompt(card: Card, language: Language, summary: str = "") -> str:
    """Return the text that stays the same through a chat, so that engines can keep it in their cache.

    Only a new running summary changes it, and that is appended at the end.
    """
    head, visitor, you = _EXAMPLES[language]
    parts = [card.description, card.personality, card.scenario, card.style]
    if card.examples:
        lines = [f"{visitor}: {e.user}\n{you}: {e.character}" for e in card.examples]
        parts.append("\n".join([head, *lines]))
    parts.append(_RULES[language].format(name=card.name))
    if summary:
        parts.append(_SUMMARY[language] + summary)
    return "\n".join(part for part in parts if part)
