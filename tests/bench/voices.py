"""The app's own voices, to speak the benches' questions with."""

import threading
from collections.abc import Callable, Iterator

from domain.audio import Audio
from domain.persona import Language, Voice
from functions import weights
from functions.engines.english import English
from functions.engines.hibari import HibariTts
from functions.engines.kokoro import KokoroTts
from functions.engines.kokoro_graph import prepare_kokoro

Say = Callable[[str, Voice, Language, threading.Event], Iterator[Audio]]


def speaker() -> Say:
    """Load the voices; return what speaks with the right one."""
    english = English()
    original = weights.path("kokoro-v1.0.int8.onnx")
    edited = original.with_suffix(".parley.onnx")
    prepare_kokoro(original, edited)
    fast, other = HibariTts(english), KokoroTts(edited, english)

    def say(text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        return (fast if language == "en" else other).speak(text, voice, language, stop)

    return say
