"""The app's own voices, to speak the benches' questions with."""

import threading
from collections.abc import Callable, Iterator

from domain.audio import Audio
from domain.persona import Language, Voice
from functions import weights
from functions.engines.mouths import open_mouths

Say = Callable[[str, Voice, Language, threading.Event], Iterator[Audio]]


def speaker() -> Say:
    """Load the voices; return what speaks with the right one."""
    mouths = open_mouths(weights.path("kokoro-v1.0.int8.onnx"), threads=2)

    def say(text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        mouth = mouths.english if language == "en" else mouths.chinese
        assert mouth is not None
        return mouth.speak(text, voice, language, stop)

    return say
