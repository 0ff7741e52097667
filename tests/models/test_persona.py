"""Do the characters hold with the small LLM? What it says is printed (pytest -s), since taste has no assertion."""

import re
import threading
from pathlib import Path

import pytest

from domain.cards import read
from domain.chat import Line
from domain.opening import opening_lines
from domain.persona import Language, system_prompt
from domain.ports import Prompt
from domain.spoken import SpokenText
from functions import weights
from functions.engines.llama import LlamaLlm

pytestmark = pytest.mark.models
TRIES = 4  # a small model wanders off now and then
FOLDER = Path(__file__).parents[2] / "characters"
ASKED: dict[Language, tuple[str, str, str]] = {
    "en": ("Who am I talking to?", "I had a hard day at work.", "What should I do now?"),
    "zh": ("我在跟谁说话呀？", "我今天工作好累。", "那我现在该做什么？"),
}
MARKUP = re.compile(r"[*`#<>\[\]（）()_~]|[\U0001f000-\U0001faff]|^\w+[:：]")


@pytest.fixture(scope="module")
def small() -> LlamaLlm:
    return LlamaLlm(weights.path(weights.LLM["small"]), threads=2, context=2048)


def share_of_hanzi(text: str) -> float:
    letters = re.findall(r"[A-Za-z\u4e00-\u9fff]", text)
    return len([letter for letter in letters if letter >= "\u4e00"]) / max(1, len(letters))


@pytest.mark.parametrize("who", ["socrates", "navigator"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_character_keeps_its_language_and_speaks_plainly(small: LlamaLlm, who: str, language: Language) -> None:
    for _ in range(TRIES):
        if not (wrong := faults(small, who, language)):
            return
    pytest.fail(wrong)


def faults(small: LlamaLlm, who: str, language: Language) -> str:
    """Talk for three turns, and return what is wrong with one of them."""
    persona = read(FOLDER / f"{who}.toml")
    card = persona.card(language)
    lines = [*opening_lines(card, language)]
    print(f"\n{card.name}: {card.greeting}")
    for asked in ASKED[language]:
        lines.append(Line("user", asked))
        prompt = Prompt(
            who,
            system_prompt(card, language),
            tuple(lines),
            max_tokens=60,
            temperature=persona.temperature,
        )
        cleaner = SpokenText([card.name])
        said = "".join([*map(cleaner.feed, small.reply(prompt, threading.Event())), cleaner.close()])
        print(f"  {asked}\n    {said}")
        lines.append(Line("assistant", said))
        if not said or MARKUP.search(said):
            return f"{asked} {said}"
    replies = " ".join(line.text for line in lines[-6:] if line.role == "assistant")
    share = share_of_hanzi(replies)
    return "" if (share > 0.9 if language == "zh" else share == 0.0) else replies
