"""The voices: which speakers there are, and which one each character should have.

docs/voices.md has what was measured of them, tools/fit_voices.py how the English ones were made.
"""

from pathlib import Path

import msgspec

from domain.persona import Language, Voice
from functions.engines.bend import Shape

_DATA = Path(__file__).with_name("voices")
STYLES = _DATA / "kokoro-styles.npz"
SPEAKERS = _DATA / "hibari-speakers.npz"


class Bent(msgspec.Struct, frozen=True):
    """A speaker made from hibari's: by the melody and timbre SPEAKERS has for it, else by `shape` alone.

    The shape stands in where Kokoro's weights, and so the melody, are absent.
    """

    shape: Shape = Shape()
    pace: float = 1.0


# English speakers, named after the Kokoro speaker whose melody and timbre they have.
HIBARI: dict[str, Bent] = {
    "heart": Bent(),
    "bm_george": Bent(Shape(pitch=-6, formant=0.87)),
    "bm_fable": Bent(Shape(pitch=-8, formant=0.88)),
    "bm_daniel": Bent(Shape(pitch=-8.5, formant=0.86)),
    "bf_emma": Bent(Shape(pitch=-2, formant=0.97)),
    "am_onyx": Bent(Shape(pitch=-13, formant=0.85)),
}
# Left out: zf_xiaoni, heard back with nine characters of ten wrong, and zm_yunxia, as high as a child.
KOKORO: tuple[str, ...] = (
    "zf_xiaobei",
    "zf_xiaoxiao",
    "zf_xiaoyi",
    "zf_blend",  # half xiaoyi, half xiaoxiao
    "zm_yunjian",
    "zm_yunxi",
    "zm_yunyang",
    "zm_blend",  # half yunxi, half yunyang
)

RECOMMENDED: dict[str, dict[Language, Voice]] = {
    "socrates": {"en": Voice("bm_george", 0.92, -2.0), "zh": Voice("zm_yunjian", 0.95)},
    "detective": {"en": Voice("bm_fable", 1.06, 2.0), "zh": Voice("zm_yunyang", 1.05)},
    "navigator": {"en": Voice("bf_emma", 0.97, 2.5, 1.06), "zh": Voice("zf_xiaoyi")},
    "storyteller": {"en": Voice("bm_daniel", 0.88, 3.5, 1.04), "zh": Voice("zm_yunxi", 0.95)},
    "coach": {"en": Voice("bf_emma", 1.06, -1.5, 0.97), "zh": Voice("zf_xiaoxiao", 1.05)},
    "tutor": {"en": Voice("heart", 1.0, 3.5, 1.1), "zh": Voice("zf_blend", 1.0, 0.5)},
    "assistant": {"en": Voice("heart"), "zh": Voice("zf_xiaobei")},
    "hermit": {"en": Voice("am_onyx", 0.92), "zh": Voice("zm_blend", 0.9, -2.0)},
}


def chinese_for(voice: Voice) -> Voice:
    """Return the Chinese voice of the character that has this English one, or one of the same sex."""
    for pair in RECOMMENDED.values():
        if pair["en"] == voice:
            return pair["zh"]
    low = voice.name[1:2] == "m" or voice.pitch < -5
    return Voice("zm_yunxi" if low else "zf_xiaoxiao", voice.pace)
