"""What the model reads before the visitor's first words: the card's examples as real lines, then the greeting.

Told in the system prompt, examples left the 1.5B in the tone of an assistant (long first clauses, "a real
person", "show me the code"); as lines of a chat it goes on in their manner. They stay the same through a
chat, so they cost nothing after the first turn.
"""

from collections.abc import Sequence

from domain.chat import Line, Message
from domain.persona import Card, Language

# Between the examples and the chat, so that the model does not take what was said there for this visitor's.
_SCENE: dict[Language, str] = {"en": "(A new visitor comes in.)", "zh": "（又来了一位客人。）"}


def opening_lines(card: Card, language: Language) -> tuple[Line, ...]:
    """Return lines by turns, the user's first and the greeting last. With them, system_prompt needs no examples."""
    lines: list[Line] = []
    for example in card.examples:
        lines += [Line("user", example.user), Line("assistant", example.character)]
    if lines:
        lines.append(Line("user", _SCENE[language]))
    return (*lines, Line("assistant", card.greeting))


def opening_of(card: Card, history: Sequence[Message]) -> str:
    """Return how the next reply begins: the openings take turns, so that none is heard twice in a row."""
    replies = sum(1 for message in history if message.role == "assistant")
    return card.openings[replies % len(card.openings)] if card.openings else ""
