"""From a chat's history to what the LLM reads."""

from collections.abc import Sequence

from domain.chat import Chat, Line, Message, window
from domain.knowledge.quoting import with_sources
from domain.opening import opening_lines
from domain.persona import Language, Persona, system_prompt
from domain.ports import SUMMARY, Prompt

MAX_REPLY_TOKENS = 220
_SUMMARISE: dict[Language, str] = {
    "en": "Sum up the conversation below in at most 80 words, as notes for {name}: what the visitor told about "
    "themselves, what was agreed, what is still open. Notes only.",
    "zh": "用不超过一百字为{name}记下下面这段谈话的要点：对方说了自己的哪些事、谈定了什么、还有什么没说完。只写要点。",
}
_EARLIER: dict[Language, str] = {"en": "Notes so far: ", "zh": "之前的要点："}
_WHO: dict[Language, str] = {"en": "Visitor", "zh": "对方"}


def prompt_for(
    chat: Chat, persona: Persona, history: Sequence[Message], *new: Line, opening: str = "", preface: str = "",
    images: tuple[bytes, ...] = (),
) -> Prompt:  # fmt: skip
    """Return the prompt for the next reply: the persona, its examples and greeting, the window of history, what is new.

    Its beginning stays the same from turn to turn, so that the engine's prefix cache holds it; `preface` (what is
    quoted to the model for this reply alone) goes before the words of the last line, and so do `images`.
    """
    card = persona.card(chat.language)
    recent = window([m for m in history if m.seq > chat.summary_upto], lambda m: with_sources(m, chat.language))
    lines = _merged([*opening_lines(card, chat.language), *recent, *new])
    if preface and lines:
        lines = (*lines[:-1], Line(lines[-1].role, preface + lines[-1].text))
    return Prompt(
        chat.id,
        system_prompt(card, chat.language, chat.summary),
        lines,
        max_tokens=MAX_REPLY_TOKENS,
        temperature=persona.temperature,
        opening=opening,
        images=images,
    )


def summary_prompt(chat: Chat, persona: Persona, old: Sequence[Message]) -> Prompt:
    """Ask for notes on the messages that are about to leave the window."""
    name = persona.card(chat.language).name
    who = _WHO[chat.language]
    said = "\n".join(f"{name if m.role == 'assistant' else who}: {m.text}" for m in old)
    earlier = f"{_EARLIER[chat.language]}{chat.summary}\n" if chat.summary else ""
    system = _SUMMARISE[chat.language].format(name=name)
    return Prompt(SUMMARY, system, (Line("user", earlier + said),), max_tokens=160, temperature=0.2)


def _merged(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Join neighbouring lines of one speaker (a reply that failed leaves two of the user's in a row)."""
    out: list[Line] = []
    for line in lines:
        if out and out[-1].role == line.role:
            text = line.text if out[-1].text == line.text else f"{out[-1].text}\n{line.text}"
            out[-1] = Line(line.role, text)
        else:
            out.append(line)
    return tuple(out)
