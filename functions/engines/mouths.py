"""The real TTS engines put together: what `functions.tts.Tts` loads."""

from pathlib import Path

from functions.engines.english import English
from functions.engines.hibari import HibariTts
from functions.engines.kokoro import KokoroTts
from functions.engines.kokoro_graph import prepare_kokoro
from functions.engines.melody import prepare_melody
from functions.engines.voices import HIBARI, KOKORO, chinese_for
from functions.tts import Engines


def prepare(kokoro: Path) -> tuple[Path, Path]:
    """Make Kokoro's edited graph and its melody from the verified original, unless they are there; return both."""
    edited, melody = kokoro.with_suffix(".parley.onnx"), kokoro.with_suffix(".melody.onnx")
    prepare_kokoro(kokoro, edited)
    prepare_melody(kokoro, melody)
    return edited, melody


def open_mouths(kokoro: Path, threads: int) -> Engines:
    """Load both engines (seconds). `kokoro` is the verified original; what is made of it is kept beside it."""
    edited, melody = prepare(kokoro)
    english = English()
    return Engines(
        HibariTts(english, melody),
        KokoroTts(edited, english, threads),
        frozenset(KOKORO),
        chinese_for,
        frozenset((*HIBARI, *KOKORO)),
    )
