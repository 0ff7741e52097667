"""What every store of characters does, the fake and the real one alike, on each database."""

from datetime import UTC, datetime

import msgspec
import pytest

from db.personas import SqlPersonas
from domain.errors import NotFound
from domain.persona import Card, Example, Persona, Voice
from tests.fakes_stores import MemoryPersonas

Store = SqlPersonas | MemoryPersonas
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def persona(slug: str, name: str = "苏格拉底 🏛️") -> Persona:
    card = Card(
        name, "tagline", "description", "personality", "scenario", "style", "greeting", "unheard",
        Voice("heart", 0.9, -2.0, 1.1), (Example("Why?", "Why not?"),), ("Hello",), ("wise",),
    )  # fmt: skip
    return Persona(slug, 40, 0.7, {"en": card, "zh": card})


SOCRATES, NAVIGATOR, TUTOR = persona("socrates"), persona("navigator"), persona("tutor")


def test_characters_come_back_as_they_were_shipped_and_in_that_order(personas: Store) -> None:
    personas.seed([TUTOR, SOCRATES, NAVIGATOR])

    assert personas.all() == [TUTOR, SOCRATES, NAVIGATOR]
    assert personas.get("socrates") == SOCRATES


def test_seeding_again_changes_nothing(personas: Store) -> None:
    personas.seed([TUTOR, SOCRATES])
    personas.seed([TUTOR, SOCRATES])

    assert personas.all() == [TUTOR, SOCRATES]


def test_a_card_that_changed_is_seen_at_once(personas: Store) -> None:
    personas.seed([TUTOR, SOCRATES])
    assert personas.get("socrates") == SOCRATES
    younger = msgspec.structs.replace(SOCRATES, hue=200)
    personas.seed([younger, TUTOR])

    assert personas.get("socrates") == younger
    assert personas.all() == [younger, TUTOR]


@pytest.mark.parametrize("slug", ["nobody", "", "\0", "\ud800", "x" * 5_000, "Socrates", "socrates "])
def test_a_character_that_never_was_is_gone(personas: Store, slug: str) -> None:
    personas.seed([SOCRATES])
    for attempt in (
        lambda: personas.get(slug),
        lambda: personas.remove(slug, NOW),
        lambda: personas.bring_back(slug),
    ):
        with pytest.raises(NotFound) as refused:
            attempt()
        assert refused.value.code == "character_gone"


def test_a_removed_character_stays_removed_whatever_is_shipped(personas: Store) -> None:
    personas.seed([TUTOR, SOCRATES])
    assert len(personas.all()) == 2
    personas.remove("socrates", NOW)
    personas.seed([TUTOR, msgspec.structs.replace(SOCRATES, hue=1)])

    assert personas.all() == [TUTOR]
    with pytest.raises(NotFound):
        personas.get("socrates")
    personas.bring_back("socrates")
    assert personas.all() == [TUTOR, msgspec.structs.replace(SOCRATES, hue=1)]


def test_a_character_no_longer_shipped_leaves_the_gallery_but_its_chats_go_on(personas: Store) -> None:
    personas.seed([TUTOR, SOCRATES])
    personas.seed([TUTOR])

    assert personas.all() == [TUTOR]
    assert personas.get("socrates") == SOCRATES
    personas.seed([SOCRATES, TUTOR])
    assert personas.all() == [SOCRATES, TUTOR]
