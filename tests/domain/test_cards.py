"""The shipped characters, and what the loader refuses."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.cards import CardError, load, read
from domain.opening import opening_lines
from domain.persona import LANGUAGES, Card, Language, Persona, system_prompt
from domain.spoken import SpokenText

FOLDER = Path(__file__).parents[2] / "characters"
IDS = ["assistant", "coach", "detective", "hermit", "navigator", "socrates", "storyteller", "tutor"]
SHIPPED = load(FOLDER)
CARDS: list[tuple[Persona, Language]] = [(persona, language) for persona in SHIPPED for language in LANGUAGES]
_MARK = re.compile(r"[,.!?;:—，。！？；：、…]")
_WIDE = re.compile(r"[\u4e00-\u9fff]")

every_card = pytest.mark.parametrize(
    ("persona", "language"), CARDS, ids=[f"{persona.id}-{language}" for persona, language in CARDS]
)


def size(text: str) -> float:
    """Length as it takes to say: words, with three Chinese characters to two words."""
    wide = len(_WIDE.findall(text))
    return wide / 1.5 + len(re.findall(r"[A-Za-z0-9'’]+", text))


def test_the_eight_characters_are_there() -> None:
    assert [persona.id for persona in SHIPPED] == IDS


def test_their_colours_are_well_spread() -> None:
    hues = sorted(persona.hue for persona in SHIPPED)
    gaps = [(b - a) % 360 for a, b in zip(hues, [*hues[1:], hues[0]], strict=True)]
    assert min(gaps) >= 30


def test_no_two_of_them_share_a_voice_or_a_name() -> None:
    for language in LANGUAGES:
        cards = [persona.card(language) for persona in SHIPPED]
        assert len({card.voice for card in cards}) == len(cards)
        assert len({card.name for card in cards}) == len(cards)


@every_card
def test_a_card_has_all_that_the_pages_and_a_call_need(persona: Persona, language: Language) -> None:
    card = persona.card(language)
    assert len(card.tagline) <= 60
    assert 3 <= len(card.openers) <= 4
    assert 2 <= len(card.tags) <= 4
    assert len(card.examples) >= 3
    assert card.description.startswith({"en": "You are ", "zh": "你是"}[language])


@every_card
def test_a_card_is_written_in_its_language(persona: Persona, language: Language) -> None:
    card = persona.card(language)
    texts = [card.description, card.greeting, card.unheard, card.unknown, card.tagline, card.style, *card.tags]
    assert all(bool(_WIDE.search(text)) == (language == "zh") for text in texts)


@every_card
def test_a_greeting_is_short_and_hands_over_the_word(persona: Persona, language: Language) -> None:
    card = persona.card(language)
    for line in (card.greeting, card.unheard):
        assert line.endswith(("?", "？"))
    assert 10 <= size(card.greeting) <= 26
    assert size(card.unheard) <= 18
    assert 0 < size(card.unknown) <= 20


@every_card
def test_examples_talk_as_a_voice_should(persona: Persona, language: Language) -> None:
    for example in persona.card(language).examples:
        said = example.character
        first = _MARK.split(said, maxsplit=1)[0]
        assert 0 < size(first) <= 6, first  # it is spoken while the rest is being written
        assert len(said) > len(first) + 1
        assert size(said) <= 40
        cleaner = SpokenText([persona.card(language).name])
        assert cleaner.feed(said) + cleaner.close() == said  # no markup to imitate


@every_card
def test_some_examples_ask_something_and_some_do_not(persona: Persona, language: Language) -> None:
    asks = [example.character.endswith(("?", "？")) for example in persona.card(language).examples]
    assert any(asks)
    assert not all(asks)


@every_card
def test_a_prompt_is_small_enough_for_two_cores(persona: Persona, language: Language) -> None:
    card = persona.card(language)
    lines = opening_lines(card, language)
    text = system_prompt(card, language) + "".join(line.text for line in lines)
    wide = len(_WIDE.findall(text))
    # An estimate; Qwen's tokenizer counts 340 to 410 tokens for these cards, which takes 6 to 8 s to read.
    assert wide * 0.85 + (len(text) - wide) / 4.2 + 5 * len(lines) < 430


@every_card
def test_opening_lines_go_by_turns_and_end_with_the_greeting(persona: Persona, language: Language) -> None:
    card = persona.card(language)
    lines = opening_lines(card, language)
    assert [line.role for line in lines] == ["user", "assistant"] * (len(lines) // 2)
    assert lines[-1].text == card.greeting
    assert [line.text for line in lines[1:-2:2]] == [example.character for example in card.examples]


def test_a_card_without_examples_opens_with_its_greeting_alone() -> None:
    card = SHIPPED[0].card("en")
    bare = Card(card.name, "", "", "", "", "", "Hello?", "", card.voice)
    assert [line.text for line in opening_lines(bare, "en")] == ["Hello?"]


def test_the_system_prompt_stays_the_same_until_there_is_a_summary() -> None:
    card = SHIPPED[0].card("en")
    before = system_prompt(card, "en")
    assert before == system_prompt(card, "en")
    assert system_prompt(card, "en", "They like tea.").startswith(before)
    assert card.examples[0].character not in before  # it is a line of the chat


def changed(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("hue = 190", "hue = 360"), "wren.toml: hue: from 0 to 359 degrees"),
        (changed("hue = 190", 'hue = "blue"'), "wren.toml: hue: Expected `int`, got `str`"),
        (changed("hue = 190", ""), "wren.toml: Object missing required field `hue`"),
        (changed("hue = 190", "hue = 190\ncolour = 1"), "wren.toml: colour: no such field"),
        (changed("temperature = 0.6", "temperature = 2.0"), "wren.toml: temperature: from 0.0 to 1.5"),
        (changed('unheard = "', 'unheared = "'), "wren.toml: en.unheared: no such field"),
        (changed('character = "', 'charakter = "'), "wren.toml: en.examples.charakter: no such field"),
        (changed('tagline = "', 'tagline = "' + "A calm voice " * 5), "wren.toml: en.tagline: at most 60 characters"),
        (changed('name = "Wren"', 'name = " "'), "wren.toml: en.name: text without blank ends"),
        (changed('name = "Wren"', 'name = "Wr\\u0007en"'), "wren.toml: en.name: text without blank ends or control"),
        (changed('name = "Wren"', "name = Wren"), "wren.toml: not valid TOML"),
        (changed("[en.voice]", "[en.voice]\npace = 3.0"), "wren.toml: en.voice.pace: from 0.5 to 2.0"),
        (changed("[en.voice]", '[en.voice]\npitch = "low"'), "wren.toml: en.voice.pitch: Expected `float`, got `str`"),
        (lambda text: text[: text.index("[zh]")], "wren.toml: Object missing required field `zh`"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place_and_reason(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    file = tmp_path / "wren.toml"
    file.write_text(change((FOLDER / "assistant.toml").read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CardError, match=re.escape(message)):
        read(file)


def test_a_file_needs_a_name_fit_for_an_address(tmp_path: Path) -> None:
    file = tmp_path / "Night Nurse.toml"
    file.write_bytes((FOLDER / "assistant.toml").read_bytes())
    with pytest.raises(CardError, match="named by small letters"):
        load(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match=r"noise\.toml: not UTF-8 text"):
        load(tmp_path)
