"""Read the characters from their files: one TOML file each, named after its id, with a card per language."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from domain.persona import LANGUAGES, Card, Language, Persona

TAGLINE = 60  # characters
LIMITS: dict[str, tuple[float, float]] = {"pace": (0.5, 2.0), "pitch": (-12.0, 12.0), "formant": (0.7, 1.4)}
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class CardError(ValueError):
    """A character's file is wrong; the message names the file, the field and what was expected."""


class _File(msgspec.Struct, frozen=True):
    hue: int
    temperature: float
    en: Card
    zh: Card


def load(folder: Path) -> list[Persona]:
    """Return the characters of `folder/*.toml`, in the order of their ids. Raises CardError."""
    return [read(path) for path in sorted(folder.glob("*.toml"))]


def read(path: Path) -> Persona:
    """Return the character of one file. Raises CardError."""
    try:
        return _persona(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{path.name}: not valid TOML: {error}") from None
    except UnicodeDecodeError:
        raise CardError(f"{path.name}: not UTF-8 text") from None
    except ValueError as error:
        raise CardError(f"{path.name}: {error}") from None


def _persona(slug: str, raw: dict[str, Any]) -> Persona:
    if not _SLUG.fullmatch(slug):
        raise ValueError("a character's file is named by small letters, digits and hyphens, like night-nurse.toml")
    _known_only(raw, _File, "")
    try:
        file = msgspec.convert(raw, _File)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$.")
        raise ValueError(f"{where.rstrip('`')}: {text}" if where else text) from None
    cards: dict[Language, Card] = {"en": file.en, "zh": file.zh}
    if not 0 <= file.hue <= 359:
        raise ValueError("hue: from 0 to 359 degrees")
    if not 0.0 <= file.temperature <= 1.5:
        raise ValueError("temperature: from 0.0 to 1.5")
    for language in LANGUAGES:
        _check(cards[language], language)
    return Persona(slug, file.hue, file.temperature, cards)


def _known_only(raw: object, kind: Any, where: str) -> None:
    """Refuse a key that no field has, since a misspelt optional one would be lost in silence."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(raw, dict):
        fields = get_type_hints(kind)
        for key, value in raw.items():
            if key not in fields:
                raise ValueError(f"{where}{key}: no such field; there are {', '.join(fields)}")
            _known_only(value, fields[key], f"{where}{key}.")
    elif get_origin(kind) is tuple and isinstance(raw, list):
        for value in raw:
            _known_only(value, get_args(kind)[0], where)


def _check(card: Card, language: Language) -> None:
    texts = {name: value for name in card.__struct_fields__ if isinstance(value := getattr(card, name), str)}
    lists = {"openers": card.openers, "tags": card.tags}
    pairs = {"examples": [text for e in card.examples for text in (e.user, e.character)]}
    for name, several in ({n: [t] for n, t in texts.items()} | lists | pairs).items():
        for text in several:
            if not text.strip() or text != text.strip() or _CONTROL.search(text):
                raise ValueError(f"{language}.{name}: text without blank ends or control characters is expected")
    if len(card.tagline) > TAGLINE:
        raise ValueError(f"{language}.tagline: at most {TAGLINE} characters, this has {len(card.tagline)}")
    for name, (least, most) in LIMITS.items():
        if not least <= getattr(card.voice, name) <= most:
            raise ValueError(f"{language}.voice.{name}: from {least} to {most}")
