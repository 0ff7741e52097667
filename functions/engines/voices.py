"""The voices: which speakers there are, and which one each character should have.

docs/voices.md has what was measured of them.
"""

from pathlib import Path

import msgspec

from domain.persona import Language, Voice
from functions.engines.bend import Shape

STYLES = Path(__file__).with_name("voices") / "kokoro-styles.npz"


class Bent(msgspec.Struct, frozen=True):
    """A speaker made by bending hibari's."""

    shape: Shape = Shape()
    pace: float = 1.0


HIBARI: dict[str, Bent] = {
    "heart": Bent(),
}
KOKORO: tuple[str, ...] = (
    "zf_xiaobei",
    "zf_xiaoni",
    "zf_xiaoxiao",
    "zf_xiaoyi",
    "zm_yunjian",
    "zm_yunxi",
    "zm_yunxia",
    "zm_yunyang",
)

RECOMMENDED: dict[str, dict[Language, Voice]] = {
    "socrates": {"en": Voice("heart", 0.90, -10.0, 0.84), "zh": Voice("zm_yunjian", 0.95)},
    "detective": {"en": Voice("heart", 1.08, -8.0, 0.88), "zh": Voice("zm_yunyang", 1.05)},
    "navigator": {"en": Voice("heart", 1.00, 1.5, 1.06), "zh": Voice("zf_xiaoyi")},
    "storyteller": {"en": Voice("heart", 0.92, -4.0, 0.95), "zh": Voice("zf_xiaobei", 0.95)},
    "coach": {"en": Voice("heart", 1.06, -1.5, 0.98), "zh": Voice("zf_xiaoxiao", 1.05)},
    "tutor": {"en": Voice("heart", 1.0, 3.0, 1.08), "zh": Voice("zf_xiaoni")},
    "assistant": {"en": Voice("heart"), "zh": Voice("zm_yunxi")},
    "hermit": {"en": Voice("heart", 0.88, -12.0, 0.90), "zh": Voice("zm_yunxia", 0.92)},
}


def chinese_for(voice: Voice) -> Voice:
    """Return the Chinese voice of the character that has this English one, or the nearest by pitch."""
    for pair in RECOMMENDED.values():
        if pair["en"] == voice:
            return pair["zh"]
    bent = HIBARI.get(voice.name, Bent())
    low = voice.pitch + bent.shape.pitch < -5
    return Voice("zm_yunxi" if low else "zf_xiaoxiao", voice.pace)
