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
    # How it begins a reply: a word or two that are spoken while the model still reads, and goes on from.
    openings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    # What it says when it is asked for a fact that its sources do not hold; empty: the LLM is told to say so.
    unknown: str = ""


class Persona(msgspec.Struct, frozen=True):
    id: str  # a slug, also the name of its avatar file
    hue: int  # degrees, the colour of its orb and card
    temperature: float
    cards: dict[Language, Card]

    def card(self, language: Language) -> Card:
        return self.cards[language]


_RULES: dict[Language, str] = {
    "en": (
        "This is a voice call. Unless asked for more, say one or two short sentences in plain spoken words: no lists, "
        "no markdown, no emoji, no stage directions. Begin with a word or two and a comma. "
        "Now and then, ask one good question. Be {name} at all times, and speak English."
    ),
    "zh": (
        "这是语音电话。除非对方要多听，每次只说一两句短短的口语，开头先用两三个字加逗号，不用列表、标记、表情符号和动作描写。"
        "不时问一个好问题。始终是{name}，用中文说话。"
    ),
}
_SUMMARY: dict[Language, str] = {"en": "Earlier in this conversation: ", "zh": "此前谈过："}


def system_prompt(card: Card, language: Language, summary: str = "") -> str:
    """Return the text that stays the same through a chat, so that engines can keep it in their cache.

    Only a new running summary changes it, and that is appended at the end. The card's examples are not in
    it: domain.opening gives them as lines, which holds the persona better.
    """
    parts = [card.description, card.personality, card.scenario, card.style]
    parts.append(_RULES[language].format(name=card.name))
    if summary:
        parts.append(_SUMMARY[language] + summary)
    return "\n".join(part for part in parts if part)
